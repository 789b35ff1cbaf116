#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Completion as bash, zsh and fish do it, with keys on a terminal; and manual pages that man and mandoc take without a word.
A shell that is not here is left out, and it is said so."""
import json
import os
import pty
import re
import select
import shutil
import subprocess
import time
from pathlib import Path

from claims import QUIESCE, check, judge_parts, verdict


def told(*words):
    """What the binary itself says that the last word could become."""
    done = subprocess.run([QUIESCE, "complete", *words], capture_output=True, text=True)
    check(done.returncode == 0 and done.stderr == "", f"complete {words}: {done.returncode} {done.stderr}")
    return [line.split("\t")[0] for line in done.stdout.splitlines()]


def listed(what):
    return [row["name"] for row in json.loads(subprocess.run([QUIESCE, "list", what, "--json"], capture_output=True, text=True).stdout)]


# ---- what the binary says
def candidates():
    verbs = told("")
    check({"run", "check", "compare", "sweep", "stress", "explain", "report", "replay", "list", "schema", "features"} <= set(verbs), f"verbs: {verbs}")
    check(told("com") == ["compare", "completion"], "verbs that begin with com")
    check(told("run", "mm-exit-un") == ["mm-exit-under-load", ":files"], "a scenario")
    check(set(told("run", "")) == set(listed("scenarios")) | {":files"}, "all scenarios")
    check("--seed" in told("run", "--") and "--over" in told("compare", "--") and "--over" not in told("run", "--"), "options")
    check(told("run", "x", "--out", "") == [":dirs"] and told("run", "--seed", "") == [], "values of options")
    check({"platform.", "os.", "observe."} <= set(told("run", "--set", "")), "first parts of paths")
    check(told("run", "--set", "os.poli") == ["os.policy="], "a parameter")
    check(told("run", "--set", "os.policy=mm") == ["os.policy=mm-exit"], "a value")
    check(told("run", "--set=os.policy=mm") == ["--set=os.policy=mm-exit"], "a value behind --set=")
    check(told("compare", "x", "--over", "os.policy=mm-exit,quiet") == ["os.policy=mm-exit,quiet-unbind"], "a second value")
    check("os.policy=mm-exit,mm-exit" not in told("compare", "x", "--over", "os.policy=mm-exit,"), "a value that is there already")
    check(set(told("run", "--set", "observe.waves=")) == {"observe.waves=true", "observe.waves=false"}, "truth")
    check("os.bugs=[R6]" in told("run", "--set", "os.bugs="), "a mistake")
    check("devices.acc0." in told("run", "ats-teardown", "--set", "devices.") and told("run", "--set", "devices.") == [], "the scenario's devices")
    check(told("list", "sc") == ["scenarios"] and set(told("list", "")) == set(listed("")), "lists")
    check(told("completion", "") == ["bash", "zsh", "fish"] and "quiesce-scenario.5" in told("man", "quiesce-s"), "shells and pages")
    check("quiesce-vs-atc" in told("sweep", ""), "sweeps")
    check(told("nonsense", "") == [] and told("run", "--set", "os.nonsense=") == [], "nothing for what is not there")
    subprocess.run([QUIESCE, "run", "mm-exit-under-load", "--set", "os.bugs=[R8]", "--out", "results"], capture_output=True)
    run = json.loads(Path("results/run.json").read_text())
    ids = [t["id"] for t in run["teardowns"]] + [v["id"] for v in run["violations"]]
    check(len(ids) >= 2 and told("explain", "results", "")[: len(ids)] == ids, f"ids of results: {told('explain', 'results', '')}")
    subprocess.run([QUIESCE, "run", "pri-storm-exit", "--out", "storm"], capture_output=True)
    for letter in "fp":
        of = told("explain", "storm", letter)
        last = subprocess.run([QUIESCE, "explain", "storm", of[-1]], capture_output=True, text=True) if of else None
        check(len(of) > 1 and of[0] == letter + "0" and last.returncode == 0 and last.stdout.startswith(of[-1] + " "), f"{letter} of results: {of[-3:]}")
    every = {p["name"] for p in json.loads(subprocess.run([QUIESCE, "list", "params", "--json"], capture_output=True, text=True).stdout)}
    # every parameter of no device is reached part by part
    def reach(begun):
        found = set()
        for word in told("run", "--set", begun):
            found |= {word[:-1]} if word.endswith("=") else reach(word)
        return found
    check(reach("os.pasid.") == {p for p in every if p.startswith("os.pasid.")}, "the parameters below os.pasid")


# ---- a shell on a terminal
class Terminal:
    def __init__(self, command, start):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="vt100", PS1="> ", HISTFILE="", HOME=os.getcwd(), INPUTRC="/dev/null", LC_ALL="C.UTF-8", COLUMNS="300", LINES="60")
            os.execvp(command[0], command)
        self.send(start + "\necho read''y\n")
        self.until("ready")

    def send(self, keys):
        os.write(self.fd, keys.encode())

    def until(self, text, seconds=20):
        seen, end = "", time.monotonic() + seconds
        while time.monotonic() < end:
            if select.select([self.fd], [], [], 0.2)[0]:
                try:
                    seen += os.read(self.fd, 65536).decode(errors="replace")
                except OSError:
                    break
                if text in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|[\r\x08]", "", seen):
                    return seen
        return seen

    def completes(self, begun, to):
        """What becomes of the line with a TAB behind it: `echo` shows it. A machine that is busy has a second try, and a third."""
        for patience in (1, 5, 20):
            self.send("\x15" + begun + "\t")
            time.sleep(patience)
            self.send("\x01echo '<' \x05 '>'\n")
            seen = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|[\r\x08\x00\x07]", "", self.until(f"< {to}", 8))
            if re.search(r"^< " + re.escape(to) + r"\s+>\s*$", seen, re.MULTILINE):
                return True
        return seen[-400:]

    def close(self):
        os.close(self.fd)
        os.waitpid(self.pid, 0)


def on_a_terminal(shell, command, start):
    if shutil.which(shell) is None:
        print(f"no {shell}: not tried")
        return
    t = Terminal(command, f"PATH={Path(QUIESCE).parent}:$PATH\n{start}")
    for begun, to in (("quiesce feat", "quiesce features"), ("quiesce run slow-device-st", "quiesce run slow-device-stop"),
                      ("quiesce run x --set os.poli", "quiesce run x --set os.policy="),
                      ("quiesce run x --set os.policy=quiet", "quiesce run x --set os.policy=quiet-unbind"),
                      ("quiesce explain results t", "quiesce explain results t0"), ("quiesce explain resul", "quiesce explain results/"),
                      ("quiesce compare x --over os.policy=mm-exit,quiet", "quiesce compare x --over os.policy=mm-exit,quiet-unbind"),
                      ("quiesce compare x --ov", "quiesce compare x --over")):
        came = t.completes(begun, to)
        check(came is True, f"{shell}: {begun!r} with TAB is not {to!r}: {came!r}")
    t.close()


def fish():
    if shutil.which("fish") is None:
        print("no fish: not tried")
        return
    for begun, to in (("quiesce feat", "features"), ("quiesce run slow-device-st", "slow-device-stop"), ("quiesce run x --set os.policy=quiet", "os.policy=quiet-unbind"),
                      ("quiesce explain results t", "t0"), ("quiesce compare x --ov", "--over")):
        done = subprocess.run(["fish", "--no-config", "-c", f"{QUIESCE} completion fish | source; complete -C {begun!r}"], capture_output=True, text=True,
                              env={**os.environ, "PATH": f"{Path(QUIESCE).parent}:{os.environ['PATH']}", "HOME": os.getcwd()})
        words = [line.split("\t")[0] for line in done.stdout.splitlines()]
        check(to in words and len(words) == 1, f"fish: {begun!r}: {words} {done.stderr[-300:]}")


# ---- manual pages
def manual():
    subprocess.run([QUIESCE, "man", "--out", "man"], check=True)
    pages = sorted(Path("man").iterdir())
    verbs = re.findall(r"^  (\w+)  ", subprocess.run([QUIESCE, "--help"], capture_output=True, text=True).stdout.split("Subcommands:")[1], re.MULTILINE)
    check({p.name for p in pages} == {"quiesce.1", "quiesce-scenario.5", "quiesce-run.json.5"} | {f"quiesce-{v}.1" for v in verbs}, f"pages: {pages}")
    for page in pages:
        check(subprocess.run([QUIESCE, "man", page.name], capture_output=True, text=True).stdout == page.read_text(), f"{page}: two texts")
        if shutil.which("man"):
            done = subprocess.run(["man", "--warnings", "-l", str(page)], capture_output=True, text=True, env={**os.environ, "MANWIDTH": "100", "MANPAGER": "cat"})
            check(done.returncode == 0 and done.stderr == "" and len(done.stdout) > 300, f"man {page}: {done.stderr[:300]}")
        if shutil.which("mandoc"):
            done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", str(page)], capture_output=True, text=True)
            check(done.stdout == "", f"mandoc {page}: {done.stdout[:400]}")
    for tool in ("man", "mandoc"):
        if shutil.which(tool) is None:
            print(f"no {tool}: not tried")
    # Nothing of --help is missing in the page of a verb, of the schema in that of scenarios, of the list in that of results.
    plain = lambda page: re.sub(r"\\f.|\\&", "", page.read_text()).replace("\\-", "-").replace("\\e", "\\")
    for verb in verbs:
        options = set(re.findall(r"--[a-z-]+", subprocess.run([QUIESCE, verb, "--help"], capture_output=True, text=True).stdout.split("Options:")[1].split("\nexamples")[0]))
        missing = [o for o in options if o not in plain(Path(f"man/quiesce-{verb}.1"))]
        check(not missing, f"quiesce-{verb}.1 lacks {missing}")
    scenario, results = plain(Path("man/quiesce-scenario.5")), plain(Path("man/quiesce-run.json.5"))
    schema = json.loads(subprocess.run([QUIESCE, "schema"], capture_output=True, text=True).stdout)
    keys = re.findall(r"^\.TP\n(\w+)$", scenario.split(".SH STEPS")[0], re.MULTILINE)
    check(set(keys) == set(schema["properties"]), f"keys of a scenario: {set(keys) ^ set(schema['properties'])}")
    for what, text in (("params", scenario), ("sentences", scenario), ("devices", scenario), ("metrics", results)):
        missing = [n for n in listed(what) if n not in text]
        check(not missing, f"a page lacks {what} {missing[:5]}")


# ---- every row of every list has a line of help
def lists():
    kinds = json.loads(subprocess.run([QUIESCE, "list", "--json"], capture_output=True, text=True).stdout)
    check(len(kinds) >= 9 and all(k["help"] for k in kinds), f"lists: {kinds}")
    for kind in kinds:
        rows = json.loads(subprocess.run([QUIESCE, "list", kind["name"], "--json"], capture_output=True, text=True).stdout)
        bare = [r["name"] for r in rows if not r["help"].strip() or "\n" in r["help"]]
        check(rows and not bare, f"list {kind['name']}: no help, or more than a line, for {bare[:5]}")


judge_parts(candidates, manual, lists, lambda: on_a_terminal("bash", ["bash", "--norc", "-i"], 'source <(quiesce completion bash)'),
            lambda: on_a_terminal("zsh", ["zsh", "-f", "-i"], "autoload -U compinit; compinit -u -D; setopt noautomenu nolistbeep noautoremoveslash; source <(quiesce completion zsh)"), fish)
raise SystemExit(verdict())
