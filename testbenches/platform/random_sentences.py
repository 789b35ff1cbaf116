#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sentences in any order, sensible or not: each scenario is refused at a place, or it runs; the simulator itself never fails.

What `check` lets pass is run. Allowed then are 0, 1 (a case may well deadlock or never come to rest) and 3 with a place. A case
that ends in any other way is left as a file.

usage: QUIESCE=build/quiesce random_sentences.py [COUNT [FIRST]]     cases FIRST .. FIRST+COUNT-1, each its own random stream
"""
import collections
import os
import pathlib
import random
import re
import subprocess
import sys

PLACE = re.compile(r"^\S+:\d+:\d+: error: ", re.M)


def draw(case):
    r = random.Random(case)
    devices, processes = ["acc0", "acc1"][: r.randint(1, 2)], ["a", "b", "c"][: r.randint(1, 3)]
    lines = [f"scenario: random sentences {case}", f"seed: {case}",
             f"os: {{policy: {r.choice(['quiet-unbind', 'mm-exit'])}, pasid: {{max: {r.choice([1, 2, 9])}}}}}",
             "observe: {limit: 5ms, waves: false}", "devices:"]
    lines += [f"  {d}: {{kind: accelerator, queues: {r.choice([1, 2, 16])}}}" for d in devices]
    lines += ["steps:"] + [f"  - os: {{spawn: {p}, pages: 8, threads: {r.choice([1, 3])}}}" for p in processes]
    lines += [f"  - os: {{bind: {p}, to: {r.choice(devices)}}}" for p in processes if r.random() < 0.7]
    for _ in range(r.randint(1, 6)):
        p, d = r.choice(processes), r.choice(devices)
        sentence = r.choice([f"os: {{bind: {p}, to: {d}}}"] * 4 + [f"{d}: {{stream: {p}, every: 300ns}}"] * 3 + [
            f"{d}: {{stream: {p}, count: {r.choice([1, 100])}}}", f"{d}: {{stop: {p}}}", f"os: {{unbind: {p}, from: {d}}}",
            f"os: {{open: {d}, as: {p}}}", f"os: {{close: {d}, as: {p}}}", f"os: {{kill: {p}}}", f"os: {{exit: {p}}}",
            f"os: {{unmap: {p}, pages: 0-{r.choice([0, 7])}}}", f"os: {{fork: {p}, child: {p}{p}}}"])
        lines.append(f"  - {sentence}")
        if r.random() < 0.5:
            lines.append(f"    after: {r.choice(['1ns', '1us', '4us', '30us'])}")
        if r.random() < 0.3 and not re.search("fork|open|{bind|stream", sentence):
            lines.append("    wait: true")
    return "\n".join(lines) + "\n"


def judge(quiesce, case):
    """What kind of case it was; "wrong: ..." if it ended as none may."""
    file = pathlib.Path(f"sentences-{case}.yaml")
    file.write_text(draw(case))
    checked = subprocess.run([quiesce, "check", str(file)], capture_output=True, text=True, timeout=60)
    done = checked
    if checked.returncode == 0:
        done = subprocess.run([quiesce, "run", str(file)], capture_output=True, text=True, timeout=60)
    placed = PLACE.search(done.stderr) is not None
    if done.returncode == 3 and placed:
        kind = "refused before" if checked.returncode else "refused while running"
    elif done.returncode in (0, 1) and not placed:
        kind = "ran"
    else:
        return f"wrong: exit {done.returncode}: {(done.stdout + done.stderr)[-800:]} ({file.resolve()})"
    file.unlink()
    return kind


def main():
    quiesce = str(pathlib.Path(os.environ["QUIESCE"]).resolve())
    count, first = int((sys.argv[1:] + ["60"])[0]), int((sys.argv[2:] + ["1"])[0])
    kinds = collections.Counter()
    for case in range(first, first + count):
        kind = judge(quiesce, case)
        kinds[kind.split(":")[0]] += 1
        if kind.startswith("wrong"):
            print(f"case {case}: {kind}")
    print(", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items())))
    sys.exit(1 if kinds["wrong"] or not kinds["ran"] or not kinds["refused before"] else 0)


if __name__ == "__main__":
    main()
