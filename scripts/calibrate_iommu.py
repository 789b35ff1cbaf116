#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""VT-d against measured hardware: the IOMMU's working set; prints predicted, measured and residual of every row; exit 1
if a judged residual exceeds its limit.

usage: calibrate_iommu.py [--host HOST] [--quick | --fit | --check-fit] [--svg FILE] [PROGRAM]

Measured: traces/reference/pcie-bench-iommu-*.csv (pcie-bench, SIGCOMM 2018: 64 to 512 B at random places of a window of
4 KiB to 64 MiB, on two Xeons, without VT-d, with it and pages of 4 KiB, of 2 MiB). Simulated: PROGRAM (default:
iommu_window in build/, build-dev/ ...) with the preset pcie-bench-HOST-vtd, whose rows say where each value comes from.

Compared: what VT-d adds to the latency of a 64 B read that is alone (cold and warm rows), and bandwidth with VT-d on.
What a size reaches without VT-d is taken from the measured row of 256 KiB ("transport"), so that residuals are VT-d's.
Fitted, for each host:
  walker.slots, memory.walk_latency, agent.miss_latency   writes of 64 B over 64 MiB, given what a miss costs:
                                                          read latency over 64 MiB
  agent.tlb_entries                                       read latency over 1 MiB
  walker.slow_share                                       reads of 64 and 256 B over 64 MiB
Judged: latency within 10 ns; writes within 6 %; reads within 8 %, but those over 512 KiB and 1 MiB are only reported.
  --quick      some of the windows
  --fit        repeats the fit from other values and prints it
  --check-fit  fails if the preset holds other values than the fit
  --svg FILE   draws what is printed: measured points, predicted lines, fitted points marked
"""
import argparse
import csv
import pathlib
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
HOSTS = ("e5-2630v4", "e5-2620v3")
KIB, MIB = 1 << 10, 1 << 20
LATENCY, READ, WRITE = "read-latency", "read-bandwidth", "write-bandwidth"
LIMIT = {LATENCY: 10.0, READ: 8.0, WRITE: 6.0}  # ns, %, %
SIZES = (64, 128, 256, 512)
REFERENCE_WINDOW, LARGE, SMALL = 256 * KIB, 64 * MIB, MIB
QUICK = (256 * KIB, SMALL, 4 * MIB, LARGE)
UNSETTLED = (512 * KIB, MIB)  # reads: published-figures 1.4
LLC_HOLDS = 8 * MIB  # reads over more come from DRAM on one host or the other; the model's memory is one
AGENT, MEMORY = "platform.iommu.vtd.agent.", "platform.memory."
SLOTS, SLOW, ENTRIES, WAYS, READS, MISS, WALK = (
    AGENT + "walker.slots", AGENT + "walker.slow_share", AGENT + "tlb_entries", AGENT + "tlb_ways",
    AGENT + "read_misses", AGENT + "miss_latency", MEMORY + "walk_latency")
LEVELS = 4  # reads of a walk
EXACT = ("--reads", "200000", "--microseconds", "2000")
ACK, FC = "platform.link.ack_limit", "platform.link.fc_limit"
ALLOWANCE = 380  # the presets' ACK and FC
SKP = 4 / 1538


class Host:
    """The measurements of one host, and the program that repeats them."""

    def __init__(self, name, program):
        self.name, self.program, self.sets_of = name, program, {}
        with (TOP / "traces" / "reference" / f"pcie-bench-iommu-{name}.csv").open() as lines:
            self.rows = {(r["experiment"], int(r["bytes"]), int(r["window"]), r["pages"], r["cache"]):
                         float(r["measured"]) for r in csv.DictReader(lines)}

    def bandwidth(self, experiment, size, window, pages):
        return self.rows[(experiment, size, window, pages, "HWarm")]

    def added(self, window, pages, cache):
        """What VT-d adds to the latency."""
        of = [self.rows[(LATENCY, 64, window, p, cache)] for p in (pages, "none")]
        return of[0] - of[1]

    def run(self, points, sets, effort=()):
        """{(experiment, bytes, window, pages): (value, standard error)}; all points of one experiment and size."""
        command = [self.program, "--preset", f"pcie-bench-{self.name}-vtd", *effort]
        command += [a for path, value in sets.items() for a in ("--set", f"{path}={value}")]
        questions = "".join(" ".join(map(str, p)) + "\n" for p in points)
        answers = subprocess.run(command, input=questions, text=True, check=True, stdout=subprocess.PIPE).stdout
        found = {}
        for line in answers.splitlines():
            experiment, size, window, pages, value, error = line.split()
            found[(experiment, int(size), int(window), pages)] = float(value), float(error)
        assert len(found) == len(points), command
        return found

    def transport(self, experiment, size):
        """Settings with which this size reaches without VT-d what was measured: of the device, or of the link."""
        if experiment == LATENCY:
            return {}
        if (experiment, size) not in self.sets_of:
            self.sets_of[(experiment, size)] = self.find_transport(experiment, size)
        return self.sets_of[(experiment, size)]

    def find_transport(self, experiment, size):
        want = self.bandwidth(experiment, size, REFERENCE_WINDOW, "none")
        interval = f"{8 * min(size, 256) / want:.3f}ns"
        if experiment == WRITE:
            return {"devices.nfp.endpoint.write_interval": interval}
        if size == 64:
            return {"devices.nfp.endpoint.read_interval": interval}
        point = (READ, size, REFERENCE_WINDOW, "none")
        share = (1 - 16 / ALLOWANCE - SKP) * want / self.run([point], {})[point][0]
        limit = round(16 / (1 - SKP - share))
        return {ACK: limit, FC: limit}

    def simulate(self, points, sets=None, effort=()):
        """As run(), each experiment and size with its transport; latencies are what VT-d adds."""
        found = {}
        for key in sorted({p[:2] for p in points}):
            mine = [p for p in points if p[:2] == key]
            if key[0] == LATENCY:
                mine.append((LATENCY, 64, REFERENCE_WINDOW, "none"))
            found.update(self.run(mine, {**self.transport(*key), **(sets or {})}, effort))
        alone = found.pop((LATENCY, 64, REFERENCE_WINDOW, "none"), (0, 0))[0]
        return {p: (v - alone if p[0] == LATENCY else v, e) for p, (v, e) in found.items()}


# ---- the table ------------------------------------------------------------------------------------------------------

FITTED = {(LATENCY, 64, LARGE, "4K", "Cold"), (LATENCY, 64, SMALL, "4K", "Cold"), (WRITE, 64, LARGE, "4K", "HWarm"),
          (READ, 64, LARGE, "4K", "HWarm"), (READ, 256, LARGE, "4K", "HWarm")}


def is_judged(row):
    experiment, _, window, pages, _ = row
    if experiment != READ:
        return True
    return window <= LLC_HOLDS if pages == "2M" else window not in UNSETTLED


def name_of(window):
    return f"{window // KIB}K" if window < MIB else f"{window / MIB:g}M"


def compare(host, quick):
    """[(row, measured, predicted, error, residual)] of all rows with VT-d on."""
    wanted = [r for r in host.rows if r[3] != "none" and (not quick or r[2] in QUICK)]
    effort = ("--reads", "5000", "--microseconds", "200") if quick else ()
    got = host.simulate(sorted({r[:4] for r in wanted}), effort=effort)
    table = []
    for row in wanted:
        experiment, size, window, pages, cache = row
        predicted, error = got[row[:4]]
        if experiment == LATENCY:
            measured = host.added(window, pages, cache)
            residual = predicted - measured
        else:
            measured = host.bandwidth(experiment, size, window, pages)
            residual, error = 100 * (predicted / measured - 1), 100 * error / measured
        table.append((row, measured, predicted, error, residual))
    return table


def print_table(host, table):
    failures, worst, heading = 0, dict.fromkeys(LIMIT, 0.0), None
    for row, measured, predicted, error, residual in table:
        experiment, size, window, pages, cache = row
        unit, of = ("ns added", "ns") if experiment == LATENCY else ("Gb/s", "%")
        if (experiment, size, pages, cache) != heading:
            heading = (experiment, size, pages, cache)
            print(f"\n{host.name}: {experiment} of {size} B, pages of {pages}, {cache} ({unit})")
            print(f"{'window':>7} {'measured':>9} {'predicted':>9} {'residual':>9} {'+-':>6}")
        judged, fitted = is_judged(row), row in FITTED
        bad = judged and abs(residual) > LIMIT[experiment]
        failures += bad
        if judged and not fitted:
            worst[experiment] = max(worst[experiment], abs(residual))
        what = ("fitted" if fitted else "judged" if judged else "reported") + ("  FAILED" if bad else "")
        print(f"{name_of(window):>7} {measured:>9.1f} {predicted:>9.1f} {residual:>+9.1f} {error:>6.1f} {of:<2} {what}")
    print(f"\n{host.name}: largest judged residual that was not fitted: latency {worst[LATENCY]:.1f} ns (limit 10), "
          f"writes {worst[WRITE]:.1f} % (6), reads {worst[READ]:.1f} % (8); {failures} failed\n")
    return failures


# ---- the fit --------------------------------------------------------------------------------------------------------

def sets_with(entries, slots, walk, miss, share):
    return {ENTRIES: entries, WAYS: entries, SLOTS: slots, READS: slots, WALK: f"{walk:.2f}ns",
            MISS: f"{max(miss, 0):.1f}ns", SLOW: share}


def fit_cost(host, at):
    """The mean cost of a miss, by what a longer walk adds; `at`: entries, slots, walk, miss, share."""
    point = (LATENCY, 64, LARGE, "4K")
    share = 1 - at[0] * 4 * KIB / LARGE
    off = host.added(LARGE, "4K", "Cold") - host.simulate([point], sets_with(*at), EXACT)[point][0]
    return off / share


def fit_entries(host, at):
    """By bisection: more entries, less latency."""
    point, want = (LATENCY, 64, SMALL, "4K"), host.added(SMALL, "4K", "Cold")
    low, high = 16, 255
    found = {}
    while low < high:
        middle = (low + high) // 2
        found[middle] = host.simulate([point], sets_with(middle, *at[1:]), EXACT)[point][0] - want
        low, high = (middle + 1, high) if found[middle] > 0 else (low, middle)
    return min(found, key=lambda n: abs(found[n]))


def fit(host):
    """From other values: 128 entries, 4 walkers, 100 ns a read, no slow walks."""
    at = [128, 4, 100.0, 0.0, 0]
    cost = LEVELS * at[2]
    for _ in range(2):  # the two depend on each other a little
        at[2] += fit_cost(host, at) / LEVELS
        at[0] = fit_entries(host, at)
    point, share = (WRITE, 64, LARGE, "4K"), 1 - at[0] * 4 * KIB / LARGE
    walks = host.bandwidth(*point) / 8 / 64 * share  # per ns
    cost = host.added(LARGE, "4K", "Cold") / share
    at[1] = int(1.02 * cost * walks)  # as many as fit in the cost of a miss, which is known to 2 %
    at[3] = max(0.0, round(cost - at[1] / walks, 1))
    at[2] -= at[3] / LEVELS
    return sets_with(*fit_share(host, at))


def fit_share(host, at):
    """The smaller of the largest residuals of both reads; a walk's mean stays."""
    points = [(READ, size, LARGE, "4K") for size in (64, 256)]

    def trial(share):
        return [*at[:2], at[2] - share * 200 / 100 / LEVELS, at[3], share]

    def worst(share):
        got = host.simulate(points, sets_with(*trial(share)), ("--microseconds", "1000"))
        return max(abs(got[p][0] / host.bandwidth(*p) - 1) for p in points)

    return trial(min(range(0, 21), key=worst))


def print_fit(host):
    print(host.name)
    for path, value in fit(host).items():
        print(f"  {path}={value}")
    return 0


def check_fit(host):
    """The preset's values are those of the fit: with them the fitted points do not move."""
    points = sorted({row[:4] for row in FITTED})
    print_as = fit(host)
    preset, again = host.simulate(points), host.simulate(points, print_as)
    print(host.name, *(f"{path}={value}" for path, value in print_as.items()), sep="\n  ")
    for p in points:
        print(f"  {' '.join(map(str, p))}: preset {preset[p][0]:.3f}, fit {again[p][0]:.3f}")
    return int(preset != again)


# ---- plots ----------------------------------------------------------------------------------------------------------

COLOURS = {64: "#1b6ca8", 128: "#c8553d", 256: "#3d8361", 512: "#7b4b94"}
WIDE, HIGH, LEFT, BELOW = 460, 300, 60, 50


def panel(table, title, key, top, x0, y0):
    """One diagram: rows with key(row), over the window; points were measured, lines are predicted."""
    import math
    rows = [t for t in table if key(t[0])]
    low, high = math.log2(4 * KIB), math.log2(LARGE)
    x = lambda w: x0 + LEFT + (math.log2(w) - low) / (high - low) * (WIDE - LEFT - 20)
    y = lambda v: y0 + HIGH - BELOW - v / top * (HIGH - BELOW - 30)
    out = [f'<text x="{x0 + LEFT}" y="{y0 + 18}" font-weight="bold">{title}</text>']
    for n in range(6):
        v = top * n / 5
        out.append(f'<path d="M{x(4 * KIB)} {y(v)}H{x(LARGE)}" stroke="#ddd"/>'
                   f'<text x="{x0 + LEFT - 6}" y="{y(v) + 4}" text-anchor="end">{v:g}</text>')
    for w in (4 * KIB, 64 * KIB, 512 * KIB, MIB, 4 * MIB, 16 * MIB, LARGE):
        out.append(f'<text x="{x(w)}" y="{y(0) + 16}" text-anchor="middle">{name_of(w)}</text>')
    for n, size in enumerate(sorted({t[0][1] for t in rows})):
        mine = sorted((t for t in rows if t[0][1] == size), key=lambda t: t[0][2])
        colour = COLOURS[size]
        line = " ".join(f"{x(t[0][2]):.1f},{y(t[2]):.1f}" for t in mine)
        out.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        for row, value, *_ in mine:
            out.append(f'<circle cx="{x(row[2]):.1f}" cy="{y(value):.1f}" r="3" fill="{colour}"/>')
            if row in FITTED:
                out.append(f'<rect x="{x(row[2]) - 6:.1f}" y="{y(value) - 6:.1f}" width="12" height="12" fill="none" '
                           f'stroke="black"/>')
        out.append(f'<text x="{x0 + LEFT + 70 * n}" y="{y0 + HIGH - 12}" fill="{colour}">{size} B</text>')
    return out


def write_svg(path, tables):
    kinds = ((LATENCY, "Cold", "ns added to a read", 300), (READ, "HWarm", "reads, Gb/s", 60),
             (WRITE, "HWarm", "writes, Gb/s", 60))
    out = []
    for line, (host, table) in enumerate(tables):
        for column, (experiment, cache, title, top) in enumerate(kinds):
            def key(row, experiment=experiment, cache=cache):
                return row[0] == experiment and row[3] == "4K" and row[4] == cache
            out += panel(table, f"{host.name}: {title}", key, top, WIDE * column, HIGH * line)
    size = f'width="{3 * WIDE}" height="{HIGH * len(tables) + 24}"'
    note = "over the window; points: measured, lines: predicted, squares: fitted; pages of 4 KiB"
    path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="11">'
                    f'<rect width="100%" height="100%" fill="white"/>{"".join(out)}'
                    f'<text x="{LEFT}" y="{HIGH * len(tables) + 14}">{note}</text></svg>\n')


# ---- main -----------------------------------------------------------------------------------------------------------

def find_program():
    for build in ("build", "build-dev", "build-asan", "build-clang"):
        program = TOP / build / "iommu_window"
        if program.exists():
            return str(program)
    sys.exit("calibrate_iommu.py: no iommu_window: cmake --build build --target iommu_window")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--quick", action="store_true")
    what.add_argument("--fit", dest="do", action="store_const", const=print_fit)
    what.add_argument("--check-fit", dest="do", action="store_const", const=check_fit)
    parser.add_argument("--host", choices=HOSTS)
    parser.add_argument("--svg", type=pathlib.Path)
    parser.add_argument("program", nargs="?")
    arguments = parser.parse_args()
    program = arguments.program or find_program()
    hosts = [Host(name, program) for name in HOSTS if arguments.host in (None, name)]
    if arguments.do:
        return max(arguments.do(host) for host in hosts)
    tables = [(host, compare(host, arguments.quick)) for host in hosts]
    failures = sum([print_table(*t) for t in tables])
    if arguments.svg:
        write_svg(arguments.svg, tables)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
