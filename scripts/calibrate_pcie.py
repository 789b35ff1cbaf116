#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""PCIe transport against measured hardware: prints the table with residuals; exit 1 if a judged one exceeds 3 %.

usage: calibrate_pcie.py [--fit | --check-fit | --alternatives] [PROGRAM]

Measured: traces/reference/pcie-bench-e5-2630v4.csv (pcie-bench, Xeon E5-2630 v4, VT-d off). Simulated: PROGRAM
(default: pcie_transport in build/, build-dev/ ...) with the preset pcie-bench-e5-2630v4, whose rows say where each
value comes from (`quiesce list presets --json`).

Three constants were fitted, to three points:
  devices.*.endpoint.issue and .copy    read latency at 8 B and 2048 B, the ends of published-figures 1.2
  platform.link.ack_limit = fc_limit    read bandwidth at 512 B: what ACKs and flow-control updates take
ECRC is on in both directions, as sys-lspci.txt says of the device and of its root port.

Judged: read latency at every size; read and write bandwidth at 512, 1024 and 2048 B; and that 64 B transfers run at the
device's rate of requests, not at the link's. Everything else is reported; why it is off: traces/reference/README.md.
  --fit           repeats the fit from other values and prints it
  --check-fit     fails if the preset holds other values than the fit
  --alternatives  fits the allowance to each of the six judged bandwidths in turn and prints what that gives
"""
import argparse
import csv
import pathlib
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
REFERENCE = TOP / "traces" / "reference" / "pcie-bench-e5-2630v4.csv"
LIMIT = 3.0
PLATEAU = (512, 1024, 2048)
LATENCY, READ, WRITE, BOTH = "read-latency", "read-bandwidth", "write-bandwidth", "read-write-bandwidth"
UNIT = {LATENCY: "ns", READ: "Gb/s", WRITE: "Gb/s", BOTH: "Gb/s"}
SHORT_POINT, LONG_POINT, ALLOWANCE_POINT = (LATENCY, 8), (LATENCY, 2048), (READ, 512)
FITTED = (SHORT_POINT, LONG_POINT, ALLOWANCE_POINT)
ISSUE, COPY, ACK, FC = ("devices.nfp.endpoint.issue", "devices.nfp.endpoint.copy", "platform.link.ack_limit",
                        "platform.link.fc_limit")
INTERVAL = {READ: "devices.nfp.endpoint.read_interval", WRITE: "devices.nfp.endpoint.write_interval"}
DEVICE_RATE = {READ: 63.5e6, WRITE: 47.4e6}  # requests/s, published-figures 1.4 (64 B reads) and 1.1


def measured():
    with REFERENCE.open() as lines:
        return {(r["experiment"], int(r["bytes"])): float(r["measured"]) for r in csv.DictReader(lines)}


def simulate(program, points, **sets):
    """{point: value} of the preset with what `sets` puts over it."""
    command = [program] + [a for path, value in sets.items() for a in ("--set", f"{path}={value}")]
    questions = "".join(f"{experiment} {size}\n" for experiment, size in points)
    answers = subprocess.run(command, input=questions, text=True, check=True, stdout=subprocess.PIPE).stdout.split("\n")
    rows = (line.split() for line in answers if line)
    found = {(experiment, int(size)): float(value) for experiment, size, value in rows}
    assert len(found) == len(points), command
    return found


def residual(simulated, reference):
    return 100 * (simulated / reference - 1)


def fit_latency(program, want, limits):
    """The two constants from the two points. Both are additive: a time per request and a time per byte."""
    at = {ISSUE: "60ns", COPY: "80Gbps", **limits}
    got = simulate(program, (SHORT_POINT, LONG_POINT), **at)
    missing = {p: want[p] - got[p] for p in (SHORT_POINT, LONG_POINT)}
    short, long = SHORT_POINT[1], LONG_POINT[1]
    per_byte = (missing[LONG_POINT] - missing[SHORT_POINT]) / (long - short)
    issue = 60 + missing[SHORT_POINT] - per_byte * short
    return issue, 8 / (8 / 80 + per_byte)


def fit_allowance(program, want, point):
    """Bytes per ACK and per flow-control update, a whole number, by bisection: more bytes, more bandwidth."""
    low, high = 32, 100_000
    while low < high:
        middle = (low + high) // 2
        if simulate(program, (point,), **{ACK: middle, FC: middle})[point] < want[point]:
            low = middle + 1
        else:
            high = middle
    over, under = ({ACK: n, FC: n} for n in (low, max(32, low - 1)))
    error = [abs(simulate(program, (point,), **s)[point] - want[point]) for s in (over, under)]
    return over[ACK] if error[0] <= error[1] else under[ACK]


def rounded_fit(program, want):
    limit = fit_allowance(program, want, ALLOWANCE_POINT)
    issue, copy = fit_latency(program, want, {ACK: limit, FC: limit})
    return {ISSUE: f"{issue:.1f}ns", COPY: f"{copy:.1f}Gbps", ACK: str(limit), FC: str(limit)}


def role(point, off, capped):
    """What a row is, and whether it is good; None: nobody asks."""
    experiment, size = point
    if point in FITTED:
        return "fitted", abs(off) <= LIMIT
    if experiment == LATENCY or (experiment in (READ, WRITE) and size in PLATEAU):
        return "judged", abs(off) <= LIMIT
    if experiment in (READ, WRITE) and size == 64:
        return "judged: at the device's rate", capped
    return "reported", None


def capped_points(program, simulated):
    """Whether 64 B transfers run at the device's documented rate, and would be faster if only the link limited them."""
    found = {}
    for experiment, path in INTERVAL.items():
        point = (experiment, 64)
        link_alone = simulate(program, (point,), **{path: "0ns"})[point]
        at_rate = abs(residual(simulated[point], 64 * 8 * DEVICE_RATE[experiment] / 1e9)) < 0.5
        found[point] = at_rate and link_alone > 1.1 * simulated[point]
    return found


def print_table(program):
    want = measured()
    got = simulate(program, list(want))
    capped = capped_points(program, got)
    worst, failures, heading = 0.0, 0, None
    for point, reference in want.items():
        experiment, size = point
        if experiment != heading:
            heading = experiment
            print(f"\n{experiment} ({UNIT[experiment]})")
            print(f"{'bytes':>6} {'measured':>9} {'simulated':>9} {'residual':>9}")
        off = residual(got[point], reference)
        what, good = role(point, off, capped.get(point))
        if what == "judged":
            worst = max(worst, abs(off))
        failures += good is False
        failed = "  FAILED" if good is False else ""
        print(f"{size:>6} {reference:>9.2f} {got[point]:>9.2f} {off:>+8.2f}%  {what}{failed}")
    print(f"\nfitted on {', '.join(f'{e} {n} B' for e, n in FITTED)}; ECRC on in both directions")
    print(f"largest judged residual {worst:.2f} % (limit {LIMIT} %), {failures} failed")
    return 1 if failures else 0


def print_fit(program):
    for path, value in rounded_fit(program, measured()).items():
        print(f"{path}={value}")
    return 0


def check_fit(program):
    """The preset's values are those of the fit: with them the three fitted points do not move."""
    want = measured()
    fit = rounded_fit(program, want)
    preset, again = simulate(program, FITTED), simulate(program, FITTED, **fit)
    print("\n".join(f"{path}={value}" for path, value in fit.items()))
    for point in FITTED:
        print(f"{point}: measured {want[point]}, preset {preset[point]}, fit {again[point]}")
    return 0 if preset == again else 1


def print_alternatives(program):
    want = measured()
    points = [(e, n) for e in (READ, WRITE) for n in PLATEAU]
    for experiment, size in points:
        limit = fit_allowance(program, want, (experiment, size))
        got = simulate(program, points, **{ACK: limit, FC: limit})
        off = [f"{e.split('-')[0]} {n} {residual(got[(e, n)], want[(e, n)]):+.2f}%" for e, n in points]
        print(f"{experiment} {size} (limit {limit}): {', '.join(off)}")
    return 0


def find_program():
    for build in ("build", "build-dev", "build-asan", "build-clang"):
        program = TOP / build / "pcie_transport"
        if program.exists():
            return str(program)
    sys.exit("calibrate_pcie.py: no pcie_transport: cmake --build build --target pcie_transport")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--fit", dest="do", action="store_const", const=print_fit)
    what.add_argument("--check-fit", dest="do", action="store_const", const=check_fit)
    what.add_argument("--alternatives", dest="do", action="store_const", const=print_alternatives)
    parser.add_argument("program", nargs="?")
    arguments = parser.parse_args()
    return (arguments.do or print_table)(arguments.program or find_program())


if __name__ == "__main__":
    sys.exit(main())
