#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Teardowns that nobody thought of: random processes, devices, policies, drivers and instants, each run as a user would.

Whatever is drawn, a correct system has no violation, never sees a DMA reach memory after the OS relied on its absence, frees no
page before a fence covered it, and gives the same fingerprint twice. A failing case is left as a file and can be run by hand.

usage: QUIESCE=build/quiesce random_teardowns.py [COUNT [FIRST]]     cases FIRST .. FIRST+COUNT-1, each its own random stream
"""
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

ENDINGS = ["kill", "exit", "close", "unbind", "unbind, kill", "close, exit", "stop, kill"]


def draw(case):
    """A scenario as text. Work is submitted after its bind is over; endings begin when they like."""
    r = random.Random(case)
    kernel, policy = r.choice([("6.12", "quiet-unbind"), ("6.1", "quiet-unbind"), ("6.12", "mm-exit"), ("6.1", "mm-exit"),
                               ("2018", "mm-exit")])
    devices = [f"acc{i}" for i in range(r.randint(1, 3))]
    processes = [f"app{i}" for i in range(r.randint(1, 4))]
    lines = [f"scenario: random teardown {case}", f"seed: {case}", "platform:",
             f"  preset: {r.choice(['server', 'small', 'gem5-like'])}", "  iommu:", "    kind: smmuv3", "    smmuv3:",
             f"      two_level_streams: {r.choice(['true', 'false'])}", f"      two_level_contexts: {r.choice(['true', 'false'])}",
             f"      ssid_bits: {r.choice([4, 10, 16, 20])}", f"      asid16: {r.choice(['true', 'false'])}",
             "os:", f"  policy: {policy}", f'  kernel: "{kernel}"',
             f"  pasid: {{allocator: {r.choice(['lowest', 'cyclic', 'random'])}, max: {r.choice([15, 15, 9])}}}",
             f"  cpu: {{cpus: {r.choice([2, 4, 8])}}}",
             f"  smmuv3_driver: {{cmdq_log2: {r.choice([2, 3, 5, 8])}, evtq_log2: {r.choice([2, 7])}, "
             f"msipoll: {r.choice(['true', 'false'])}, tlbi_va_max: {r.choice([4, 512])}}}", "devices:"]
    for d in devices:
        stop = r.choice(["1us", "3us", "40us"])
        lines.append(f"  {d}: {{kind: accelerator, stop_time: {stop}, dma_while_stopping: {r.choice(['true', 'false'])}}}")
    lines.append("steps:")
    bound = {}
    for p in processes:
        lines.append(f"  - os: {{spawn: {p}, pages: {r.choice([1, 8, 64])}, threads: {r.choice([1, 1, 3])}}}")
        bound[p] = r.sample(devices, r.randint(1, len(devices)))
        for d in bound[p]:
            lines.append(f"  - os: {{bind: {p}, to: {d}}}")
    for p in processes:
        for d in bound[p]:
            if r.random() < 0.85:
                lines.append(f"  - {d}: {{stream: {p}, access: {r.choice(['read', 'write', 'mixed'])}, "
                             f"size: {r.choice(['8B', '64B', '256B'])}, every: {r.choice(['100ns', '300ns', '2us'])}}}")
    order = list(processes)
    r.shuffle(order)
    for p in order:
        pause = f"    after: {r.choice([0, 1, 3, 10, 20])}us\n"
        if r.random() < 0.3:
            lines.append(f"{pause}    os: {{unmap: {p}, pages: 0-0}}\n    wait: false".replace("    ", "  - ", 1))
            pause = "    after: 1us\n"
        for how in r.choice(ENDINGS).split(", "):
            victim = r.choice(bound[p])
            sentence = {"kill": f"os: {{kill: {p}}}", "exit": f"os: {{exit: {p}}}", "close": f"os: {{close: {victim}, as: {p}}}",
                        "unbind": f"os: {{unbind: {p}, from: {victim}}}", "stop": f"{victim}: {{stop: {p}}}"}[how]
            lines.append(f"{pause}    {sentence}\n    wait: {r.choice(['true', 'false'])}".replace("    ", "  - ", 1))
            pause = f"    after: {r.choice([0, 1, 5])}us\n"
    return "\n".join(lines) + "\n"


def relations(record, unmaps):
    """What has to hold of milestones, whatever happened (only of those that were reached). An unmapping may free pages at any
    instant; whether a fence covered each of them is for the checkers."""
    for t in record["teardowns"]:
        m = t["milestones_ps"]
        for before, after in [("block_observed", "block"), ("block", "free_first"), ("free_first", "free_last"),
                              ("stop", "reuse"), ("block", "reuse")]:
            if m.get(before) is None or m.get(after) is None:
                continue
            if unmaps and after == "free_first":
                continue
            if m[before] > m[after]:
                yield f"{t['id']} ({t['process']} on {t['device']}): {before} {m[before]} after {after} {m[after]}"


def run(quiesce, file, out, *more):
    done = subprocess.run([quiesce, "run", str(file), "--out", str(out), *more], capture_output=True, text=True, timeout=120)
    return done, json.loads((out / "run.json").read_text()) if (out / "run.json").exists() else None


def judge(quiesce, case, directory):
    file = directory / f"random-{case}.yaml"
    file.write_text(draw(case))
    done, record = run(quiesce, file, directory / "a")
    if done.returncode != 0 or record is None:
        return [f"exit {done.returncode}: {(done.stdout + done.stderr)[-1500:]}"]
    wrong = list(relations(record, "unmap:" in file.read_text()))
    if record["violations"]:
        wrong.append(f"violations {record['violations'][:3]}")
    if not record["teardowns"]:
        wrong.append("no teardown: the case tests nothing")
    _, again = run(quiesce, file, directory / "b", "--set", "observe.waves=false")
    if again["fingerprint"] != record["fingerprint"]:
        wrong.append(f"fingerprint {record['fingerprint']}, then {again['fingerprint']}")
    return wrong


def main():
    quiesce = str(pathlib.Path(os.environ["QUIESCE"]).resolve())
    count, first = int((sys.argv[1:] + ["15" if os.environ.get("SANITIZED") == "1" else "60"])[0]), int((sys.argv[2:] + ["1"])[0])
    bad = 0
    for case in range(first, first + count):
        with tempfile.TemporaryDirectory() as tmp:
            wrong = judge(quiesce, case, pathlib.Path(tmp))
        if not wrong:
            continue
        bad += 1
        kept = pathlib.Path(f"random-{case}.yaml").resolve()
        kept.write_text(draw(case))
        print(f"case {case} ({kept}):")
        for w in wrong:
            print("  " + w)
    print(f"{count} cases, {bad} failed")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
