#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""waves.vcd, waves.fst and waves.gtkw: the same changes, the names of the timeline, markers at the milestones of run.json, and
windows that are parts of the whole. GTKWave itself opens the view where it and an X server are to be had."""
import bisect
import json
import os
import pathlib
import re
import shutil
import subprocess

from claims import check, quiesce, verdict


def vcd(text):
    """Each variable's history, by its full name: (time, value) where it changes."""
    scopes, names, history, now = [], {}, {}, 0
    words = iter(text.split())
    for w in words:
        if w == "$scope":
            next(words)
            scopes.append(next(words))
        elif w == "$upscope":
            scopes.pop()
        elif w == "$var":
            next(words), next(words)
            code, leaf = next(words), next(words)
            names[code] = ".".join(scopes + [leaf])
            history[names[code]] = []
        elif w == "$enddefinitions":
            break
    for line in text[text.index("$enddefinitions"):].splitlines()[1:]:
        if line[:1] == "#":
            now = int(line[1:])
        elif line[:1] in "sb":
            value, code = line[1:].split()
            told = history[names[code]]
            value = int(value, 2) if line[0] == "b" else value
            if not told or told[-1][1] != value:
                told.append((now, value))
    return history


def run(scenario, out, *arguments, code=(0, 1)):
    done = quiesce("run", scenario, "--out", out, *arguments)
    check(done.returncode in code, f"{scenario} {arguments}: exit {done.returncode}: {done.stderr}")
    return done.stderr


def read(out):
    return vcd(pathlib.Path(out, "waves.vcd").read_text()), json.loads(pathlib.Path(out, "run.json").read_text())


def markers(out):
    text = pathlib.Path(out, "waves.gtkw").read_text()
    times = [int(n) for n in re.search(r"^\*\S+ (.*)$", text, re.M).group(1).split()][1:]
    names = {ord(m[0]) - ord("A"): m[1:] for m in re.findall(r"^\[markername\] (.*)$", text, re.M)}
    check(len(times) == 26 and set(names) == {n for n, t in enumerate(times) if t >= 0}, f"{out}: markers without names")
    return {times[n]: name for n, name in names.items()}


def markers_agree(out):
    """What a marker says of its instant is what run.json has."""
    teardowns = {t["id"]: t for t in json.loads(pathlib.Path(out, "run.json").read_text())["teardowns"]}
    told = 0
    for at, name in markers(out).items():
        for whose in name.split(" "):
            teardown, what = whose.split(":")
            for said in what.split(","):
                milestone, _, event = said.partition("=")
                t = teardowns[teardown]
                check(event == (t["event"] if milestone == "T0" else t["milestone_events"].get(milestone, "")), f"{out}: {whose} of {t['id']}")
                check(at == (t["t0_ps"] if milestone == "T0" else t["milestones_ps"][milestone]), f"{out}: {whose} at {at}")
                told += 1
    return told


# ---- FST, and the view
run("mm-exit-under-load", "whole", "--fst", "--set", "observe.events=all")
whole, record = read("whole")
told = markers_agree("whole")
expected = len(record["teardowns"]) + sum(len(t["milestones_ps"]) for t in record["teardowns"])
check(told == expected, f"{told} markers' names of {expected} instants")
if shutil.which("fst2vcd"):
    back = subprocess.run(["fst2vcd", "whole/waves.fst"], capture_output=True, text=True, check=True).stdout
    check(vcd(back) == whole and sum(map(len, whole.values())) > 300, "waves.fst has the changes of waves.vcd")
run("crowd-teardown", "crowd", "--set", "observe.waves=true")
check(markers_agree("crowd") >= 26, "a crowd has all letters")
if shutil.which("gtkwave") and shutil.which("xvfb-run"):
    pathlib.Path("ask.tcl").write_text("""puts "shown [gtkwave::getDisplayedSignals]"
foreach m {A B C D E F G H I J K L M N O P Q R S T U V W X Y Z} { puts "marker [gtkwave::getNamedMarker $m]" }
gtkwave::/File/Write_Save_File "back.gtkw"
flush stdout
gtkwave::/File/Quit
""")
    said = subprocess.run(["xvfb-run", "-a", "gtkwave", "-T", "ask.tcl", "whole/waves.gtkw"], capture_output=True, text=True, check=False, timeout=120).stdout
    shown = next((line.split()[1:] for line in said.splitlines() if line.startswith("shown")), [])
    wanted = [line for line in pathlib.Path("whole/waves.gtkw").read_text().splitlines() if line.startswith("quiesce.")]
    check(shown == wanted and len(shown) > 8, f"GTKWave shows {shown}, the view has {wanted}")
    check({int(line.split()[1]) for line in said.splitlines() if line.startswith("marker") and int(line.split()[1]) >= 0} == set(markers("whole")),
          f"GTKWave's markers: {said}")
    saved = pathlib.Path("back.gtkw")
    if saved.exists():
        check(re.findall(r"^\[markername\] .*$", saved.read_text(), re.M) == re.findall(r"^\[markername\] .*$", pathlib.Path("whole/waves.gtkw").read_text(), re.M),
              "GTKWave knows the markers by their names")

# ---- how full queues were, as run.json has it, from the waveforms of everything
def levels(history, stretch, end):
    told = [0] * ((end - 1) // stretch + 1)
    for (at, level), (until, _) in zip(history, history[1:] + [(end, 0)]):
        for n in range(at // stretch, (until - 1) // stretch + 1) if until > at else ():
            told[n] = max(told[n], level)
    return told


check(len(record["queues"]) >= 1, "a queue was used")
for q in record["queues"]:
    history = whole[f"quiesce.{q['name']}.depth"]
    check(levels(history, q["stretch_ps"], record["simulated_ps"]) == q["levels"], f"levels of {q['name']}")
    check(next(at for at, level in history if level == q["most"]) == q["most_ps"], f"{q['name']} was full first at {q['most_ps']}")

# ---- names are the timeline's


def tracks(file):
    """Names of the tracks of a Perfetto trace, with those above, joined by dots: fields 60 (1 uuid, 5 parent, 2 name)."""
    def fields(data):
        at = 0

        def varint():
            nonlocal at
            value = shift = 0
            while True:
                value |= (data[at] & 0x7F) << shift
                at, shift = at + 1, shift + 7
                if data[at - 1] < 0x80:
                    return value
        while at < len(data):
            key = varint()
            if key & 7 == 0:
                yield key >> 3, varint()
            else:
                length = 8 if key & 7 == 1 else varint()
                yield key >> 3, data[at:at + length]
                at += length
    known = {}
    for _, packet in fields(file.read_bytes()):
        p = dict(fields(packet))
        if 60 in p:
            d = dict(fields(p[60]))
            known[d[1]] = (d.get(5, 0), re.sub(r" \((state|\d+)\)", "", d[2].decode()))
    paths = {above and known[above][1] + "." + name or name for above, name in known.values()}
    return {re.sub(r"[^A-Za-z0-9$.]", "_", p) for p in paths}


run("pri-storm-exit", "pages", "--set", "observe.events=all", "--set", "platform.iommu.kind=vtd")
for out in ("whole", "pages"):
    there = tracks(pathlib.Path(out, "timeline.pftrace"))
    for name in read(out)[0]:
        name = name.removeprefix("quiesce.")
        if name.startswith("pasid_lane"):
            continue
        plain = re.sub(r"\.(phase|state)$", "", name)
        check({name, plain, f"{plain}.{plain}"} & there, f"{out}: {name} is no track of the timeline")


# ---- windows
def value_at(history, at):
    n = bisect.bisect_right([t for t, _ in history], at)
    return history[n - 1][1] if n else None


def is_part(part, first, last, what):
    inside = 0
    for name, history in part.items():
        late = [(t, v) for t, v in history if t > last + 1000 or 0 < t < first]
        check(not late, f"{what}: {name} changes outside: {late[:3]}")
        check(value_at(history, first) in (value_at(whole[name], first), *([0, "-"] if name not in whole else [])), f"{what}: {name} at its beginning")
        mine, theirs = [c for c in history if first < c[0] < last], [c for c in whole[name] if first < c[0] < last]
        check(mine == theirs, f"{what}: {name}: {mine[:4]} is not {theirs[:4]}")
        inside += len(mine)
    return inside


t0 = record["teardowns"][0]["t0_ps"]
run("mm-exit-under-load", "stretch", "--wave-from", f"{t0 // 1000 - 3000}ns", "--wave-until", f"{t0 // 1000 + 4000}ns", "--pcap")
check(is_part(read("stretch")[0], t0 // 1000 * 1000 - 3_000_000, t0 // 1000 * 1000 + 4_000_000, "from and until") > 20, "changes in the stretch")
run("mm-exit-under-load", "around", "--wave-around", "t0:2us,5us")
check(is_part(read("around")[0], t0 - 2_000_000, t0 + 5_000_000, "around t0") > 20, "changes around t0")
check(markers_agree("around") >= 1 and min(markers("around")) == t0, "markers of what is shown")
run("mm-exit-under-load", "found", "--set", "os.bugs=[forget-tlbi]", "--wave-around", "v0:1us,1us")
found, told = read("found")
when = told["violations"][0]["time_ps"]
check(all(t == 0 or when - 1_000_000 <= t <= when + 1_001_000 for h in found.values() for t, _ in h), "around a violation")
said = run("mm-exit-under-load", "nobody", "--wave-around", "t99")
check("no t99" in said, f"a teardown that is not there: {said}")

# ---- what cannot be
for wrong in (["--wave-around", "x3"], ["--wave-around", "t0:5us"], ["--wave-around", "t0:5,5"], ["--wave-from", "5us", "--wave-until", "4us"],
              ["--wave-around", "t0", "--wave-until", "4us"], ["--wave-from", "soon"]):
    said = run("mm-exit-under-load", "wrong", *wrong, code=(2,))
    check("observe.window" in said, f"{wrong}: {said}")
done = quiesce("run", "mm-exit-under-load", "--out", "bare", "--fst", env=os.environ | {"PATH": "/nonexistent"})
check(done.returncode == 5 and "gtkwave" in done.stderr and not pathlib.Path("bare/run.json").exists(), f"without vcd2fst: {done.returncode} {done.stderr}")
run("mm-exit-under-load", "whole")
check(not pathlib.Path("whole/waves.fst").exists(), "a run without --fst takes a former one's away")

raise SystemExit(verdict())
