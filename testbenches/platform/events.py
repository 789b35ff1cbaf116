#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""events.sqlite: every event type has its row, causes come before effects and lead from each quiesce back to its T0, transactions
are what their events say, and the ids that run.json and timeline.pftrace name are there, with the same time."""
import json
import pathlib
import re
import sqlite3

from claims import SOURCE, check, quiesce, verdict
from perfetto_trace import Trace


def run(name, scenario, *settings):
    out = pathlib.Path("out-" + name)
    done = quiesce("run", scenario, "--out", out, *[x for s in settings for x in ("--set", s)])
    check(done.returncode in (0, 1), f"{name}: {done.stderr}")
    return out, json.loads((out / "run.json").read_text())


def emitted_types():
    """Of all headers that state facts, by hand: what the program itself says of them is under test."""
    found = set()
    for header in [*SOURCE.glob("models/*/events.h"), SOURCE / "models/base/facts.h"]:
        found |= set(re.findall(r'event_name = "(\w+)"', header.read_text()))
    return found - {"CacheLookedUp"}  # more than all others together: counted (`caches` of run.json), not kept


def rows(db, sql, *values):
    return db.execute(sql, values).fetchall()


def whole(name, db):
    check(rows(db, "PRAGMA integrity_check") == [("ok",)], f"{name}: integrity_check")
    check(rows(db, "PRAGMA foreign_key_check") == [], f"{name}: foreign_key_check {rows(db, 'PRAGMA foreign_key_check')[:3]}")
    check({k for k, in rows(db, "SELECT kind FROM kinds")} == emitted_types(), f"{name}: kinds that are {emitted_types() ^ {k for k, in rows(db, 'SELECT kind FROM kinds')}}")
    uneven = rows(db, "SELECT kinds.kind, kept, COUNT(id) FROM kinds LEFT JOIN events USING(kind) GROUP BY kind HAVING kept != COUNT(id) OR kept > emitted")
    check(not uneven, f"{name}: not as many rows as `kinds` says: {uneven}")
    late = rows(db, "SELECT effect, cause FROM causes JOIN events e ON e.id = effect JOIN events c ON c.id = cause WHERE cause >= effect OR c.time_ps > e.time_ps")
    check(not late, f"{name}: causes behind their effects: {late[:3]}")
    check(not rows(db, "SELECT id FROM events WHERE began_ps > time_ps"), f"{name}: events that end before they begin")
    wrong = rows(db, "SELECT a.id, b.id FROM events a JOIN events b ON b.id = (SELECT MIN(id) FROM events WHERE id > a.id) WHERE a.time_ps > b.time_ps")
    check(not wrong, f"{name}: ids are not in the order of time: {wrong[:3]}")
    unused = rows(db, "SELECT why FROM causes EXCEPT SELECT why FROM whys")
    check(not unused, f"{name}: causes without a meaning: {unused}")


def transactions(name, db):
    told = {t: (first, last) for t, first, last in rows(db, "SELECT id, first_event, last_event FROM transactions")}
    events = {t: (first, last) for t, first, last in rows(db, "SELECT txn, MIN(id), MAX(id) FROM events WHERE txn > 0 GROUP BY txn")}
    check(told == events, f"{name}: transactions and their events: {list(told.items() ^ events.items())[:3]}")
    for t, kind, address, size, bond in rows(db, "SELECT id, kind, address, bytes, bond FROM transactions WHERE id IN (SELECT txn FROM events WHERE kind='DmaIssued')"):
        f = json.loads(rows(db, "SELECT fields FROM events WHERE kind='DmaIssued' AND txn=?", t)[0][0])
        atomic = rows(db, "SELECT id FROM events WHERE kind='AtomicDone' AND txn=?", t)
        check((address, size, kind) == (f["at"], f["bytes"], "atomic" if atomic else "write" if f["write"] else "read") and (bond or 0) == f["bond"], f"{name} x{t}: {kind}, {f}")
    # What a transaction did follows from what it did before.
    loose = rows(db, """SELECT id FROM events e WHERE txn > 0 AND id > (SELECT first_event FROM transactions t WHERE t.id = e.txn)
                        AND NOT EXISTS (SELECT 1 FROM causes JOIN events c ON c.id = cause WHERE effect = e.id AND c.txn = e.txn)""")
    check(not loose, f"{name}: transactions with a gap: {loose[:3]}")


def commands(name, db):
    """Each command that a unit took is one that a driver put there: the same words."""
    consumed = dict(rows(db, "SELECT id, fields FROM events WHERE kind='CommandConsumed'"))
    by = {e: json.loads(f) for e, f in rows(db, "SELECT effect, fields FROM causes JOIN events ON id = cause WHERE why='command'")}
    check(consumed, f"{name}: no commands")
    for e, fields in consumed.items():
        took = json.loads(fields)
        check(e in by and by[e]["command"] == took["command"] and by[e]["entry"] == took["entry"], f"{name} e{e}: {took}, issued {by.get(e)}")
    # Some invalidations are no command's: registers', a translation cache's own, those that a page request brings with it.
    numbers = {(json.loads(f)["unit"], json.loads(f)["sequence"]) for f in consumed.values()}
    for kind in ("FenceSignalled", "InvalidationBegun"):
        for e, fields in rows(db, "SELECT id, fields FROM events WHERE kind=?", kind):
            f = json.loads(fields)
            check(e in by or (f["unit"], f["sequence"]) not in numbers, f"{name}: {kind} e{e} without its command")
    # A fence waits for what was taken before it; the ATCs' answers among it.
    t0 = rows(db, "SELECT MIN(id) FROM events WHERE kind='TeardownTriggered'")[0][0]
    for e, in rows(db, "SELECT id FROM events WHERE kind='InvalidationAnswered' AND id > ?", t0):
        sent = rows(db, "SELECT kind FROM causes JOIN events ON id = cause WHERE effect=?", e)
        check(("TlpSent",) in sent and ("IommuCommandIssued",) in sent, f"{name}: e{e} is the answer to {sent}")
        check(rows(db, "SELECT 1 FROM causes JOIN events ON id = effect WHERE cause=? AND kind='FenceSignalled' AND why='waited-for'", e) or
              not rows(db, "SELECT 1 FROM events WHERE kind='FenceSignalled' AND id>?", e), f"{name}: no fence waited for e{e}")


def named(name, result, db, out):
    """What the other files name is there."""
    at = {e: (t, kind, bond) for e, t, kind, bond in rows(db, "SELECT id, time_ps, kind, bond FROM events")}
    number = lambda e: int(e[1:])
    for t in result["teardowns"]:
        check(at.get(number(t["event"])) == (t["t0_ps"], "TeardownTriggered", t["bond"]), f"{name} {t['id']}: {t['event']} is {at.get(number(t['event']))}")
        for milestone, e in t["milestone_events"].items():
            check(number(e) in at and at[number(e)][0] == t["milestones_ps"][milestone], f"{name} {t['id']}: {milestone} is {e}, {at.get(number(e))}")
        if "quiesce_ps" in t and t["quiesce_ps"] > 0:
            end = t["t0_ps"] + t["quiesce_ps"]
            ends = [e for m, e in t["milestone_events"].items() if m in ("block", "stop", "drain") and t["milestones_ps"][m] == end]
            last_seen = t["milestones_ps"].get("last_seen") == end
            check(ends or last_seen, f"{name} {t['id']}: no event is its quiesce")
            for e in ends:
                leads = rows(db, """WITH RECURSIVE back(id) AS (VALUES(?) UNION SELECT cause FROM causes JOIN back ON effect = back.id WHERE cause >= ?)
                                    SELECT 1 FROM back WHERE id = ?""", number(e), number(t["event"]), number(t["event"]))
                check(leads, f"{name} {t['id']}: quiesce, {e} ({at[number(e)][1]}), does not lead back to T0, {t['event']}")
    for v in result["violations"]:
        if "event" in v:
            check(number(v["event"]) in at and at[number(v["event"])][0] >= v["story_ps"], f"{name} {v['id']}: {v['event']} is {at.get(number(v['event']))}")
    trace = Trace(out / "timeline.pftrace")
    for problem in trace.wrong:
        check(False, problem)
    kinds = {"span": "Span", "packet": "TlpSent", "level": "LevelChanged"}
    seen = 0
    for e in trace.events:
        if "event" not in e:
            continue
        seen += 1
        found = at.get(number(e["event"]))
        check(found is not None, f"{name}: {e['event']} of the timeline ({e['category']} {e['name']}) is not there")
        if found is None:
            continue
        check(found[1] == kinds.get(e["category"], found[1]), f"{name}: {e} is {found}")
        if e["category"] in ("span", "packet", "transaction", "translation", "invalidation"):
            check(e.get("end_ns", e["ns"]) == found[0] // 1000, f"{name}: {e} ends at {found}")
        elif e["category"] != "level":
            check(e["start_ps"] == found[0], f"{name}: {e} begins at {found}")
    check(seen > 20, f"{name}: {seen} ids in the timeline")


def judge(name, scenario, *settings):
    out, result = run(name, scenario, *settings)
    db = sqlite3.connect(out / "events.sqlite")
    whole(name, db)
    transactions(name, db)
    commands(name, db)
    named(name, result, db, out)
    return out, result, db


cases = {"under-load": ("mm-exit-under-load",), "ats": ("ats-teardown",), "pri": ("pri-storm-exit",), "stall": ("stall-master-exit", ),
         "bug": ("mm-exit-under-load", "os.bugs=[forget-tlbi]"), "unbind": ("unbind-orderly",)}
there = {p.stem for p in (SOURCE / "testbenches/scenarios").glob("*.yaml")}
for case, (scenario, *settings) in cases.items():
    check(scenario in there, f"{scenario} is no scenario any more")
    for kind in ("smmuv3", "vtd", "amdvi"):
        if case == "stall" and kind != "smmuv3":
            continue
        judge(f"{case}-{kind}", scenario, f"platform.iommu.kind={kind}", *settings)

# What is outside every window is not named, such as the last DMA of a device that never stops.
out, result = run("never-stops", "device-never-stops")
named("never-stops", result, sqlite3.connect(out / "events.sqlite"), out)

# A page request's story, link by link, and the DMA that goes on with it.
db = sqlite3.connect("out-pri-smmuv3/events.sqlite")
links = {(e, c): n for e, c, n in rows(db, "SELECT e.kind, c.kind, COUNT(*) FROM causes JOIN events e ON e.id = effect JOIN events c ON c.id = cause GROUP BY 1, 2")}
for effect, cause in (("PageRequestReceived", "PageRequestSent"), ("PageRequestRecorded", "PageRequestReceived"), ("PageRequestEnded", "PageRequestRecorded"),
                      ("PageGroupAnswered", "PageRequestEnded"), ("PageResponseSent", "PageGroupAnswered"), ("PageResponseHeard", "PageResponseSent"),
                      ("TranslationRequested", "DmaIssued"), ("PageRequestSent", "DmaIssued")):
    check(links.get((effect, cause), 0) > 0, f"pri: no {effect} because of a {cause}: {sorted(links)}")
db = sqlite3.connect("out-stall-smmuv3/events.sqlite")
links = {(e, c): n for e, c, n in rows(db, "SELECT e.kind, c.kind, COUNT(*) FROM causes JOIN events e ON e.id = effect JOIN events c ON c.id = cause GROUP BY 1, 2")}
for effect, cause in (("FaultRaised", "TransactionStalled"), ("StallRecorded", "FaultRaised"), ("PageRequestEnded", "StallRecorded"), ("StallResolved", "PageGroupAnswered")):
    check(links.get((effect, cause), 0) > 0, f"stall: no {effect} because of a {cause}: {sorted(links)}")

# observe.events: all lifts the window, none leaves nothing; neither changes what happens.
prints = set()
for events in ("window", "all", "none"):
    out, result = run("events-" + events, "mm-exit-under-load", f"observe.events={events}")
    prints.add(result["fingerprint"])
    check((out / "events.sqlite").exists() == (events != "none"), f"observe.events={events}: events.sqlite")
    check(all(("event" in t) == (events != "none") for t in result["teardowns"]), f"observe.events={events}: ids in run.json")
check(len(prints) == 1, f"fingerprints differ: {prints}")
db = sqlite3.connect("out-events-all/events.sqlite")
check(not rows(db, "SELECT kind FROM kinds WHERE kept != emitted"), "observe.events=all leaves events out")
check(rows(db, "SELECT value FROM meta WHERE key='left_out'") == [("0",)], "left_out")
narrow = sqlite3.connect("out-events-window/events.sqlite")
check(set(rows(narrow, "SELECT id, time_ps, kind, fields FROM events")) <= set(rows(db, "SELECT id, time_ps, kind, fields FROM events")), "a window is a part of all")
check(rows(narrow, "SELECT COUNT(*) FROM events") < rows(db, "SELECT COUNT(*) FROM events"), "a window is less than all")

raise SystemExit(verdict())
