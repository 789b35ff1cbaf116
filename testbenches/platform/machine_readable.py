#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""--json: stdout is one JSON document, of what the text or the files say. --diagnostics json: stderr is one JSON object a line.
Colour is where it was asked for. Whoever is interrupted leaves what there is."""
import json
import os
import pty
import signal
import subprocess
import time
from pathlib import Path

from claims import QUIESCE, SOURCE, check, judge_parts, quiesce, verdict


def run(*command, code=0, **more):
    done = quiesce(*command, **more)
    check(done.returncode == code, f"{command}: exit code {done.returncode}, not {code}: {done.stderr[-300:]}")
    return done


def answer(*command, code=0):
    done = run(*command, "--json", "--diagnostics", "json", code=code)
    for line in done.stderr.splitlines():
        check(set(json.loads(line)) >= {"severity", "message"}, f"{command}: stderr has {line}")
    return json.loads(done.stdout)


def without_host(record):
    return {k: v for k, v in record.items() if k != "host"}


def documents():
    record = answer("run", "mm-exit-under-load", "--out", "a")
    check(without_host(record) == without_host(json.loads(Path("a/run.json").read_text())), "run --json is run.json")
    check(answer("run", "mm-exit-under-load", "--set", "os.bugs=[R8]", code=1)["violations"][0]["kind"] == "freed-before-fenced", "a run that fails")
    check(answer("run", "pri-storm-exit", "--set", "os.smmuv3_driver.pri=false")["verdict"] == "not-applicable", "a run that is not applicable")
    read = answer("check", "ats-teardown")
    check(read["ok"] and read["devices"] == 1 and read["sentences"] > 0, f"check: {read}")
    both = answer("compare", "mm-exit-under-load", "--over", "os.policy=quiet-unbind,mm-exit", "--out", "both")
    check([v["name"] for v in both["variants"]] == ["quiet-unbind", "mm-exit"], "variants")
    for v in both["variants"]:
        check(v["run"] == json.loads((Path("both") / v["name"] / "run.json").read_text()), f"compare: {v['name']} is its run.json")
    Path("s.yaml").write_text("sweep: two points\nscenario: mm-exit-under-load\naxes:\n  os.policy: [quiet-unbind, mm-exit]\nmetrics: [summary.quiesce.max]\n")
    swept = answer("sweep", "s.yaml", "--out", "swept")
    on_disk = json.loads(Path("swept/sweep.json").read_text())
    check({k: v for k, v in swept.items() if k != "plots"} == {k: v for k, v in on_disk.items() if k != "plots"}, "sweep --json is sweep.json")
    check(isinstance(answer("sweep", "s.yaml", "--plan"), dict), "a plan")
    stress = answer("stress", "--runs", "5")
    check(stress["done"] + stress["unfit"] == 5 and stress["failures"] == [] and sum(b["runs"] for b in stress["by"]) == stress["done"], f"stress: {stress}")
    bad = answer("stress", "--runs", "30", "--set", "os.bugs=[R6]", "--out", ".", code=1)
    check(bad["failures"] and all(Path(f["file"]).exists() and f["kinds"] for f in bad["failures"]), "stress that finds something")
    for what in ("", "scenarios", "params", "events"):
        check(isinstance(answer("list", *([what] if what else [])), list), f"list {what}")
    check(isinstance(answer("features"), list), "features")
    lines = run("replay", str(SOURCE / "testbenches/replay/smmuv3.jsonl"), "--json", "--diagnostics", "json").stdout.splitlines()
    check(lines and all(isinstance(json.loads(line), dict) for line in lines), "replay has a document a line")


def complaints():
    def said(*command, code):
        return [json.loads(line) for line in run(*command, "--diagnostics", "json", code=code).stderr.splitlines()]
    Path("bad.yaml").write_text("scenario: x\ndevices: {acc0: {kind: accelerater}}\nsteps:\n  - os: {spwan: a}\n  - os: {spawn: b, pages: 0}\n")
    found = said("check", "bad.yaml", code=3)
    text = run("check", "bad.yaml", code=3).stderr
    check(len(found) >= 3 and all(f["file"] == "bad.yaml" and f["severity"] == "error" for f in found), f"{found}")
    for f in found:
        check(f"bad.yaml:{f['line']}:{f['col']}: error: {f['message']}" in text, f"{f} is not what the text says")
    check([f.get("hint") for f in found][:2] != [None, None], "hints")
    check("\x1b" not in text, "no colour in a pipe")
    for command, code, hint in ((["run", "mm-exit-under-lod"], 3, None), (["rum", "x"], 2, "run"), (["run", "x", "--sed", "1"], 2, "--seed"),
                                (["list", "scenaros"], 2, "scenarios"), (["completion", "bsh"], 2, "bash"), (["man", "quiesce-rn.1"], 2, "quiesce-run.1"),
                                (["run", "mm-exit-under-load", "--set", "os.polcy=mm-exit"], 2, None), (["run", "mm-exit-under-load", "--seed", "x"], 2, None),
                                (["explain", "a", "t99"], 2, None), (["replay", "nowhere.jsonl"], 3, None), (["report", "nowhere"], 5, None)):
        lines = said(*command, code=code)
        check(lines and lines[0]["severity"] == "error", f"{command}: {lines}")
        check(hint is None or lines[0].get("hint") == hint, f"{command}: hint {lines}")
        plain = run(*command, code=code).stderr
        check("did you mean" in plain or hint is None, f"{command}: {plain}")
    check("did you mean" in run("run", "mm-exit-under-lod", code=3).stderr and "did you mean" in run("run", "mm-exit-under-load", "--set", "os.polcy=x", code=2).stderr,
          "names and paths have suggestions")
    run("run", "x", "--diagnostics", "xml", code=2)
    run("run", "x", "--color", "purple", code=2)


def colour():
    check("\x1b[" in run("check", "bad.yaml", "--color", "always", code=3).stderr, "--color always")
    def on_terminal(*more, **env):
        pid, fd = pty.fork()
        if pid == 0:
            os.environ.pop("NO_COLOR", None)
            os.environ.update({"TERM": "xterm"} | env)
            os.execv(QUIESCE, [QUIESCE, "check", "bad.yaml", *more])
        text = b""
        while True:
            try:
                text += os.read(fd, 65536)
            except OSError:
                break
        os.waitpid(pid, 0)
        os.close(fd)
        return text
    check(b"\x1b[" in on_terminal(), "colour on a terminal")
    check(b"\x1b[" not in on_terminal("--color", "never") and b"\x1b[" not in on_terminal(NO_COLOR="1"), "none with never, none with NO_COLOR")
    check(b"\x1b[" in on_terminal("--color", "always", NO_COLOR="1"), "--color goes before NO_COLOR")


def interrupted(command, left, seconds=6 if os.environ.get("SANITIZED") == "1" else 2):
    """SIGINT for the parent alone, as `kill` sends it."""
    p = subprocess.Popen([QUIESCE, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(seconds)
    p.send_signal(signal.SIGINT)
    began = time.monotonic()
    out, err = p.communicate(timeout=100)
    check(p.returncode == 130, f"{command}: exit code {p.returncode} after SIGINT: {err[-200:]}")
    check(time.monotonic() - began < 60, f"{command}: took {time.monotonic() - began:.0f} s to stop")
    check("\r" not in err, f"{command}: progress in a pipe")
    for file in left:
        check(Path(file).exists(), f"{command}: left no {file}")
    return out


def interrupts():
    Path("long.yaml").write_text("scenario: it takes long\ndevices: {acc0: {kind: accelerator}}\nuntil: 20s\nobserve: {limit: 60s}\nsteps:\n  - os: {spawn: app0, pages: 64}\n"
                                 "  - os: {bind: app0, to: acc0}\n  - acc0: {stream: app0, every: 1us}\n")
    interrupted(["run", "long.yaml", "--out", "li"], ["li/run.json", "li/report.html"])
    check(json.loads(Path("li/run.json").read_text())["verdict"] == "interrupted", "the verdict of an interrupted run")
    out = interrupted(["compare", "long.yaml", "--over", "os.policy=quiet-unbind,mm-exit,notify-unbind", "--jobs", "2", "--out", "lc", "--json"], ["lc/report.html"])
    variants = json.loads(out)["variants"]
    check([v["run"] and v["run"]["verdict"] for v in variants] == ["interrupted", "interrupted", None], f"an interrupted comparison: {[v['exit'] for v in variants]}")
    Path("long-sweep.yaml").write_text("sweep: long\nscenario: long.yaml\naxes:\n  os.policy: [quiet-unbind, mm-exit, notify-unbind]\nmetrics: [dma.writes]\n")
    interrupted(["sweep", "long-sweep.yaml", "--jobs", "2", "--out", "ls"], ["ls/sweep.json"])
    told = json.loads(interrupted(["stress", "--runs", "100000", "--json"], []))
    check(told["interrupted"] and 0 < told["done"] < 100000, f"an interrupted stress: {told['done']}")


judge_parts(documents, complaints, colour, interrupts)
raise SystemExit(verdict())
