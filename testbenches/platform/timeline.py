#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""timeline.pftrace says what run.json and events.sqlite say: milestones, latencies, steps, transactions; and protoc reads it."""
import collections
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess

from claims import SOURCE, check, quiesce, verdict
from perfetto_trace import Trace


def judge(scenario, *settings):
    out = pathlib.Path("out-" + scenario)
    quiesce("run", scenario, "--out", out, *[x for s in settings for x in ("--set", s)])
    run, trace = json.loads((out / "run.json").read_text()), Trace(out / "timeline.pftrace")
    for problem in trace.wrong:
        check(False, problem)
    of_track, steps_of = collections.defaultdict(list), collections.defaultdict(list)
    for e in trace.events:
        of_track[e["track"]].append(e)
        if e["category"] == "step":
            steps_of[e["track"].split("/")[1].split(":")[0]].append(e)
    for t in run["teardowns"]:
        whole = f"teardowns/{t['id']}: {t['trigger']} of {t['process']} on {t['device']}, bond {t['bond']}, PASID {t['pasid']}"
        told = {e["name"]: e["start_ps"] for e in of_track[whole] if e["category"] == "milestone"}
        check(told == t["milestones_ps"], f"{scenario} {t['id']}: milestones {told}, run.json has {t['milestones_ps']}")
        marks = [e for e in of_track[whole] if e["name"] == "quiesce"]
        check(len(marks) == ("quiesce_ps" in t and t["quiesce_ps"] > 0), f"{scenario} {t['id']}: quiesce {marks}")
        for e in marks:
            check(e["start_ps"] == t["t0_ps"] and e["end_ns"] == (t["t0_ps"] + t["quiesce_ps"]) // 1000, f"{scenario} {t['id']}: {e}")
        steps = sorted((e["name"], e["start_ps"]) for e in steps_of[t["id"]])
        check(steps == sorted((s["step"], s["start_ps"]) for s in t["steps"]), f"{scenario} {t['id']}: steps {steps}")
    db = sqlite3.connect(out / "events.sqlite")
    issued = dict(db.execute("SELECT txn, time_ps FROM events WHERE kind = 'DmaIssued'"))
    shown = {int(e["transaction"][1:]): e["start_ps"] for e in trace.of("transaction")}
    both = issued.keys() & shown.keys()
    check(all(issued[x] == shown[x] for x in both), f"{scenario}: transactions that begin at another time than in events.sqlite")
    # What is being translated, and what is being invalidated, are slices, which end where events.sqlite has their events.
    ended = collections.defaultdict(set)
    for txn, ps in db.execute("SELECT txn, time_ps FROM events WHERE kind = 'Translated'"):
        ended[txn].add(ps // 1000)
    slices = [e for e in trace.of("translation") if int(e["transaction"][1:]) in ended]
    check(all(e["end_ns"] in ended[int(e["transaction"][1:])] and e["start_ps"] <= 1000 * e["end_ns"] + 999 for e in slices), f"{scenario}: translations")
    done = {(u, n): ps // 1000 for u, n, ps in db.execute("SELECT fields ->> 'unit', fields ->> 'sequence', time_ps FROM events WHERE kind = 'InvalidationDone'")}
    invalidations = [e for e in trace.of("invalidation")]
    check(all(done.get((e["track"].removesuffix("/invalidations").replace("/", "."), int(e["sequence"])), e["end_ns"]) == e["end_ns"] for e in invalidations), f"{scenario}: invalidations")
    check(not any(e["track"].startswith("device") for e in trace.of("transaction")), f"{scenario}: a device without its name")
    return run, trace, both, slices, invalidations


run, trace, both, translations, invalidations = judge("mm-exit-under-load")
check(len(translations) > 20 and len(invalidations) > 5, f"{len(translations)} translations, {len(invalidations)} invalidations")
check(len(both) > 20, f"mm-exit-under-load: {len(both)} transactions in both")
check(any(e["track"] == "kernel/app0/0" and e["name"] == "unmap-vmas" for e in trace.of("span")), "what the kernel's thread did")
check(any(e["track"].startswith("smmu/cmdq") for e in trace.of("span")), "what the command queue did")
check(any(e["type"] == 4 and e["track"] == "smmu/cmdq.depth" for e in trace.events), "its depth as a counter")
run, trace, *_ = judge("fault-flood", "os.suppression=none")
check(len(trace.of("mark")) > 1000, "faults are marks")
judge("crowd-teardown")
run, trace, *_ = judge("mm-exit-under-load", "os.bugs=[forget-tlbi]")
check(any(e["name"] == "WRONG" for e in trace.of("mark")), "what landed wrong is marked")

if shutil.which("protoc"):
    proto = SOURCE / "testbenches/support/perfetto_subset.proto"
    decoded = subprocess.run(["protoc", f"-I{proto.parent}", "--decode=perfetto_subset.Trace", proto.name],
                             stdin=open("out-mm-exit-under-load/timeline.pftrace", "rb"), capture_output=True, check=False)
    text = decoded.stdout.decode()
    check(decoded.returncode == 0 and text.count("TYPE_SLICE_BEGIN") == text.count("TYPE_SLICE_END") > 100, decoded.stderr.decode())
    unknown = [line for line in text.splitlines() if line.strip()[:1].isdigit()]
    check(not unknown, f"fields that the format has not: {unknown[:5]}")
    if "PERFETTO" in os.environ:  # a checkout of Perfetto's own: what it is written by hand from
        own = subprocess.run(["protoc", f"-I{os.environ['PERFETTO']}", "--decode=perfetto.protos.Trace", "protos/perfetto/trace/trace.proto"],
                             stdin=open("out-mm-exit-under-load/timeline.pftrace", "rb"), capture_output=True, check=False)
        check(own.returncode == 0 and own.stdout == decoded.stdout, f"Perfetto's own format reads something else: {own.stderr.decode()[-300:]}")

raise SystemExit(verdict())
