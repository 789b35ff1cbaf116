#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Results that are broken, foreign or not whole are refused with exit code 5, by name and with the reason, by every verb that reads
results; and a run that cannot go on leaves what it came to."""
import json
import os
import pathlib
import shutil
import sqlite3

from claims import check, quiesce, verdict


def expect(code, text, *arguments):
    got = quiesce(*arguments)
    check(got.returncode == code and text in got.stderr, f"{got.returncode} instead of {code}, or no '{text}': {' '.join(map(str, arguments))}\n{got.stderr[-800:]}")
    return got


def copy_of(name, change=None):
    shutil.copytree("good", name)
    if change:
        record = json.loads(pathlib.Path(name, "run.json").read_text())
        change(record)
        pathlib.Path(name, "run.json").write_text(json.dumps(record))
    return pathlib.Path(name)


def everybody_refuses(name, text):
    expect(5, text, "explain", name, "t0")
    expect(5, text, "report", name, "--out", "page.html")
    expect(5, text, "compare", "good", name)
    check(not os.path.exists("page.html"), f"a page of {name}")


expect(0, "", "run", "mm-exit-under-load", "--out", "good")
expect(0, "", "run", "mm-exit-under-load", "--set", "os.policy=mm-exit", "--out", "other")
expect(0, "", "compare", "good", "other")

# ---- run.json
copy_of("newer", lambda r: r.update(schema=99))
everybody_refuses("newer", "newer/run.json has schema 99: this quiesce reads schema 1")
copy_of("wrong-kind", lambda r: r.update(dma=[]))
everybody_refuses("wrong-kind", "wrong-kind/run.json is no run.json of this version: dma is array, not object")
copy_of("without-t0", lambda r: r["teardowns"][0].pop("t0_ps"))
everybody_refuses("without-t0", "without-t0/run.json is no run.json of this version: teardowns[0].t0_ps is missing")
copy_of("empty").joinpath("run.json").write_text("{}")
everybody_refuses("empty", "empty/run.json has schema null")
whole = pathlib.Path("good/run.json").read_text()
copy_of("cut").joinpath("run.json").write_text(whole[:len(whole) // 2])
everybody_refuses("cut", "cut/run.json is no run.json: it is no JSON object, or not whole")
for name in ("empty", "wrong-kind", "nothing"):
    expect(5, f"{name}/run.json", "compare", "mm-exit-under-load", "--against", name)

# ---- events.sqlite
shutil.copy("other/events.sqlite", copy_of("foreign"))
everybody_refuses("foreign", "foreign/events.sqlite: it is another run's, with fingerprint")
database = pathlib.Path("good/events.sqlite").read_bytes()
copy_of("cut-events").joinpath("events.sqlite").write_bytes(database[:len(database) // 2])
everybody_refuses("cut-events", "cut-events/events.sqlite: ")
copy_of("no-database").joinpath("events.sqlite").write_text("these are no events")
everybody_refuses("no-database", "no-database/events.sqlite: ")
copy_of("without-events").joinpath("events.sqlite").unlink()
expect(0, "", "explain", "without-events", "t0")

# ---- several runs
expect(0, "", "compare", "mm-exit-under-load", "--over", "os.policy=quiet-unbind,mm-exit", "--out", "both")
expect(5, "there are results of several runs below it: both/mm-exit, both/quiet-unbind", "explain", "both", "t0")
for cut in ("{}", "", whole[:40], '{"variants": [1]}'):
    pathlib.Path("both/compare.json").write_text(cut)
    expect(5, "both/compare.json is not what `quiesce compare --out` left, or not whole", "report", "both", "--out", "page.html")
    expect(5, "both/compare.json is not what `quiesce compare --out` left, or not whole", "compare", "mm-exit-under-load", "--against", "both")

# ---- a run that cannot go on
pathlib.Path("late.yaml").write_text("""scenario: somebody dead is to touch a page
devices: {acc0: {kind: accelerator}}
steps:
  - os: {spawn: app0, pages: 16}
  - os: {bind: app0, to: acc0}
  - at: 1ms
    os: {kill: app0}
  - at: 10ms
    os: {touch: app0, pages: 4}
""")
expect(3, "late: results until 10.000 ms, where the run could not go on", "run", "late.yaml", "--out", "late")
record = json.loads(pathlib.Path("late/run.json").read_text())
check(record["verdict"] == "error" and record["teardowns"][0]["quiesce_ps"] > 0 and record["simulated_ps"] == 10_000_000_000, f"what it came to: {record['verdict']}")
check(sqlite3.connect("late/events.sqlite").execute("SELECT count(*) FROM events").fetchone()[0] > 100, "its events")
expect(0, "", "explain", "late", "t0")

raise SystemExit(verdict())
