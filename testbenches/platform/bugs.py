#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every row of `quiesce list bugs`, on each IOMMU where it can exist: with its mistake its scenario raises each kind that the
row names and fails, unless it expects them; without it the scenario passes."""
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys

QUIESCE = os.environ["QUIESCE"]
SANITIZED = os.environ.get("SANITIZED") == "1"
SWITCHES = ("os.bugs=", "platform.iommu.bugs=")


def run(name, scenario, settings):
    out = pathlib.Path(name)
    command = [QUIESCE, "run", scenario, "--out", str(out), "--set", "observe.waves=false"]
    for s in settings:
        command += ["--set", s]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    file = out / "run.json"
    return done.returncode, json.loads(file.read_text()) if file.exists() else None, done.stderr


def judge(row, where):
    """What is wrong with a row on one IOMMU."""
    here = f"{row['name']} on {where}"
    on = [f"platform.iommu.kind={where}", *row["set"]]
    off = [s.split("=")[0] + "=[]" if s.startswith(SWITCHES) else s for s in on]
    wrong = []
    code, record, error = run(f"{row['name']}.{where}.on", row["scenario"], on)
    if record is None or record["verdict"] not in ("pass", "fail"):
        return [f"{here}: {record and record['verdict']}, exit {code}: {error[:300]}"]
    raised = {v["kind"] for v in record["violations"]}
    wrong += [f"{here}: no {kind}; there is {sorted(raised)}" for kind in row["kinds"] if kind not in raised]
    expected = {e["text"].split()[-1] for e in record["expectations"] if e["text"].startswith("violation ") and e["held"]}
    if code != (0 if set(row["kinds"]) <= expected else 1):
        wrong.append(f"{here}: exit {code}")
    if any(not v["story"] for v in record["violations"]):
        wrong.append(f"{here}: a violation has no story")
    if SANITIZED:  # without its mistake a scenario is one of the library's, which run with sanitizers, too
        return wrong
    code, record, error = run(f"{row['name']}.{where}.off", row["scenario"], off)
    if code != 0 or record["verdict"] != "pass":
        told = [] if record is None else [v["kind"] for v in record["violations"]] + [
            e["text"] for e in record["expectations"] if e["held"] is False]
        wrong.append(f"{here}, without it: exit {code}: {told} {error[:300]}")
    return wrong


def main():
    listed = subprocess.run([QUIESCE, "list", "bugs", "--json"], check=True, capture_output=True, text=True).stdout
    rows = [r for r in json.loads(listed) if not r.get("absent")]
    assert len(rows) > 5 and all(r["kinds"] and r["scenario"] and r["set"] and r["where"] for r in rows)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        cases = [(row, where) for row in rows for where in row["where"]]
        wrong = [w for found in pool.map(lambda c: judge(*c), cases) for w in found]
    for w in wrong:
        print(w)
    print(f"{len(cases)} cases, {len(wrong)} wrong")
    return 1 if wrong else 0


sys.exit(main())
