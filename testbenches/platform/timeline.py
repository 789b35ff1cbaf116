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

QUIESCE, SOURCE = os.environ["QUIESCE"], pathlib.Path(os.environ["SOURCE_DIR"])
failures = 0


def check(claim, what):
    global failures
    if not claim:
        failures += 1
        print("FAILED:", what)


def fields(data):
    """Wire format alone: (field, value) one after the other."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
        elif key & 7 == 1:
            yield key >> 3, int.from_bytes(data[at:at + 8], "little")
            at += 8
        else:
            length = varint()
            yield key >> 3, data[at:at + length]
            at += length


class Trace:
    def __init__(self, file):
        self.tracks, self.parents, self.events, open_slices = {}, {}, [], {}
        for _, packet in fields(file.read_bytes()):
            p = dict(fields(packet))
            if 60 in p:
                d = dict(fields(p[60]))
                self.tracks[d[1]], self.parents[d[1]] = d[2].decode(), d.get(5, 0)
            if 11 not in p:
                continue
            e = dict(fields(p[11]))
            notes = {}
            for field, value in fields(p[11]):
                if field == 4:
                    a = dict(fields(value))
                    notes[a[10].decode()] = a[3] if 3 in a else a[6].decode()
            event = {"ns": p[8], "type": e[9], "track": self.path(e[11]), "name": e.get(23, b"").decode(), "category": e.get(22, b"").decode(), **notes}
            if event["type"] == 1:
                open_slices.setdefault(e[11], []).append(event)
            if event["type"] == 2:
                open_slices[e[11]].pop()["end_ns"] = p[8]
            self.events.append(event)
        check(not any(open_slices.values()), f"{file}: slices that do not end")
        times = [e["ns"] for e in self.events]
        check(times == sorted(times), f"{file}: in the order of time")

    def path(self, track):
        above = self.parents.get(track, 0)
        return (self.path(above) + "/" if above else "") + self.tracks[track]

    def of(self, category):
        return [e for e in self.events if e["category"] == category]


def judge(scenario, *settings):
    out = pathlib.Path("out-" + scenario)
    subprocess.run([QUIESCE, "run", scenario, "--out", out] + [x for s in settings for x in ("--set", s)], check=False, capture_output=True)
    run, trace = json.loads((out / "run.json").read_text()), Trace(out / "timeline.pftrace")
    of_track, steps_of = collections.defaultdict(list), collections.defaultdict(list)
    for e in trace.events:
        of_track[e["track"]].append(e)
        if e["category"] == "step":
            steps_of[e["track"].split("/")[1].split(":")[0]].append(e)
    for t in run["teardowns"]:
        whole = f"teardowns/{t['id']}: {t['trigger']} of {t['process']} on {t['device']}, bond {t['bond']}, PASID {t['pasid']}"
        told = {e["name"]: e["start_ps"] for e in of_track[whole] if e["category"] == "milestone"}
        check(told == t["milestones_ps"], f"{scenario} {t['id']}: milestones {told}, run.json has {t['milestones_ps']}")
        quiesce = [e for e in of_track[whole] if e["name"] == "quiesce"]
        check(len(quiesce) == ("quiesce_ps" in t and t["quiesce_ps"] > 0), f"{scenario} {t['id']}: quiesce {quiesce}")
        for e in quiesce:
            check(e["start_ps"] == t["t0_ps"] and e["end_ns"] == (t["t0_ps"] + t["quiesce_ps"]) // 1000, f"{scenario} {t['id']}: {e}")
        steps = sorted((e["name"], e["start_ps"]) for e in steps_of[t["id"]])
        check(steps == sorted((s["step"], s["start_ps"]) for s in t["steps"]), f"{scenario} {t['id']}: steps {steps}")
    db = sqlite3.connect(out / "events.sqlite")
    issued = dict(db.execute("SELECT txn, time_ps FROM events WHERE kind = 'DmaIssued'"))
    shown = {int(e["transaction"][1:]): e["start_ps"] for e in trace.of("transaction")}
    both = issued.keys() & shown.keys()
    check(all(issued[x] == shown[x] for x in both), f"{scenario}: transactions that begin at another time than in events.sqlite")
    return run, trace, both


run, trace, both = judge("mm-exit-under-load")
check(len(both) > 20, f"mm-exit-under-load: {len(both)} transactions in both")
check(any(e["track"] == "kernel/app0/0" and e["name"] == "unmap-vmas" for e in trace.of("span")), "what the kernel's thread did")
check(any(e["track"].startswith("smmu/cmdq") for e in trace.of("span")), "what the command queue did")
check(any(e["type"] == 4 and e["track"] == "smmu/cmdq.depth" for e in trace.events), "its depth as a counter")
run, trace, both = judge("fault-flood", "os.suppression=none")
check(len(trace.of("mark")) > 1000, "faults are marks")
judge("crowd-teardown")
run, trace, both = judge("mm-exit-under-load", "os.bugs=[forget-tlbi]")
check(any(e["name"] == "WRONG" for e in trace.of("mark")), "what landed wrong is marked")

if shutil.which("protoc"):
    proto = SOURCE / "testbenches/support/perfetto_subset.proto"
    decoded = subprocess.run(["protoc", f"-I{proto.parent}", "--decode=perfetto_subset.Trace", proto.name],
                             stdin=open("out-mm-exit-under-load/timeline.pftrace", "rb"), capture_output=True, check=False)
    text = decoded.stdout.decode()
    check(decoded.returncode == 0 and text.count("TYPE_SLICE_BEGIN") == text.count("TYPE_SLICE_END") > 100, decoded.stderr.decode())
    unknown = [line for line in text.splitlines() if line.strip()[:1].isdigit()]
    check(not unknown, f"fields that the format has not: {unknown[:5]}")

print("all held" if failures == 0 else f"{failures} failed")
raise SystemExit(failures > 0)
