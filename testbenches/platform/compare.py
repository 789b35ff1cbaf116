#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""compare as a user meets it: draws that stay the same, where two runs part, paired differences, conditions, refused combinations.
What it says is held against run.json and events.sqlite of the runs, which another part of the program writes."""
import itertools
import json
import os
import pathlib
import sqlite3
import statistics
import subprocess
import sys

QUIESCE = os.environ["QUIESCE"]
failures = 0


def fail(what):
    global failures
    failures += 1
    print("FAILED:", what)


def check(holds, what):
    if not holds:
        fail(what)


def run(*arguments):
    return subprocess.run([QUIESCE, *map(str, arguments)], capture_output=True, text=True)


def expect(code, text, *arguments):
    got = run(*arguments)
    if got.returncode != code or text not in got.stdout + got.stderr:
        fail(f"{got.returncode} instead of {code}, or no '{text}': {' '.join(map(str, arguments))}\n{got.stdout[-2500:]}{got.stderr[-1500:]}")
    return got


def load(path):
    return json.loads(pathlib.Path(path).read_text())


def events(directory, kind=None):
    """(id, time, kind, fields), in the order of the run."""
    db = sqlite3.connect(f"file:{directory}/events.sqlite?mode=ro", uri=True)
    rows = db.execute("SELECT id, time_ps, kind, fields FROM events ORDER BY id").fetchall()
    db.close()
    return [(i, t, k, json.loads(f)) for i, t, k, f in rows if kind in (None, k)]


# ---- common random numbers --------------------------------------------------------------------------------------------
STORY = """scenario: two devices with work that is drawn, and a process dies
devices:
  acc0: {kind: accelerator, stop_time: uniform 1us to 60us}
  acc1: {kind: accelerator, stop_time: uniform 1us to 60us}
%s
os: {cpu: {jitter: 300ns}}
observe: {events: all, waves: false}
steps:
  - os: {spawn: app0, pages: 64}
  - os: {spawn: app1, pages: 64}
  - os: {bind: app0, to: acc0}
  - os: {bind: app1, to: acc1}
  - acc0: {stream: app0, access: mixed, pattern: random, size: 64B, size-max: 512B, every: 200ns}
  - acc1: {stream: app1, access: mixed, pattern: random, size: 64B, size-max: 512B, every: 300ns}
%s
  - after: 40us
    os: {kill: app0}
  - after: 40us
    os: {kill: app1}
"""
pathlib.Path("two.yaml").write_text(STORY % ("", ""))
pathlib.Path("three.yaml").write_text(STORY % ("  acc2: {kind: accelerator, stop_time: uniform 1us to 60us}", """  - os: {spawn: app2, pages: 64}
  - os: {bind: app2, to: acc2}
  - acc2: {stream: app2, access: read, pattern: random, size: 64B, size-max: 512B, every: 100ns}"""))


def draws(directory):
    """Of each device, request by request: where, how much, which way. A read of nothing draws nothing: it pushes writes before it."""
    by_device = {}
    for _, _, _, f in events(directory, "DmaIssued"):
        if f["bytes"] == 0:
            continue
        by_device.setdefault(f["device"], []).append((f["at"], f["bytes"], f["write"]))
    return by_device


def same_draws(a, b, what, least):
    for device in sorted(set(a) & set(b)):
        n = min(len(a[device]), len(b[device]))
        check(n >= least, f"{what}: device {device} has made {n} requests")
        check(a[device][:n] == b[device][:n],
              f"{what}: device {device} draws otherwise from its request {[x == y for x, y in zip(a[device], b[device])].index(False) if a[device][:n] != b[device][:n] else 0} on")


expect(0, "", "run", "two.yaml", "--out", "quiet")
expect(0, "", "run", "two.yaml", "--set", "os.policy=mm-exit", "--out", "mm-exit")
expect(0, "", "run", "three.yaml", "--out", "three")
expect(0, "", "run", "two.yaml", "--seed", "2", "--out", "seed2")
quiet = draws("quiet")
check(len(quiet) == 2, f"devices that issue: {sorted(quiet)}")
same_draws(quiet, draws("mm-exit"), "another policy", 60)
same_draws(quiet, draws("three"), "one more device", 60)
check(all(quiet[d][:50] != draws("seed2")[d][:50] for d in quiet), "another seed draws the same")

# ---- the table, and where two variants part -----------------------------------------------------------------------------
both = ["compare", "two.yaml", "--over", "os.policy=quiet-unbind,mm-exit"]
said = expect(0, "mm-exit parts from quiet-unbind after", *both, "--out", "cmp").stdout
compared = load("cmp/compare.json")
check([v["name"] for v in compared["variants"]] == ["quiet-unbind", "mm-exit"] and compared["reference"] == "quiet-unbind", f"variants: {compared['variants']}")
parting = compared["divergence"][0]["event"]
# Of everything that both stores have from before that event, nothing differs; at it, both differ if they have it.
before = {v: [(t, k, f) for _, t, k, f in events(f"cmp/{v}") if t < min(parting["reference"]["time_ps"], parting["variant"]["time_ps"])] for v in ("quiet-unbind", "mm-exit")}
check(len(before["mm-exit"]) > 100 and before["mm-exit"] == before["quiet-unbind"], "the stores part before the event that is named")
first = next(((a, b) for a, b in itertools.zip_longest(events("cmp/quiet-unbind"), events("cmp/mm-exit")) if a is None or b is None or a[1:] != b[1:]), None)
check(first is not None and first[0][1] >= min(parting["reference"]["time_ps"], parting["variant"]["time_ps"]), f"the stores part at {first}, not at {parting}")
t0 = load("cmp/quiet-unbind/run.json")["teardowns"][0]["t0_ps"]
check(parting["reference"]["time_ps"] >= t0, f"two policies part before a teardown begins: {parting}")
check(parting["reference"]["text"] in said and parting["variant"]["text"] in said, "the text has other events than compare.json")
for side, directory in (("reference", "quiet-unbind"), ("variant", "mm-exit")):
    if "id" in parting[side]:
        row = next(r for r in events(f"cmp/{directory}") if r[0] == parting[side]["id"])
        check(row[1:3] == (parting[side]["time_ps"], parting[side]["kind"]), f"event {parting[side]['id']} of {directory} is {row}")
doing = compared["divergence"][0]["doing"]
check(doing is not None and doing["lane"], f"two policies do the same: {doing}")
same = expect(0, "false is event by event what true is", "compare", "two.yaml", "--over", "observe.waves=true,false", "--out", "same")
check(load("same/compare.json")["divergence"] == [{"variant": "false", "reference": "true", "event": None, "doing": None}], "what is the same differs")
slower = expect(0, "the same happens to each process, bond and device, at other times", "compare", "mm-exit-under-load", "--over", "platform.memory.dma_latency=85ns,90ns", "--out", "slower")
check(load("slower/compare.json")["divergence"][0]["event"]["variant"]["kind"], "the event is not named")
expect(0, "", "compare", "mm-exit-under-load", "--over", "platform.iommu.kind=smmuv3,vtd", "--out", "arch")
arch = load("arch/compare.json")["divergence"][0]
check("event" not in arch and "unknown" not in arch, f"architectures are compared event by event: {arch}")
# ---- what a flood costs: parts that add up, and whom else
said = expect(0, "others' page requests: those that were over are not as many everywhere", "compare", "fault-flood-three-ways", "--over", "platform.iommu.kind=smmuv3,vtd,amdvi", "--out", "ways").stdout
ways = [load(f"ways/{kind}/run.json") for kind in ("smmuv3", "vtd", "amdvi")]
for row, path in {"faults raised": "faults.raised", "  recorded": "faults.recorded", "  suppressed": "faults.suppressed", "  lost": "faults.lost",
                  "    queue full": "faults.lost_overflow", "    queue off": "faults.discarded", "others' page requests": "bystanders.page_request_ps.n"}.items():
    numbers = []
    for r in ways:
        for key in path.split("."):
            r = r[key]
        numbers.append(str(r))
    line = next((x for x in said.splitlines() if x.startswith(row + " ")), "")
    check(line[len(row):].split() == numbers, f"row {row} is not {numbers}: {line}")
for n, r in enumerate(ways):
    check(r["faults"]["raised"] == sum(r["faults"][k] for k in ("recorded", "suppressed", "merged", "lost")) == sum(r["faults"]["by_type"].values()), f"faults of {n} do not add up")
    of_unit = sum(ps for context, ps in r["cpu_ps"]["taken_by"].items() if context.startswith("irq/") and not context.startswith("irq/acc"))
    check(0 < of_unit == r["cpu_ps"]["iommu_interrupts"], f"interrupts of IOMMUs: {r['cpu_ps']}")
check("  IOMMU interrupts" in said and "  waited p99" in said, "no row of interrupts, or of others' waits")
page = pathlib.Path("ways/report.html").read_text()
for row in ("fault records lost", "lost, queue full", "lost, queue off", "CPU time of IOMMU interrupts", "others' page requests", "others' page requests, p99"):
    check(f'data-row="{row}"' in page or f'data-row="{row.replace(chr(39), "&#39;")}"' in page, f"report.html of a comparison has no row {row}")
expect(0, "", "compare", "mm-exit-under-load", "--over", "os.policy=quiet-unbind,mm-exit", "--out", "alone")
check("others'" not in pathlib.Path("alone/report.html").read_text(), "rows of bystanders where there are none")

seeds = expect(0, "parts from quiet after", "compare", "quiet", "seed2", "--out", "results")
results = load("results/compare.json")
check([r["name"] for r in results["results"]] == ["quiet", "seed2"] and os.path.exists("results/report.html"), f"two results: {results['results']}")
expect(0, "is event by event what", "compare", "quiet", "cmp/quiet-unbind")
old = load("quiet/run.json")
old["fingerprint"] = "0" * 16
os.makedirs("old", exist_ok=True)
pathlib.Path("old/run.json").write_text(json.dumps(old))
pathlib.Path("old/config.resolved.yaml").write_text(pathlib.Path("quiet/config.resolved.yaml").read_text())
expect(0, "this binary does not do again what old did", "compare", "quiet", "old")

# ---- seeds in pairs -------------------------------------------------------------------------------------------------------
said = expect(0, "mm-exit less quiet-unbind, over 6 seeds", *both, "--repeat", 6, "--out", "paired").stdout
rows = {r["metric"]: r for r in load("paired/compare.json")["paired"]}
values = {}
for v in ("quiet-unbind", "mm-exit"):
    runs = [load(f"paired/{v}/run.json")] + [load(f"paired/{v}/seeds/{s}.json") for s in range(2, 7)]
    check([r["seed"] for r in runs] == list(range(1, 7)), "seeds")
    values[v] = [max(t["milestones_ps"]["mmput"] - t["t0_ps"] for t in r["teardowns"]) for r in runs]
differences = [m - q for m, q in zip(values["mm-exit"], values["quiet-unbind"])]
mean, half = statistics.mean(differences), 2.571 * statistics.stdev(differences) / 6 ** 0.5
check(rows["mmput"]["differences"] == differences and abs(rows["mmput"]["mean"] - mean) < 1, f"{rows['mmput']} instead of {differences}")
check(rows["mmput"]["method"] == "t" and abs(rows["mmput"]["ci95"][0] - (mean - half)) < 2 + 1e-6 * half, f"interval {rows['mmput']['ci95']}: {mean} +- {half}")
check(mean > 0, "mm-exit does not hold up the exit")
for seed in (1, 4):
    run("run", "two.yaml", "--seed", seed, "--set", "os.policy=mm-exit", "--out", "one")
    there = load("paired/mm-exit/run.json" if seed == 1 else f"paired/mm-exit/seeds/{seed}.json")
    check(load("one/run.json")["fingerprint"] == there["fingerprint"], f"seed {seed} is another run than `run`'s")

# ---- conditions -------------------------------------------------------------------------------------------------------------
reference, other = (max(t["milestones_ps"]["mmput"] - t["t0_ps"] for t in load(f"cmp/{v}/run.json")["teardowns"]) for v in ("quiet-unbind", "mm-exit"))
percent = 100 * (other / reference - 1)
expect(1, "FAIL-IF", *both, "--fail-if", f"mmput > +{percent - 1:.3f}%")
expect(0, "ok ", *both, "--fail-if", f"mmput > +{percent + 1:.3f}%")
expect(1, "FAIL-IF    mmput > +1us  mm-exit: ", *both, "--fail-if", "mmput > +1us", "--fail-if", "dma.bytes < -99%")
expect(0, "ok         mmput > +1us  quiet-unbind: ", *both, "--reference", "mm-exit", "--fail-if", "mmput > +1us")
expect(1, "quiet-unbind: ", *both, "--fail-if", "mmput > 1ps")
expect(1, "", *both, "--fail-if", "quiesce.p99 > 1ns", "--out", "judged")
rows = load("judged/compare.json")["fail_if"]
check([(r["variant"], r["failed"]) for r in rows] == [("quiet-unbind", True), ("mm-exit", True)], f"conditions in compare.json: {rows}")
check(rows[0]["value"] == load("judged/quiet-unbind/run.json")["summary"]["quiesce"]["p99"], f"the value that was judged: {rows[0]}")
expect(0, "", "compare", "two.yaml", "--against", "quiet", "--fail-if", "mmput > +0ns")
expect(1, "FAIL-IF", "compare", "two.yaml", "--set", "os.policy=mm-exit", "--against", "quiet", "--fail-if", "mmput > +5%")
expect(0, "", *both, "--against", "cmp", "--fail-if", "mmput > +0ns", "--fail-if", "mmput < +0ns")
expect(1, "FAIL-IF", "compare", "quiet", "mm-exit", "--fail-if", "mmput > +5%")
expect(2, "--fail-if:1:1: error: 'quiesce.p98' is no number of run.json; did you mean 'quiesce.p99'?", *both, "--fail-if", "quiesce.p98 > 5us", "--out", "none")
expect(2, "expected a sign: +5% or -5% of the reference", *both, "--fail-if", "quiesce.p99 > 5%", "--out", "none")
expect(2, "there is no variant 'mm-exti': there are quiet-unbind, mm-exit; did you mean 'mm-exit'?", *both, "--reference", "mm-exti", "--out", "none")
expect(5, "is this what", *both, "--against", "nothing", "--out", "none")
expect(2, "with what is it to be compared?", "compare", "two.yaml", "--out", "none")
expect(2, "a comparison: name one of its variants", "compare", "cmp", "quiet", "--out", "none")
check(not os.path.exists("none"), "a refused comparison has left something")

# ---- combinations that there cannot be -------------------------------------------------------------------------------------
grid = ["compare", "mm-exit-under-load", "--over", "os.kernel=6.12,2018", "--over", "os.policy=mm-exit,quiet-unbind"]
said = expect(0, "refused 2018 quiet-unbind: ", *grid, "--out", "grid").stdout
check(len([w for w in next(l for l in said.splitlines() if l.startswith("verdict")).split() if w == "pass"]) == 3, "the others have not run")
refused = load("grid/compare.json")["refused"]
check(len(refused) == 1 and refused[0]["name"] == "2018 quiet-unbind" and "does not exist on kernel 2018" in refused[0]["why"], f"refused: {refused}")
check(len(load("grid/compare.json")["variants"]) == 3 and not os.path.exists("grid/2018_quiet-unbind/run.json"), "a refused variant has results")
expect(2, "none of the 2 can be", "compare", "mm-exit-under-load", "--over", "os.kernel=2018", "--over", "os.policy=quiet-unbind,park-refcount", "--out", "none")
expect(2, "did you mean", "compare", "mm-exit-under-load", "--over", "os.policy=mm-exit,quiet-unbnd", "--out", "none")
check(not os.path.exists("none"), "a refused comparison has left something")

print("all held" if failures == 0 else f"{failures} failed")
sys.exit(failures > 0)
