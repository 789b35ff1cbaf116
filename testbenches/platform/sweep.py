#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""sweep as a user meets it: numbers are those of run, nothing is run twice, what fails stands alone, mistakes have places."""
import csv
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time
import xml.etree.ElementTree

from claims import QUIESCE, SOURCE, check, expect, quiesce, verdict

SANITIZED = os.environ.get("SANITIZED") == "1"


def results(directory):
    return json.loads((pathlib.Path(directory) / "sweep.json").read_text())


def kept_files(directory):
    """Every run that is there, with what would change if it were made again."""
    return {p.name: (p.stat().st_ino, p.stat().st_mtime_ns) for p in (pathlib.Path(directory) / "points").glob("*.json")
            if not p.name.endswith(".failed.json")}


def write(name, text):
    pathlib.Path(name).write_text(text)
    return name


# ---- numbers are those of `run` --------------------------------------------------------------------------------------
small = write("small.yaml", """sweep: a small one
scenario: ats-teardown
repeat: 2
judge: violations
set: {os.policy: quiet-unbind, platform.simultaneous: shuffled, os.cpu.jitter: 1us}
axes:
  devices.acc0.atc.entries: [64, 256]
  devices.acc0.stop_time: {from: 1us, to: 100us, per-decade: 1}
metrics: [summary.quiesce.p99, block, mmput, dma.bytes, exposure, worst: summary.quiesce.max, violations]
plots:
  - line: {x: stop_time, y: mmput, series: entries}
  - heat-map: {x: stop_time, y: entries, value: worst}
  - tornado: worst
  - pareto: {x: block, y: dma.bytes, more-is-better: dma.bytes}
""")
expect(0, "12 runs: 12 now, 0 kept from before, 0 failed; 12 pass, 0 fail", "sweep", small, "--out", "small", "--jobs", 2)
sweep = results("small")
check(sweep["schema"] == 1 and len(sweep["points"]) == 6, "shape of sweep.json")
rows = list(csv.DictReader(open("small/points.csv")))
check(len(rows) == 6 * 2 * 7, f"points.csv has {len(rows)} rows")
for point in sweep["points"][1::4]:
    for made in point["runs"]:
        sets = [f"--set={path}={value}" for path, value in point["at"].items()]
        sets += ["--set=os.policy=quiet-unbind", "--set=platform.simultaneous=shuffled", "--set=os.cpu.jitter=1us"]
        quiesce("run", "ats-teardown", "--seed", made["seed"], *sets, "--out", "one")
        one = json.loads(pathlib.Path("one/run.json").read_text())
        check(one["fingerprint"] == made["fingerprint"], f"point {point['point']} is another run than `run`'s")
        kept = json.loads(pathlib.Path(f"small/points/{made['key']}.json").read_text())
        for j in one, kept:
            del j["host"], j["expectations"], j["verdict"]
            for told in j["teardowns"] + j["violations"]:  # numbers of events.sqlite, which a point leaves none of
                told.pop("event", None), told.pop("milestone_events", None)
        check(one == kept, f"run.json of point {point['point']} differs")
        last = max(t["milestones_ps"]["mmput"] - t["t0_ps"] for t in one["teardowns"])
        wanted = {"summary.quiesce.p99": one["summary"]["quiesce"]["p99"], "mmput": last, "dma.bytes": one["dma"]["bytes"],
                  "exposure": max(t["exposure_ps"] for t in one["teardowns"]), "worst": one["summary"]["quiesce"]["max"], "violations": 0}
        for name, value in wanted.items():
            check(made["values"][name] == value, f"{name}: {made['values'][name]} instead of {value}")
            in_csv = [r["value"] for r in rows if r["point"] == str(point["point"]) and r["seed"] == str(made["seed"]) and r["metric"] == name]
            check(in_csv == [str(value)], f"{name} in points.csv: {in_csv} instead of {value}")
    values = [r["values"]["mmput"] for r in point["runs"]]
    s = point["statistics"]["mmput"]
    mean, spread = sum(values) / 2, abs(values[0] - values[1]) / 2 ** 0.5
    check(abs(s["mean"] - mean) < 1 and abs(s["ci95"][1] - mean - 12.706 * spread / 2 ** 0.5) < 1 + 1e-9 * mean, f"statistics {s} of {values}")
worst = next(s for s in sweep["sensitivity"] if s["metric"] == "worst")
check(worst["effects"][0]["axis"] == "stop_time", f"which axis moves the quiesce latency most: {worst}")
check(sweep["plots"] == [f"plots/{n}.svg" for n in ("1-line", "2-heat-map", "3-tornado", "4-pareto")], f"plots: {sweep['plots']}")
for plot in sweep["plots"]:
    xml.etree.ElementTree.parse("small/" + plot)
front = sweep["pareto"][0]["points"]
both = {p["point"]: (p["statistics"]["block"]["mean"], -p["statistics"]["dma.bytes"]["mean"]) for p in sweep["points"]}
beaten = {p for p in both for q in both if both[q] != both[p] and both[q][0] <= both[p][0] and both[q][1] <= both[p][1]}
check(set(front) == set(both) - beaten, f"Pareto front {front}")

# ---- nothing is run twice, and what changes is run again --------------------------------------------------------------
before = kept_files("small")
expect(0, "12 runs: 0 now, 12 kept from before", "sweep", small, "--out", "small")
check(kept_files("small") == before, "a second sweep has made runs again")
more = write("more.yaml", pathlib.Path(small).read_text().replace("[64, 256]", "[64, 128, 256]"))
expect(0, "18 runs: 6 now, 12 kept from before", "sweep", more, "--out", "small")
other = write("other.yaml", pathlib.Path(small).read_text().replace("os.policy: quiet-unbind", "os.policy: mm-exit"))
expect(0, "12 runs: 12 now, 0 kept from before", "sweep", other, "--out", "small")
shutil.copy(QUIESCE, "changed")
with open("changed", "ab") as f:
    f.write(b"\0")
expect(0, "12 runs: 12 now, 0 kept from before", "sweep", small, "--out", "small", program="./changed")

# ---- killed halfway, interrupted halfway -------------------------------------------------------------------------------
times = 15 if SANITIZED else 60
total, enough = 2 * times, times // 2
large = write("large.yaml", f"""sweep: a larger one
scenario: ats-teardown
seed: 10
judge: violations
axes:
  devices.acc0.stop_time: {{from: 1us, to: {times}us, step: 1us}}
  os.policy: [quiet-unbind, mm-exit]
metrics: [quiesce, mmput]
""")


def begin_and(what, directory, enough):
    sweeping = subprocess.Popen([QUIESCE, "sweep", large, "--out", directory, "--jobs", "2"], stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, start_new_session=True)
    until = time.time() + 300
    while len(kept_files(directory)) < enough and sweeping.poll() is None and time.time() < until:
        time.sleep(0.005)
    what(sweeping)
    sweeping.communicate()
    return sweeping.returncode


check(begin_and(lambda p: os.killpg(p.pid, signal.SIGKILL), "killed", enough) == -signal.SIGKILL, "the sweep was too fast to be killed")
before = kept_files("killed")
check(enough <= len(before) < total, f"{len(before)} runs were made before the kill")
expect(0, f"{total} runs: {total - len(before)} now, {len(before)} kept from before, 0 failed", "sweep", large, "--out", "killed")
after = kept_files("killed")
check(all(after[name] == state for name, state in before.items()), "a run of before the kill was made again")
check(len(after) == total, f"{len(after)} runs are there")
check(not list(pathlib.Path("killed/points").glob("*.said")), "something is left of runs that are over")

check(begin_and(lambda p: p.send_signal(signal.SIGINT), "interrupted", enough) == 130, "an interrupted sweep does not exit with 130")
before = kept_files("interrupted")
partial = results("interrupted")
check(partial["interrupted"] and partial["counts"]["missing"] == total - len(before) > 0, f"partial results: {partial['counts']}")
expect(0, f"{len(before)} kept from before", "sweep", large, "--out", "interrupted")
whole, again = results("killed"), results("interrupted")
for a, b in zip(whole["points"], again["points"]):
    check(a["statistics"] == b["statistics"], f"point {a['point']}: {a['statistics']} and {b['statistics']}")

# ---- points that fail ---------------------------------------------------------------------------------------------------
os.mkdir("beside")
write("beside/heap.yaml", """scenario: a process with a heap of 16 MiB is killed
devices: {acc0: {kind: accelerator}}
steps:
  - os: {spawn: app0, pages: 4096}
  - os: {bind: app0, to: acc0}
  - os: {kill: app0}
""")
failing = write("beside/failing.yaml", """sweep: one point has no room for the heap
scenario: heap.yaml
axes:
  platform.memory.ram: [16MiB, 64MiB, 1GiB]
metrics: [quiesce]
""")
expect(6, "FAILED  point 1 (ram 16MiB), seed 1: beside/heap.yaml:4:5: error: os spawn spawn=app0 pages=4096: the simulated machine is out of memory", "sweep", failing, "--out", "failing")
record = [json.loads(p.read_text()) for p in pathlib.Path("failing/points").glob("*.failed.json")]
check(len(record) == 1 and record[0]["reason"] and record[0]["point"] == "ram 16MiB", f"what is recorded of it: {record}")
check([r["verdict"] for r in csv.DictReader(open("failing/points.csv"))] == ["error", "pass", "pass"], "the others went on")
before = kept_files("failing")
expect(6, "3 runs: 0 now, 2 kept from before, 1 failed", "sweep", failing, "--out", "failing")
check(kept_files("failing") == before, "others were tried again with it")
mistaken = write("mistaken.yaml", """sweep: a kernel that forgets something
scenario: ats-teardown
axes: {os.bugs: [[], [R6]]}
metrics: [violations]
""")
expect(1, "1 pass, 1 fail", "sweep", mistaken, "--out", "mistaken")
no_pri = write("no-pri.yaml", """sweep: an SMMU whose driver leaves page requests off
scenario: pri-storm-exit
axes: {os.smmuv3_driver.pri: [true, false]}
metrics: [quiesce]
""")
expect(0, "1 not applicable", "sweep", no_pri, "--out", "no-pri")
check([r["value"] != "" for r in csv.DictReader(open("no-pri/points.csv"))] == [True, False], "a run that was not applicable has a value")

# ---- the command line's settings, parts ---------------------------------------------------------------------------------
set_here = ["sweep", small, "--set", "os.policy=mm-exit", "--set", "platform.memory.dma_latency=200ns"]
expect(0, "12 runs: 12 now", *set_here, "--out", "set-here")
expect(0, "12 runs: 12 now", "sweep", write("set-there.yaml", pathlib.Path(small).read_text().replace(
    "os.policy: quiet-unbind", "os.policy: mm-exit, platform.memory.dma_latency: 200ns")), "--out", "set-there")
check([[r["fingerprint"] for r in p["runs"]] for p in results("set-here")["points"]] == [[r["fingerprint"] for r in p["runs"]] for p in results("set-there")["points"]],
      "--set is something else than the file's set")
expect(2, "--set:1:1: error: set: devices.acc0.stop_time is an axis, too", "sweep", small, "--set", "devices.acc0.stop_time=1us", "--plan")
expect(2, 'did you mean "mm-exit"?', "sweep", small, "--set", "os.policy=mm-exti", "--plan")
expect(2, "unknown path 'oss.policy'", "sweep", small, "--set", "oss.policy=mm-exit", "--plan")
expect(0, "4 runs now, 0 kept from before, 0 failed", "sweep", small, "--out", "parts", "--part", "2/3")
check(not os.path.exists("parts/sweep.json") and len(kept_files("parts")) == 4, "a part has left tables, or other runs")
expect(6, "12 runs: 0 now, 4 kept from before, 0 failed, 8 missing", "sweep", small, "--out", "parts", "--collect")
for part in ("1/3", "3/3"):
    expect(0, "4 runs now", "sweep", small, "--out", "parts", "--part", part)
expect(0, "12 runs: 0 now, 12 kept from before, 0 failed; 12 pass", "sweep", small, "--out", "parts", "--collect")
expect(0, "12 runs: 12 now", "sweep", small, "--out", "whole")
check([p["statistics"] for p in results("parts")["points"]] == [p["statistics"] for p in results("whole")["points"]], "parts make another sweep")
expect(6, "3 runs: 0 now, 2 kept from before, 1 failed", "sweep", failing, "--out", "failing", "--collect")
expect(2, "--part:1:1: error: expected an integer from 1 to 3, got \"4\"", "sweep", small, "--out", "parts", "--part", "4/3")
expect(2, "a part is 3/8: the third of eight", "sweep", small, "--out", "parts", "--part", "2")
expect(2, "--part needs --out DIR", "sweep", small, "--part", "1/2")

# ---- plan, guard, mistakes ----------------------------------------------------------------------------------------------
took = f"{0.05 * total / 3:.0f} s"
expect(0, f"about {took} for what is missing, 3 at a time, if each takes 50 ms (a guess", "sweep", large, "--plan", "--jobs", 3)
expect(0, f"{total} runs, {total} of them kept from before", "sweep", large, "--plan", "--out", "killed")
expect(0, f"point {total}: stop_time {times}us, policy mm-exit", "sweep", large, "--plan")
check(not os.path.exists("planned"), "")
expect(0, f"{times} points of {times}", "sweep", write("p.yaml", pathlib.Path(large).read_text().replace("[quiet-unbind, mm-exit]", "[mm-exit]")),
       "--plan", "--out", "planned")
check(not os.path.exists("planned"), "--plan has made something")
guarded = write("guarded.yaml", pathlib.Path(large).read_text() + "max-points: 20\n")
expect(3, f"guarded.yaml:9:1: error: {total} points with 1 seeds are {total} runs, more than max-points: 20", "sweep", guarded, "--out", "guarded")
check(not os.path.exists("guarded"), "a refused sweep has made something")
impossible = write("impossible.yaml", """sweep: pairs that never were
scenario: ats-teardown
axes:
  os.kernel: ["6.12", "2018"]
  os.policy: [mm-exit, quiet-unbind]
metrics: [quiesce]
""")
expect(3, "impossible.yaml:4:23: error: policy quiet-unbind does not exist on kernel 2018", "sweep", impossible, "--out", "impossible")
check(not os.path.exists("impossible"), "a sweep with impossible points has run others")
expect(0, "3 points of 4 combinations", "sweep", write("possible.yaml", pathlib.Path(impossible).read_text() +
       "where: not (os.kernel == \"2018\" and os.policy == quiet-unbind)\n"), "--plan")
wrong = write("wrong.yaml", """sweep: all of it is wrong
scenario: ats-teardwon
axis: {}
metrics: [quisce]
""")
said = expect(3, "did you mean 'ats-teardown'?", "sweep", wrong)
for text in ("wrong.yaml:2:11: error:", "wrong.yaml:3:1: error: unknown key 'axis'; did you mean 'axes'?", "wrong.yaml:4:11: error: 'quisce'"):
    check(text in said.stderr, f"no '{text}': {said.stderr}")
expect(3, "unknown sweep 'quiesce-vs-atk'; did you mean 'quiesce-vs-atc'?", "sweep", "quiesce-vs-atk")
expect(5, "cannot read 'none.yaml'", "sweep", "none.yaml")
expect(5, "cannot create", "sweep", small, "--out", "/proc/none")
expect(2, "unknown engine 'slrm'", "sweep", small, "--engine", "slrm")

readme = (SOURCE / "platform/docs/parameter-study.md").read_text()
write("readme.yaml", next(b for b in readme.split("```") if b.startswith("yaml\nsweep:"))[len("yaml\n"):])
expect(0, "114 points of 120 combinations, 3 seeds: 342 runs", "sweep", "readme.yaml", "--plan")

# ---- the library ----------------------------------------------------------------------------------------------------------
for file in sorted((SOURCE / "testbenches/sweeps").glob("*.yaml")):
    if SANITIZED:
        expect(0, "runs", "sweep", file.stem, "--plan")
        continue
    expect(0, " 0 failed", "sweep", file.stem, "--out", "library-" + file.stem)
    for plot in results("library-" + file.stem)["plots"]:
        xml.etree.ElementTree.parse(f"library-{file.stem}/{plot}")

raise SystemExit(verdict())
