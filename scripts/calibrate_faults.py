#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What page faults of a device cost against measured hardware (Kunpeng 920, stall model); prints predicted, measured and
residual of every row; exit 1 if a slowdown is off by more than 2 points.

usage: calibrate_faults.py [--fit | --check-fit] [PROGRAM]

Measured: traces/reference/kunpeng920-sva-faults.csv. Simulated: PROGRAM (default: build/quiesce) with the preset
kunpeng920-sva: a platform device goes through its pages in order, a page a request; once with all pages there, once with none. What the
faults add is predicted; what the row takes without them, start-up included, is measured (its first column).
Fitted: os.cpu.wake_up, to the cost of a fault in the first row. Judged: the four slowdowns.
  --fit        repeats the fit and prints it
  --check-fit  fails if the preset holds another value than the fit
"""
import argparse
import csv
import json
import pathlib
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parent.parent
PAGES, LIMIT = 512, 2.0  # of a message; points
PACE_NS = 218  # a page at the speed of the longest run without faults
FITTED = "os.cpu.wake_up"


def rows():
    with open(TOP / "traces" / "reference" / "kunpeng920-sva-faults.csv", newline="") as file:
        return [{k: float(v) if "." in v else int(v) for k, v in row.items()} for row in csv.DictReader(file)]


def spent(program, row, present, sets):
    """The ps that the row's first messages took, until every page has been touched, and the page faults."""
    requests = max(row["faults"], PAGES)
    text = "\n".join([
        "scenario: messages through a device", "platform: {preset: kunpeng920-sva}", "observe: {waves: false}",
        "devices: {qm0: {kind: platform-master, burst: 4KiB, bandwidth: 1600Gbps}}", "steps:",
        f"  - os: {{spawn: app0, pages: {row['faults']}, present: {row['faults'] if present else 0}}}",
        "  - os: {bind: app0, to: qm0}",
        f"  - qm0: {{stream: app0, access: mixed, pattern: sequential, size: 4KiB, every: {PACE_NS}ns, outstanding: 1, count: {requests}}}",
        "until: 1s", ""])
    with tempfile.TemporaryDirectory() as out:
        path = pathlib.Path(out)
        (path / "s.yaml").write_text(text)
        command = [program, "run", str(path / "s.yaml"), "--out", out]
        for s in sets:
            command += ["--set", s]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            sys.exit(f"exit {done.returncode}: {done.stderr.strip()}")
        r = json.loads((path / "run.json").read_text())
    made = r["dma"]["reads"] + r["dma"]["writes"]
    if made != requests:
        sys.exit(f"{made} of {requests} requests came to memory")
    return r["dma"]["last_ps"] - r["dma"]["first_ps"], r["stalls"]["retried"]


def base_us(row):
    """What the row took without faults, as measured."""
    return row["messages"] * 1024 / row["kbytes_per_s_without"] * 1e6


def predicted(program, row, sets=()):
    without, none = spent(program, row, True, sets)
    with_faults, faults = spent(program, row, False, sets)
    if none or faults != row["faults"]:
        sys.exit(f"{none} and {faults} faults instead of 0 and {row['faults']}")
    added = (with_faults - without) / 1e6
    return {"slowdown": 100 * added / (base_us(row) + added), "fault_us": added / faults}


def measured_cost(row):
    """us a fault adds."""
    seconds = [row["messages"] * 1024 / row[f"kbytes_per_s_{how}"] for how in ("with", "without")]
    return (seconds[0] - seconds[1]) / row["faults"] * 1e6


def fit(program, row):
    """The cost grows by the same for each ns of wake-up: two runs tell."""
    wanted = measured_cost(row)
    low, high = (predicted(program, row, [f"{FITTED}={ns}ns"])["fault_us"] for ns in (2000, 4000))
    return round(2000 + 2000 * (wanted - low) / (high - low), -1)


def preset_value(program):
    text = "scenario: s\nplatform: {preset: kunpeng920-sva}\ndevices: {qm0: {kind: platform-master}}\nsteps:\n  - os: {spawn: app0}\n"
    with tempfile.TemporaryDirectory() as out:
        (pathlib.Path(out) / "s.yaml").write_text(text)
        subprocess.run([program, "run", f"{out}/s.yaml", "--out", out], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        lines = (pathlib.Path(out) / "config.resolved.yaml").read_text().splitlines()
    return next(line.split(":")[1].split("#")[0].strip() for line in lines if line.strip().startswith("wake_up:"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--check-fit", action="store_true")
    parser.add_argument("program", nargs="?", default=str(TOP / "build" / "quiesce"))
    a = parser.parse_args()
    table = rows()
    if a.fit or a.check_fit:
        fitted, held = fit(a.program, table[0]), preset_value(a.program)
        print(f"{FITTED}: fitted {fitted / 1000:g} us to {measured_cost(table[0]):.2f} us a fault; the preset holds {held}")
        return 1 if a.check_fit and held != f"{fitted / 1000:g}us" else 0
    failed = 0
    print("messages  faults  cost of a fault, us         slowdown, %")
    print("                  measured  predicted         measured  predicted  residual")
    for row in table:
        p = predicted(a.program, row)
        residual = p["slowdown"] - row["slowdown_percent"]
        failed += abs(residual) > LIMIT
        note = "cost fitted" if row is table[0] else ""
        print(f"{row['messages']:8}  {row['faults']:6}  {measured_cost(row):8.2f}  {p['fault_us']:9.2f}  {note:11}  "
              f"{row['slowdown_percent']:11.1f}  {p['slowdown']:9.1f}  {residual:+8.1f}{'  FAILED' if abs(residual) > LIMIT else ''}")
    print(f"judged within {LIMIT:g} points: {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
