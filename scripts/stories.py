#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every library scenario on every architecture: one row a scenario, one column an architecture; exit 1 if one fails.

usage: stories.py [--over PATH=VALUE,VALUE...] [--jobs N] [--json] [PROGRAM]

A cell has the verdict and the longest quiesce latency (open: a teardown that did not come to it; -: no teardown).
Not applicable: the scenario requires what the architecture has not; the reason follows the table.
PROGRAM: build/quiesce. --over: another parameter than platform.iommu.kind and its values.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parent.parent
KIND = "platform.iommu.kind"


def listed(program, what):
    return json.loads(subprocess.run([program, "list", what, "--json"], check=True, stdout=subprocess.PIPE).stdout)


def architectures(program):
    """The values of platform.iommu.kind but `none`."""
    row = next(p for p in listed(program, "params") if p["name"] == KIND)
    return [c for c in row["expected"].removeprefix("one of ").split(", ") if c != "none"]


def duration(ps):
    for unit, size in (("s", 10**12), ("ms", 10**9), ("us", 10**6), ("ns", 10**3)):
        if ps >= size:
            return f"{ps / size:.3f} {unit}"
    return f"{ps} ps"


def latency(run):
    if not run["teardowns"]:
        return "-"
    if run["summary"]["quiesce"]["open"]:
        return "open"
    return duration(run["summary"]["quiesce"]["max"])


def tell(program, scenario, path, value):
    """{verdict, quiesce, reason} of one run."""
    with tempfile.TemporaryDirectory() as out:
        command = [program, "run", scenario, "--set", f"{path}={value}", "--set", "observe.waves=false", "--out", out]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        result = pathlib.Path(out) / "run.json"
        if not result.exists():
            return {"verdict": f"exit {done.returncode}", "quiesce": "", "reason": done.stderr.strip()}
        run = json.loads(result.read_text())
    failed = [e["text"] for e in run["expectations"] if e["held"] is False]
    reason = done.stderr.strip() if run["verdict"] == "not-applicable" else "; ".join(failed)
    if run["verdict"] == "fail" and not reason:
        reason = ", ".join(sorted({v["kind"] for v in run["violations"]}))
    return {"verdict": run["verdict"], "quiesce": latency(run), "reason": reason}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", nargs="?", default=str(TOP / "build" / "quiesce"))
    parser.add_argument("--over")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    path, values = KIND, None
    if args.over:
        path, _, text = args.over.partition("=")
        values = text.split(",")
    values = values or architectures(args.program)
    scenarios = [s["name"] for s in listed(args.program, "scenarios")]
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        cells = {(s, v): pool.submit(tell, args.program, s, path, v) for s in scenarios for v in values}
        results = {key: cell.result() for key, cell in cells.items()}
    bad = [key for key, r in results.items() if r["verdict"] not in ("pass", "not-applicable")]
    if args.json:
        print(json.dumps([{"scenario": s, path: v, **r} for (s, v), r in results.items()], indent=2))
        return 1 if bad else 0
    width = max(map(len, scenarios))
    print(f"{'scenario':<{width}}" + "".join(f"  {v:<28}" for v in values).rstrip())
    for s in scenarios:
        row = [f"{results[s, v]['verdict']:<14} {results[s, v]['quiesce']:>13}" for v in values]
        print(f"{s:<{width}}" + "".join(f"  {c:<28}" for c in row).rstrip())
    for (s, v), r in results.items():
        if r["reason"]:
            print(f"\n{s}, {v}: {r['reason']}")
    passed = sum(r["verdict"] == "pass" for r in results.values())
    print(f"\n{passed} of {len(results)} runs pass, {len(results) - passed - len(bad)} not applicable, {len(bad)} fail")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
