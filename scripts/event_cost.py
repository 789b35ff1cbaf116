#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What events.sqlite costs: event_cost.py QUIESCE [SCENARIO ...]

Runs each scenario in turns with observe.events=none, window and all, and prints the median of the CPU time that the process took,
with everything else that a run leaves, and without it (no waves, no timeline). With --most FACTOR, exit code 1 if a window costs more,
the least of its times against the least without: whatever else the machine does only adds to both."""
import argparse
import os
import pathlib
import sqlite3
import statistics
import subprocess
import sys
import tempfile

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("quiesce")
parser.add_argument("scenarios", nargs="*", default=["mm-exit-under-load", "crowd-teardown"])
parser.add_argument("--runs", type=int, default=7)
parser.add_argument("--most", type=float, help="a window may cost this factor of none")
options = parser.parse_args()
modes = ("none", "window", "all")


def cpu_seconds(scenario, events, bare, out):
    sets = [f"observe.events={events}"] + (["observe.waves=false", "observe.timeline=false"] if bare else [])
    command = [options.quiesce, "run", scenario, "--out", out] + [x for s in sets for x in ("--set", s)]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 1):
        sys.exit(f"{scenario} with observe.events={events}: {status}")
    return usage.ru_utime + usage.ru_stime


dear = []
print(f"{'scenario':<24} {'outputs':<8} {'none':>9} {'window':>9} {'all':>9}   window/none  all/none   rows of a window, of all")
for scenario in options.scenarios:
    for bare in (False, True):
        with tempfile.TemporaryDirectory() as top:
            times = {m: [] for m in modes}
            for _ in range(options.runs):
                for m in modes: # in turns: what else the machine does is the same for all
                    times[m].append(cpu_seconds(scenario, m, bare, pathlib.Path(top) / m))
            median = {m: statistics.median(t) for m, t in times.items()}
            rows = {m: sqlite3.connect(pathlib.Path(top) / m / "events.sqlite").execute("SELECT COUNT(*) FROM events").fetchone()[0] for m in modes[1:]}
        factor = median["window"] / median["none"]
        print(f"{scenario:<24} {'bare' if bare else 'full':<8} " + " ".join(f"{1000 * median[m]:>7.1f}ms" for m in modes) +
              f"   {factor:>8.2f}  {median['all'] / median['none']:>8.2f}   {rows['window']}, {rows['all']}")
        least = min(times["window"]) / min(times["none"])
        if options.most and not bare and least > options.most:
            dear.append(f"{scenario}: {least:.2f}")
if dear:
    sys.exit("dearer than that: " + ", ".join(dear))
