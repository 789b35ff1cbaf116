#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How often each deliberate mistake shows, over many seeds, and that without it nothing does.

Each row of `quiesce list bugs` is run with each seed on each IOMMU where it can exist, once with its mistake and once
without, in other interleavings every time: simultaneous things come in any order, and what CPUs do is late by up to
`--jitter`. A run finds the mistake if it raises any of the row's kinds; without it no run may raise one.

usage: QUIESCE=build/quiesce races.py [--seeds 200] [--first 1] [--jobs 2] [--jitter 1us] [NAME ...]
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile

QUIESCE = os.environ.get("QUIESCE", "build/quiesce")
SWITCHES = ("os.bugs=", "platform.iommu.bugs=")


def without(settings):
    return [s.split("=")[0] + "=[]" if s.startswith(SWITCHES) else s for s in settings]


def violations(row, where, settings, seed, jitter):
    """The kinds that a run raises, or None: it has none, because it could not be."""
    with tempfile.TemporaryDirectory() as out:
        command = [QUIESCE, "run", row["scenario"], "--seed", str(seed), "--out", out, "--set", "observe.waves=false"]
        if jitter:
            settings = [*settings, "platform.simultaneous=shuffled", f"os.cpu.jitter={jitter}"]
        for s in [f"platform.iommu.kind={where}", *settings]:
            command += ["--set", s]
        subprocess.run(command, capture_output=True, check=False)
        file = pathlib.Path(out) / "run.json"
        if not file.exists():
            return None
        run = json.loads(file.read_text())
        return None if run["verdict"] == "not-applicable" else {v["kind"] for v in run["violations"]}


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("names", nargs="*", metavar="NAME")
    arguments.add_argument("--seeds", type=int, default=200)
    arguments.add_argument("--first", type=int, default=1)
    arguments.add_argument("--jobs", type=int, default=2)
    arguments.add_argument("--jitter", default="1us")
    given = arguments.parse_args()
    listed = subprocess.run([QUIESCE, "list", "bugs", "--json"], check=True, capture_output=True, text=True).stdout
    rows = [r for r in json.loads(listed) if not given.names or r["name"] in given.names]
    seeds = range(given.first, given.first + given.seeds)
    wrong = 0
    print(f"{'mistake':22} {'with':8} {'found':>10} {'without it':>11}   kinds found")
    with concurrent.futures.ThreadPoolExecutor(given.jobs) as pool:
        for row in rows:
            for where in row["where"]:
                def runs(settings):
                    return list(pool.map(lambda s: violations(row, where, settings, s, given.jitter), seeds))
                on, off = runs(row["set"]), runs(without(row["set"]))
                kinds = set(row["kinds"])
                hits = sum(1 for k in on if k and k & kinds)
                false = sum(1 for k in off if k is None or k & kinds)
                found = sorted(kinds.intersection(*[set().union(*[k or set() for k in on])]))
                print(f"{row['name']:22} {where:8} {hits:>4} of {len(on):<4}{false:>4} of {len(off):<4}  {', '.join(found)}", flush=True)
                wrong += hits == 0 or false > 0
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
