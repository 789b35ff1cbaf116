#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""report.html: every figure is one of run.json and events.sqlite, both ways; names stay names; equal runs have equal
pages."""
import html
import json
import math
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
import xml.etree.ElementTree as xml
from pathlib import Path

from claims import QUIESCE, SOURCE, check, judge_parts, quiesce, verdict

try:
    import yaml
except ImportError:
    yaml = None

SCENARIOS = SOURCE / "testbenches/scenarios"
POPULATIONS = ["quiesce", "block_observed", "block", "stop", "drain", "last_seen", "free_last", "mmput", "reuse",
               "exposure"]
SVG = "{http://www.w3.org/2000/svg}"


def run(*command, code=0):
    done = quiesce(*command)
    said = " ".join(command)
    check(done.returncode == code, f"{said}: exit code {done.returncode}, not {code}: {done.stderr[-300:]}")
    return done


def attributes(page, tag, key):
    """The data-* attributes of each element of that tag with data-<key>."""
    for found in re.finditer(rf"<{tag}\b[^>]*\bdata-{key}=[^>]*>", page):
        yield {k: html.unescape(v) for k, v in re.findall(r'data-([a-z0-9]+)="([^"]*)"', found.group(0))}


def after_t0(t, what):
    if what in ("quiesce", "exposure"):
        return t.get(what + "_ps")
    return t["milestones_ps"][what] - t["t0_ps"] if what in t["milestones_ps"] else None


def at_path(record, path):
    for i in range(len(path.split("."))):  # a name may have dots
        head, rest = path.split(".")[: i + 1], path.split(".")[i + 1 :]
        if ".".join(head) in record:
            inner = record[".".join(head)]
            return at_path(inner, ".".join(rest)) if rest else inner
    return 0


def time_so_far(t):
    """Of a teardown that is open: the milestone of the operating system that came last, and the path to it."""
    reached = [(at, name) for name, at in t["milestones_ps"].items()
               if name not in ("block_observed", "last_seen", "drain") and t["paths"].get(name)]
    if "quiesce_ps" in t or not reached:
        return "", []
    last = max(reached)[1]
    return last, t["paths"][last]


def told_parts(t):
    return t["breakdown"] if "quiesce_ps" in t else time_so_far(t)[1]


# ---- one page against what it was made of
def check_gantt(where, drawing, r, db):
    panel, extent = drawing.get("data-panel"), int(drawing.get("data-extent"))
    left, width = float(drawing.get("data-left")), float(drawing.get("data-width"))
    rows = {row.get("data-td"): row for row in drawing.iter(SVG + "g") if row.get("class") == "row"}
    known = {t["id"]: t for t in r["teardowns"]}
    check(set(rows) <= set(known), f"{where}: rows that are no teardowns: {set(rows) - set(known)}")
    check(len(rows) == min(len(known), 120) or len(known) > 120 >= len(rows) > 60,
          f"{where}: {len(rows)} rows of {len(known)} teardowns")
    for name, row in rows.items():
        t, here = known[name], f"{where} {name}"
        said = {k: row.get("data-" + k) for k in ("bond", "pasid", "process", "device", "trigger", "t0", "exposure",
                                                  "quiesce")}
        have = {"t0": t["t0_ps"], "exposure": t["exposure_ps"], "quiesce": t.get("quiesce_ps")} | {k: t[k]
                for k in ("bond", "pasid", "process", "device", "trigger")}
        check(said == {k: None if v is None else str(v) for k, v in have.items()}, f"{here}: {said} is not {have}")
        check(row.get("id") == f"p{panel}-{name}" and row.get("data-open") == ", ".join(t["open"]),
              f"{here}: its id, or what is open")
        marks = {m.get("data-m"): int(m.get("data-t")) for m in row.iter(SVG + "path") if m.get("data-m")}
        check(marks == {k: v - t["t0_ps"] for k, v in t["milestones_ps"].items()}, f"{here}: milestones {marks}")
        events = {m.get("data-m"): m.get("data-event") for m in row.iter(SVG + "path") if m.get("data-event") and m.get("data-m")}
        check(events == t.get("milestone_events", {}) and row.get("data-event") == t.get("event"), f"{here}: events of its milestones {events}")
        parts = [p for p in row.iter(SVG + "rect") if p.get("data-phase") is not None]
        drawn = [(p.get("data-phase"), p.get("data-by"), p.get("data-for"), int(p.get("data-s")),
                  int(p.get("data-e"))) for p in parts]
        told = [(b["phase"], b["actor"], b["waits_for"], b["start_ps"] - t["t0_ps"], b["end_ps"] - t["t0_ps"])
                for b in told_parts(t)]
        still = [(int(p.get("data-s")), int(p.get("data-e"))) for p in row.iter(SVG + "rect") if p.get("data-still")]
        end = r["simulated_ps"] - t["t0_ps"]
        begin = drawn[-1][-1] if drawn else 0
        check(still == ([(begin, end)] if "quiesce_ps" not in t and end > begin else []), f"{here}: open from {still}")
        check(len([p for p in row.iter(SVG + "path") if p.get("class") == "ragged"]) == len(still), f"{here}: its ragged end")
        check(drawn == told or (row.get("data-brief") is not None and not drawn),
              f"{here}: the parts are not those of its breakdown")
        check(int(row.get("data-parts")) == len(told), f"{here}: the number of its parts")
        for p in [m for m in row.iter(SVG + "rect") if m.get("data-s")]:
            start, end = int(p.get("data-s")), int(p.get("data-e"))
            x, w = left + start / extent * width, (end - start) / extent * width
            check(abs(float(p.get("x")) - x) < 0.02 and abs(float(p.get("width")) - max(w, 0.05)) < 0.03,
                  f"{here}: a part is at the wrong place")
        for m in [m for m in row.iter(SVG + "path") if m.get("data-m")]:
            x = float(re.match(r"translate\(([-\d.]+) ", m.get("transform")).group(1))
            check(abs(x - min(left + int(m.get("data-t")) / extent * width, left + width)) < 0.02,
                  f"{here}: {m.get('data-m')} is at the wrong place")
        if db:
            check_marks(here, row, t, db, lambda after: left + after / extent * width)
    return set(rows)


def check_marks(here, row, t, db, scale):
    bond, t0 = t["bond"], t["t0_ps"]
    mms = [mm for (mm,) in db.execute("select distinct mm from events where kind='BondChanged' and bond=?", (bond,))]
    mm = mms[0] if mms else -1
    want, numbers = {}, {}
    for at, kind, number, fields in sorted(db.execute(
            "select time_ps, kind, id, fields from events where time_ps>=?"
            " and (bond=? or (bond=0 and mm=? and kind='FenceObserved'))"
            " and kind in ('DmaCommitted','FaultRaised','PageResponseHeard','StallResolved','FenceObserved')",
                                                     (t0, bond, mm)), key=lambda e: e[2]):
        f = json.loads(fields)
        what = {"FaultRaised": "fault", "PageResponseHeard": "response", "StallResolved": "response"}.get(kind)
        if kind == "FenceObserved":
            what = "fence-block" if f["blocks"] else "fence"
        if kind == "DmaCommitted":
            what = ["dma", "dma-late", "dma-wrong"][min(f["verdict"], 2)]
        numbers.setdefault(what, {})[f"e{number}"] = at - t0
        first, last, n = want.get(what, (at - t0, 0, 0))
        want[what] = (first, at - t0, n + 1)
    drawn = {e.get("data-ev"): (int(e.get("data-first")), int(e.get("data-last")), int(e.get("data-n")))
             for e in row.iter(SVG + "path") if e.get("data-ev")}
    check(drawn == want, f"{here}: marks {drawn}, and events.sqlite has {want}")
    for e in row.iter(SVG + "path"):
        if what := e.get("data-ev"):
            ids, places = e.get("data-events").split(), [float(x) for x in re.findall(r"M([\d.]+)", e.get("d"))]
            check(set(ids) <= set(numbers[what]) and e.get("data-event") == min(numbers[what], key=lambda n: int(n[1:])), f"{here}: events of {what}: {ids[:5]}")
            check(len(ids) == len(places) and all(abs(scale(numbers[what][i]) - x) < 0.3 for i, x in zip(ids, places)), f"{here}: places of {what}")


def check_percentiles(where, page, runs):
    seen = set()
    for line in re.findall(r'<tr data-panel="\d+" data-what=.*?</tr>', page):
        head = next(attributes(line, "tr", "what"))
        r = runs[int(head["panel"])]
        values = sorted(v for t in r["teardowns"] if (v := after_t0(t, head["what"])) is not None)
        here = f"{where}: {head['what']} of panel {head['panel']}"
        seen.add((int(head["panel"]), head["what"]))
        check(int(head["n"]) == len(values) and int(head["open"]) == len(r["teardowns"]) - len(values),
              here + ": n, open")
        for cell in attributes(line, "td", "p"):
            share = 1.0 if cell["p"] == "max" else float(cell["p"][1:]) / 100
            rank = max(1, math.ceil(round(share * len(values), 6)))
            check(int(cell["ps"]) == values[rank - 1], f"{here}: {cell['p']} is {cell['ps']}, not {values[rank - 1]}")
            owner = next(t for t in r["teardowns"] if t["id"] == cell["td"])
            check(after_t0(owner, head["what"]) == int(cell["ps"]), f"{here}: {cell['p']} is not of {cell['td']}")
            if head["what"] == "quiesce" and cell["p"] in ("p50", "p99", "max"):
                check(int(cell["ps"]) == r["summary"]["quiesce"][cell["p"]],
                      f"{here}: {cell['p']} is not that of the summary")
    want = {(n, what) for n, r in enumerate(runs) for what in POPULATIONS
            if any(after_t0(t, what) is not None for t in r["teardowns"])}
    check(seen == want, f"{where}: percentiles of {seen ^ want}")


def check_panel(where, text, r, db=None, asked=()):
    said = [(v["v"], v["kind"], int(v["time"]), int(v["count"]), int(v["bond"])) for v in attributes(text, "tr", "v")]
    have = [(v["id"], v["kind"], v["time_ps"], v["count"], v["bond"]) for v in r["violations"]]
    check(said == have[:300], f"{where}: violations {said} are not {have}")
    for v in r["violations"][:300]:
        check(html.escape(v["story"], quote=True).replace("&#x27;", "&#39;") in text,
              f"{where}: the story of {v['id']}")
    held = [e["held"] for e in attributes(text, "tr", "held")]
    check(held == [{True: "held", False: "failed", None: "suspended"}[e["held"]] for e in r["expectations"]],
          f"{where}: claims")
    check([c["verdict"] for c in attributes(text, "div", "verdict")] == [r["verdict"]], f"{where}: verdict")
    claimed = {e["text"].split()[1] for e in r["expectations"] if e["held"] is not None and e["text"].startswith("violation ")}
    counts = [(int(c["violations"]), int(c["expected"])) for c in attributes(text, "span", "violations")]
    have = (len(r["violations"]), sum(v["kind"] in claimed for v in r["violations"]))
    check(counts == ([have] if have[0] else []), f"{where}: violations on the card {counts}, not {have}")
    if r["verdict"] == "pass":
        check(have[0] == have[1], f"{where}: it passes with violations that nobody expects: {have}")
    check_open(where, text, r)
    sums = {}
    for t in r["teardowns"]:
        for b in t["breakdown"]:
            total, times, longest = sums.get(b["phase"], (0, 0, 0))
            took = b["end_ps"] - b["start_ps"]
            sums[b["phase"]] = (total + took, times + 1, max(longest, took))
    added = next(iter(attributes(text, "p", "told")), None)
    if sums:
        quiet = [t["quiesce_ps"] for t in r["teardowns"] if "quiesce_ps" in t]
        want = (sum(bool(t["breakdown"]) for t in r["teardowns"]), len(quiet), sum(s[0] for s in sums.values()), sum(quiet))
        check(added is not None and tuple(int(added[k]) for k in ("told", "quiet", "sum", "all")) == want, f"{where}: {added} are not {want}")
    said = {p["phase"]: (int(p["total"]), int(p["times"]), int(p["longest"])) for p in attributes(text, "tr", "total")}
    check(said == sums, f"{where}: the phases of the breakdown")
    keys = set()
    for bar in attributes(text, "g", "key"):
        if "." in bar["key"]:
            check(int(bar["value"]) == at_path(r, bar["key"]), f"{where}: {bar['key']} is not {bar['value']}")
            keys.add(bar["key"])
        elif bar["key"] in {t["id"] for t in r["teardowns"]}:
            check(int(bar["value"]) == next(t["exposure_ps"] for t in r["teardowns"] if t["id"] == bar["key"]),
                  f"{where}: exposure of {bar['key']}")
            keys.add(bar["key"])
    for group in ("faults", "page_requests", "dma"):
        shown = any(k.startswith(group + ".") for k in keys)
        check(shown or not any(v for k, v in r[group].items()
                               if k in ("recorded", "suppressed", "received", "reads", "writes")),
              f"{where}: {group} are not shown")
    exposed = sorted((t["exposure_ps"] for t in r["teardowns"] if t["exposure_ps"]), reverse=True)[:20]
    check(len([k for k in keys if "." not in k]) == len(exposed), f"{where}: exposures")
    check_flows(where, text, r, asked)
    if db:
        check_events(where, text, r, db)
    quiet = re.search(r'<table class="path" data-td="\w+" data-to="quiesce">.*?</table>', text, re.S)
    path = [(int(p["s"]), int(p["e"]), p["phase"]) for p in attributes(quiet.group(0) if quiet else "", "tr", "s")]
    slowest = max((t.get("quiesce_ps", -1) for t in r["teardowns"]), default=-1)
    if path:
        of = re.search(r'data-td="(\w+)"', quiet.group(0)).group(1)
        t = next(t for t in r["teardowns"] if t["id"] == of)
        told = {(b["start_ps"] - t["t0_ps"], b["end_ps"] - t["t0_ps"], b["phase"]) for b in t["breakdown"]}
        check(set(path) <= told and (len(path) == len(t["breakdown"]) or len(path) >= 60)
              and t["quiesce_ps"] == slowest, f"{where}: the critical path")
    else:
        check(slowest < 0 or r["verdict"] == "not-applicable", f"{where}: there is no critical path")


def check_open(where, text, r):
    """What never came to quiesce is told: how long, what is missing, what was waited for, what its time went into."""
    never = [t for t in r["teardowns"] if "quiesce_ps" not in t]
    told = next(iter(attributes(text, "p", "until")), None)
    if not never or r["verdict"] == "not-applicable":
        return check(told is None, f"{where}: nothing is open, and it says {told}")
    t = never[0]
    check(told == {"td": t["id"], "open": str(len(never)), "until": str(r["simulated_ps"] - t["t0_ps"])}, f"{where}: open: {told}")
    missing = {m["missing"] for m in attributes(text, "b", "missing")}
    check(missing == {"block", "stop", "drain"} & set(t["open"]), f"{where}: missing: {missing}")
    steps = [(s["step"], "under" in s) for s in attributes(text, "tr", "step")]
    check(steps == [(s["step"], "end_ps" not in s) for s in t["steps"]], f"{where}: steps {steps}")
    if under := [s for s in t["steps"] if "end_ps" not in s]:
        check(f"had been in the step <b>{under[0]['step']}</b>" in text, f"{where}: what it waits for")
    last, parts = time_so_far(t)
    table = re.search(r'<table class="path" data-td="(\w+)" data-to="(?!quiesce)(\w+)">.*?</table>', text, re.S)
    if not parts:
        return check(table is None, f"{where}: a path to nothing")
    check(table is not None and table.group(1) == t["id"] and table.group(2) == last, f"{where}: its time so far")
    path = [(int(p["s"]), int(p["e"]), p["phase"]) for p in attributes(table.group(0), "tr", "s")]
    whole = [(b["start_ps"] - t["t0_ps"], b["end_ps"] - t["t0_ps"], b["phase"]) for b in parts]
    check(set(path) <= set(whole) and (len(path) == len(whole) or len(path) >= 60), f"{where}: its time so far: {path}")


def check_events(where, text, r, db):
    """What stands for an event names one that is there, at its instant; what run.json names is named."""
    at = {f"e{n}": t for n, t in db.execute("SELECT id, time_ps FROM events")}
    t0 = {t["event"]: t["t0_ps"] for t in r["teardowns"]}
    told = re.findall(r'<g class="msg s-(\w+)" data-at="(\d+)" data-times="\d+" data-what="([^"]*)"(?: data-event="(e\d+)")?>', text)
    for css, ps, what, event in told:
        if event:
            # A milestone that is outside every window, or found no room, is in run.json only.
            check(at.get(event, int(ps) if css == "mark" else -1) == int(ps), f"{where}: {what} is {event}, at {at.get(event)} and not {ps}")
        else: # steps and work are stretches of time; of milestones not all are an event
            check(css in ("step", "work", "mark") or what == "the driver&#39;s command to stop", f"{where}: {css}, {what} has no event")
    check(len(told) == text.count('<g class="msg ') and (told or not r["teardowns"]), f"{where}: {len(told)} messages")
    for v in attributes(text, "tr", "v"):
        check(v.get("event") == next(x for x in r["violations"] if x["id"] == v["v"]).get("event"), f"{where}: {v}")
    for e in re.findall(r'<path class="t0" data-event="(e\d+)"', text):
        check(e in t0, f"{where}: {e} is no T0")


def check_flows(where, text, r, asked=()):
    """Queues, caches, exposure windows, sequences: what is shown is what run.json has, and all of it."""
    said = [(q["queue"], int(q["most"]), int(q["mostat"]), int(q["stretch"]), [int(n) for n in q["levels"].split(",")])
            for q in attributes(text, "svg", "queue")]
    have = [(q["name"], q["most"], q["most_ps"], q["stretch_ps"], q["levels"]) for q in r.get("queues", [])]
    check(said == (have if r["verdict"] != "not-applicable" else []), f"{where}: queues")
    for name, most, _, _, levels in have:
        check(most == max(levels) > 0 and len(levels) <= 256, f"{where}: levels of {name}")
    said = {c["cache"]: tuple(int(c[k]) for k in ("lookups", "hits", "later", "laterhits")) for c in attributes(text, "tr", "cache")}
    have = {name: (c["lookups"], c["hits"], c["lookups_after_t0"], c["hits_after_t0"]) for name, c in r.get("caches", {}).items()}
    check(said == {k: v for k, v in have.items() if v[0] + v[2]}, f"{where}: hit rates {said} of {have}")
    if "tlb" in have:
        check(have["tlb"][1] + have["tlb"][3] == r["translations"]["tlb_hits"], f"{where}: hits of the TLB are those of translations")
    windows = [(t["id"], w) for t in r["teardowns"] for w in t.get("exposed", [])]
    for t in r["teardowns"]:
        together = sum(w["page_ps"] for w in t.get("exposed", []))
        check(together == t["exposure_ps"] or (t["exposed_left_out"] > 0 and together < t["exposure_ps"]), f"{where}: windows of {t['id']}")
        check(sum(w["pages"] for w in t["exposed"] if w["by"] == "open") == t["exposed_pages_open"], f"{where}: open ones of {t['id']}")
    told = [(w["window"], int(w["from"]), int(w["last"]), int(w["until"]), int(w["pages"]), int(w["pageps"]), w["by"])
            for w in attributes(text, "g", "window")]
    largest = sorted(windows, key=lambda w: -w[1]["page_ps"])[:24]
    check(told == [(t, w["from_ps"], w["last_ps"], w["until_ps"], w["pages"], w["page_ps"], w["by"]) for t, w in largest], f"{where}: exposure windows")
    for _, w in windows:
        check(w["from_ps"] <= w["last_ps"] <= w["until_ps"] and w["page_ps"] <= w["pages"] * (w["until_ps"] - w["from_ps"]), f"{where}: {w}")
    drawn = [s["td"] for s in attributes(text, "svg", "td")]
    most = min(8, len(r["teardowns"])) if r["verdict"] != "not-applicable" else 0
    check(set(drawn) == set(asked) if asked else len(set(drawn)) == len(drawn) == most, f"{where}: sequences of {drawn}")
    check(set(re.findall(r'id="p\d+-(t\d+)-seq"', text)) == set(drawn), f"{where}: ways to the sequences of {drawn}")


def leaves(tree, path):
    """Paths of a parameter file with their values; a list of words is one."""
    if isinstance(tree, dict) and tree:
        for key, value in tree.items():
            yield from leaves(value, path + [str(key)])
    else:
        yield ".".join(path), tree


def check_settings(where, page, directories):
    shown = {}
    row = r'<tr class="o-\w+" data-origin="\w+"><td><code>(.*?)</code></td><td><code>(.*?)</code>'
    for path, value in re.findall(row, page.split('class="all-settings"')[1]):
        shown[html.unescape(path)] = html.unescape(value)
    have = []
    for d in directories:
        tree = yaml.safe_load((Path(d) / "config.resolved.yaml").read_text())
        have.append(dict(leaves({k: tree[k] for k in ("platform", "os", "devices", "observe")}, [])))
    known = set().union(*have)
    check(set(shown) == known, f"{where}: parameters {sorted(set(shown) ^ known)[:5]}")
    for path in set(shown) & known:
        values = shown[path].split(" | ")
        for n, h in enumerate(have):
            told = values[n] if len(values) == len(have) else values[0]
            told = yaml.safe_load(told) if path in h else told
            check(told == h.get(path, "-"), f"{where}: {path} is {h.get(path)!r}, and {told!r} is shown")


def check_page(file, directories, asked=()):
    page, where = Path(file).read_text(encoding="utf-8"), str(file)
    runs = [json.loads((Path(d) / "run.json").read_text()) for d in directories]
    body, script = page.split("<script>")
    outside = re.search(r'(src|srcset|action|data)="|url\((?!#)|@import|<link|<iframe', body)
    check("default-src 'none'" in page and not outside, f"{where}: something is not in the page: {outside}")
    check(set(re.findall(r"https?://[^\"'\s<)]*", page)) <= {"http://www.w3.org/2000/svg"},
          f"{where}: it names the network")
    check(len(script) < 20_000, f"{where}: the script has {len(script)} bytes")
    ids = re.findall(r'\bid="([^"]*)"', body)
    check(len(ids) == len(set(ids)), f"{where}: an id is there twice")
    for target in set(re.findall(r'href="#([^"]*)"', page)):
        check(target in ids, f"{where}: #{target} leads nowhere")
    drawings = []
    for svg in re.findall(r"<svg\b.*?</svg>", page, re.S):
        try:
            drawings.append(xml.fromstring(svg))
        except xml.ParseError as e:
            check(False, f"{where}: a figure is not well-formed: {e}: {svg[:200]}")
    gantts = {int(d.get("data-panel")): d for d in drawings if d.get("class") == "gantt"}
    check(set(gantts) == {n for n, r in enumerate(runs) if r["teardowns"]},
          f"{where}: a Gantt of each variant: {set(gantts)}")
    sections = re.split(r'<section class="panel"', page)[1:]
    check(len(sections) == len(runs), f"{where}: {len(sections)} sections of {len(runs)} variants")
    for n, r in enumerate(runs):
        db = Path(directories[n]) / "events.sqlite"
        if n in gantts:
            check_gantt(f"{where} panel {n}", gantts[n], r, sqlite3.connect(db) if db.exists() else None)
        check_panel(f"{where} panel {n}", sections[n].split("</section>")[0], r, sqlite3.connect(db) if db.exists() else None, asked)
    check_percentiles(where, page, runs)
    for row in attributes(page, "g", "panel"):
        check(int(row["panel"]) < len(runs), f"{where}: a panel too many")
    if len(runs) > 1:
        for n, line in enumerate(re.findall(r'<g data-panel="\d+">.*?</g>', page)):
            slow = max(runs[n]["teardowns"], key=lambda t: t.get("quiesce_ps", -1), default=None)
            parts = sum(int(p["ps"]) for p in attributes(line, "rect", "group"))
            check(slow is None or parts in (slow.get("quiesce_ps", 0), 0 if not slow["breakdown"] else -1),
                  f"{where}: stacked bar {n}")
    if yaml is not None:
        check_settings(where, page, directories)
    return page


# ---- pages of all kinds
def pages():
    run("run", "mm-exit-under-load", "--out", "a")
    run("run", "mm-exit-under-load", "--out", "elsewhere/b")
    run("run", "mm-exit-under-load", "--set", "os.bugs=[forget-tlbi]", "--out", "bug", code=1)
    for name in ("pri-storm-exit", "stall-master-exit", "stop-times-spread", "crowd-teardown", "device-never-stops", "munmap-under-dma"):
        said = run("run", name, "--out", name).stderr
        left_out = sqlite3.connect(f"{name}/events.sqlite").execute("SELECT value FROM meta WHERE key = 'left_out'").fetchone()[0]
        check((f"no room for {left_out} more events" in said) if left_out != "0" else "no room for" not in said, f"{name}: {left_out} events left out, and {said}")
    run("run", "mm-exit-under-load", "--set", "platform.iommu.kind=none", "--out", "not-applicable")
    run("run", "atc-silent-timeout", "--out", "never-quiet")
    run("run", "atc-silent-timeout", "--set", "platform.iommu.kind=vtd", "--out", "never-ends")
    said = "The kernel gave up waiting for a fence 8 times"  # one second each; the ninth of the run was before T0
    for d, words in (("never-quiet", [said, "given up twice", "1 invalidation that a device has not answered", "expected by the scenario"]),
                     ("never-ends", ["under way when the run ended", "p_dev_tlb_inv_dsc", "<b>livelock</b>"])):
        page = Path(d, "report.html").read_text(encoding="utf-8")
        for w in words:
            check(w in page, f"{d}: '{w}' is not told")
    Path("crowd.yaml").write_text((SCENARIOS / "crowd-teardown.yaml").read_text().replace("count: 200", "count: 500"))
    run("run", "crowd.yaml", "--out", "crowd")
    Path("quiet.yaml").write_text("scenario: nothing is torn down\ndevices: {acc0: {kind: accelerator}}\n"
                                  "steps:\n  - os: {spawn: app0, pages: 4}\n")
    run("run", "quiet.yaml", "--out", "quiet")
    single = ("a", "elsewhere/b", "bug", "pri-storm-exit", "stall-master-exit", "stop-times-spread", "crowd-teardown",
              "device-never-stops", "munmap-under-dma", "crowd", "not-applicable", "quiet", "never-quiet", "never-ends")
    sizes = {}
    for d in single:
        sizes[d] = len(check_page(f"{d}/report.html", [d]).encode())
    check(Path("a/report.html").read_bytes() == Path("elsewhere/b/report.html").read_bytes(),
          "equal runs have different pages")
    check(sizes["a"] < 300_000 and sizes["not-applicable"] < 200_000 and sizes["crowd"] < 1_500_000,
          f"too large: {sizes}")
    before = Path("bug/report.html").read_bytes()
    run("report", "crowd-teardown", "--teardown", "t17,t130", "--teardown", "t40")
    check_page("crowd-teardown/report.html", ["crowd-teardown"], ("t17", "t40", "t130"))
    before_it = Path("crowd-teardown/report.html").read_bytes()
    said = run("report", "crowd-teardown", "--teardown", "t99999", code=2).stderr
    check("there are t0 to t" in said and Path("crowd-teardown/report.html").read_bytes() == before_it, f"a teardown that is not there: {said}")
    Path("bug/report.html").unlink()
    check(run("report", "bug").stdout == "bug/report.html\n" and Path("bug/report.html").read_bytes() == before,
          "built again it is another page")
    (Path("a") / "events.sqlite").unlink()
    run("report", "a")
    check_page("a/report.html", ["a"])
    check("no events.sqlite" in Path("a/report.html").read_text(), "what cannot be marked is not said")


def comparisons():
    run("compare", "policy-debate", "--over", "os.policy=quiet-unbind,mm-exit", "--over",
        "platform.iommu.kind=smmuv3,vtd", "--out", "debate")
    variants = [f"debate/{v['dir']}" for v in json.loads(Path("debate/compare.json").read_text())["variants"]]
    check(len(variants) == 4, f"variants {variants}")
    page = check_page("debate/report.html", variants)
    for kind in ("smmuv3", "vtd"):
        holds_file(page, f"debate/quiet-unbind_{kind}")
    check("what differs between the variants" in page, "a comparison does not say what differs")
    before = Path("debate/report.html").read_bytes()
    run("report", "debate")
    check(Path("debate/report.html").read_bytes() == before, "a comparison built again is another page")
    run("report", "bug", "stop-times-spread", "--out", "both")
    check_page("both/report.html", ["bug", "stop-times-spread"])
    run("report", "nowhere", code=5)
    run("report", code=2)


def holds_file(page, directory):
    """Who has the device's file open in user space holds up the release: it is not running, and what ends it is in the chain."""
    t = json.loads(Path(directory, "run.json").read_text())["teardowns"][0]
    longest = max(t["breakdown"], key=lambda b: b["end_ps"] - b["start_ps"])
    check((longest["phase"], longest["actor"]) == ("holds-file", "heir/0") and longest["end_ps"] == 10**10, f"{directory}: {longest}")
    after = longest["start_ps"] - t["t0_ps"], longest["end_ps"] - t["t0_ps"]
    check(re.search(rf'<rect class="part g-scenario" data-s="{after[0]}" data-e="{after[1]}" data-phase="holds-file"', page) is not None,
          f"{directory}: the colour of what the scenario does")
    check("in user space, where the process holds the device" in page, f"{directory}: what holds-file is")
    said = run("explain", directory, "t0").stdout
    chain = said[said.index("event by event"):]
    places = [chain.find(w) for w in ("heir/0: close-files", "heir/0: stop-command", "acc0: device-drain", "sees it idle")]
    check(-1 not in places and places == sorted(places), f"{directory}: from T0 to stop: {chain}")


def kept_apart():
    """Results of different kinds are not mixed; those of one kind are replaced."""
    run("run", "stop-times-spread", "--out", "stop-times-spread")
    Path("one.yaml").write_text("sweep: one\nscenario: ats-teardown\naxes:\n  devices.acc0.stop_time: [1us, 2us]\nmetrics: [mmput]\n")
    over = ("compare", "ats-teardown", "--over", "devices.acc0.stop_time=1us,2us", "--out")
    for command, there, what in ((("sweep", "one.yaml", "--out"), "bug", "run"), (over, "bug", "run"), (over, "sweep", "sweep"),
                                 (("run", "ats-teardown", "--out"), "sweep", "sweep"), (("run", "ats-teardown", "--out"), "debate", "comparison"),
                                 (("sweep", "one.yaml", "--out"), "debate", "comparison")):
        before = Path(there, "report.html").read_bytes()
        said = run(*command, there, code=5).stderr
        check(f"there are results of a {what} in {there}: name another --out" in said and Path(there, "report.html").read_bytes() == before,
              f"{command} into {there}: {said}")


def sweeps():
    """A sweep's page has its diagrams and every point of sweep.json."""
    Path("small.yaml").write_text("sweep: a <small> one\nscenario: ats-teardown\nrepeat: 2\njudge: violations\nset: {os.cpu.jitter: 1us}\n"
                                  "axes:\n  devices.acc0.atc.entries: [64, 256]\n  devices.acc0.stop_time: [1us, 10us]\n"
                                  "metrics: [mmput, dma.bytes, stop]\nplots:\n  - line: {x: stop_time, y: mmput, series: entries}\n  - tornado: mmput\n"
                                  "  - pareto: {x: mmput, y: dma.bytes, more-is-better: dma.bytes}\n")
    run("sweep", "small.yaml", "--out", "sweep")
    page, r = Path("sweep/report.html").read_text(encoding="utf-8"), json.loads(Path("sweep/sweep.json").read_text())
    check("a &lt;small&gt; one" in page and page.count("<figure ") == len(r["plots"]) == 3, "diagrams of a sweep")
    for name in r["plots"]:
        svg = Path("sweep", name).read_text(encoding="utf-8")
        check(svg[svg.index("<svg"):].strip() in page, f"{name} is not in the page")
    rows = re.findall(r'<tr data-point="(\d+)" data-verdict="(\w+)">(.*?)</tr>', page, re.S)
    check([int(n) for n, _, _ in rows] == [p["point"] for p in r["points"]], "points of a sweep")
    for (_, verdict, row), p in zip(rows, r["points"]):
        said = {m: float(mean) for m, mean in re.findall(r'data-metric="([^"]*)" data-mean="([^"]*)"', row)}
        check(said == {m: s["mean"] for m, s in p["statistics"].items()}, f"point {p['point']}: {said}")
        check(all(f"<td>{v}</td>" in row for v in p["at"].values()) and {x["verdict"] for x in p["runs"]} == {verdict}, f"point {p['point']}: {row[:200]}")
    names = {m["name"]: m for m in r["metrics"]}
    said = [(e["effect"], e["axis"], float(e["low"]), float(e["high"])) for e in attributes(page, "tr", "effect")]
    check(said == [(s["metric"], e["axis"], e["low"], e["high"]) for s in r["sensitivity"] for e in s["effects"]] and len(names) == 3, f"effects {said}")
    moved = next(e for e in said if e[0] == "stop")
    check(moved[1] == "stop_time" and moved[3] > moved[2] and f"<td>{moved[3] / 1e6:.3f} us <small>at 10us</small></td>" in page, f"what moves stop: {moved}")
    still = sum(e["low"] == e["high"] for s in r["sensitivity"] for e in s["effects"])
    check(page.count("moves nothing") == still > 0, f"{still} axes move nothing, and the page says it {page.count('moves nothing')} times")
    best = [int(b) for b in re.findall(r'<tr data-best="(\d+)">', page)]
    check(best == [n for f in r["pareto"] for n in f["points"]] != [], f"the front {best}")
    pareto = Path("sweep", next(p for p in r["plots"] if "against" in Path("sweep", p).read_text())).read_text()
    check(all(re.search(rf'font-size="10">[^<]*\b{n}\b[^<]*</text>', pareto) for n in best) and all(f"<title>point {p['point']}: " in pareto for p in r["points"]), "names of points")
    line = Path("sweep", next(p for p in r["plots"] if " over " in Path("sweep", p).read_text())).read_text()
    check("256 (same as 64)" in line, "two lines at one place")
    before = page
    run("report", "sweep")
    check(Path("sweep/report.html").read_text(encoding="utf-8") == before, "a sweep's page built again is another one")


def hostile():
    name = """<img src=x onerror=alert(1)>&"'"""
    shutil.copytree("bug", "hostile")
    r = json.loads(Path("hostile/run.json").read_text())
    evil = name + "</svg></script><script>alert(1)</script>\x01 \ufffe"
    r["scenario"] = r["violations"][0]["story"] = r["violations"][0]["kind"] = evil
    for t in r["teardowns"]:
        t["process"] = t["device"] = t["trigger"] = evil
        for b in t["breakdown"]:
            b["phase"] = b["actor"] = b["waits_for"] = evil
        for s in t["steps"]:
            s["step"] = s["by"] = evil
    r["faults"]["by_type"] = {evil: 1}
    r["expectations"][0]["text"] = r["expectations"][0]["at"] = evil
    Path("hostile/run.json").write_text(json.dumps(r))
    run("report", "hostile")
    page = Path("hostile/report.html").read_text(encoding="utf-8")
    check(page.count("<script") == 1 and page.count("</script") == 1 and "<img" not in page and "\x01" not in page,
          "a name became markup")
    for svg in re.findall(r"<svg\b.*?</svg>", page, re.S):
        try:
            xml.fromstring(svg)
        except xml.ParseError as e:
            check(False, f"hostile names: a figure is not well-formed: {e}")
    file = Path(name + ".yaml")
    file.write_text((SCENARIOS / "mm-exit-under-load.yaml").read_text())
    run("run", str(file), "--out", "named")
    page = check_page("named/report.html", ["named"])
    check("<img" not in page and "&lt;img src=x" in page, "a scenario's name became markup")
    cut = {"schema": r["schema"], "verdict": "pass", "teardowns": [{}, 3, {"milestones_ps": {"block": "x"}}], "violations": 7}
    Path("hostile/run.json").write_text(json.dumps(cut))
    check("hostile/run.json is no run.json of this version: " in run("report", "hostile", code=5).stderr, "what is cut short is shown")
    Path("hostile/run.json").write_text("[1]")
    run("report", "hostile", code=5)


def interrupted():
    text = (SCENARIOS / "mm-exit-under-load.yaml").read_text()
    Path("long.yaml").write_text(text.replace("after: 30us", "after: 900ms"))
    going = subprocess.Popen([QUIESCE, "run", "long.yaml", "--out", "interrupted"], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    time.sleep(1)
    going.send_signal(signal.SIGINT)
    check(going.wait() == 130, f"interrupted: exit code {going.returncode}")
    check_page("interrupted/report.html", ["interrupted"])


# ---- the same in a browser
DRIVE = """<script>
const errors = [];
addEventListener('error', e => errors.push(e.message));
addEventListener('securitypolicyviolation', e => errors.push('CSP ' + e.violatedDirective));
</script>"""
CLICK = """<script>
addEventListener('load', () => {
  const $ = s => document.querySelector(s), $$ = s => [...document.querySelectorAll(s)];
  const key = k => document.dispatchEvent(new KeyboardEvent('keydown', {key: k, bubbles: true, cancelable: true}));
  const chosen = () => ($('.row.on') || {}).id, said = {};
  const details = $('#details'), filter = $('#filter'), part = $('.gantt .part');
  const look_for = text => { filter.value = text; filter.dispatchEvent(new Event('input')); };
  key('ArrowDown'); said.first = chosen();
  key('ArrowDown'); said.second = chosen();
  key('ArrowUp'); key('Enter');
  said.details = details.hidden ? '' : details.querySelector('h3').textContent;
  said.parts = details.querySelectorAll('table:last-child tbody tr').length;
  key('Escape'); said.closed = details.hidden;
  const width = +part.getAttribute('width');
  key('+'); said.zoomed = $$('.gantt [data-s]').some(e => +e.getAttribute('width') > width * 1.5);
  key('ArrowRight'); said.moved = $('.gantt .axis text').textContent;
  key('Escape'); said.back = Math.abs(part.getAttribute('width') - width) < .1;
  look_for('t7'); said.filtered = $$('.gantt .row:not(.off)').map(r => r.dataset.td); look_for('');
  const b = part.getBoundingClientRect();
  part.dispatchEvent(new PointerEvent('pointermove', {bubbles: true, clientX: b.x, clientY: b.y}));
  said.tip = $('#tip').textContent;
  const cell = $('.percentiles td[data-p=max] a');
  cell.click();
  setTimeout(() => {
    Object.assign(said, {jumped: chosen(), max: cell.parentElement.dataset.td, errors});
    document.body.append(Object.assign(document.createElement('pre'), {id: 'said', textContent: JSON.stringify(said)}));
  }, 300);
});
</script>"""


SEVERAL = """<script>
addEventListener('load', () => {
  const $ = s => document.querySelector(s), $$ = s => [...document.querySelectorAll(s)], said = {};
  const filter = $('#filter'), gantts = $$('.gantt');
  const look_for = text => { filter.value = text; filter.dispatchEvent(new Event('input')); };
  const key = k => document.dispatchEvent(new KeyboardEvent('keydown', {key: k, bubbles: true, cancelable: true}));
  const axes = () => gantts.map(g => [...g.querySelectorAll('.axis text')].map(t => t.textContent).join(' '));
  const widths = () => $$('.gantt .part').map(e => +e.getAttribute('width'));
  const shown = () => gantts.filter(g => g.getBoundingClientRect().height > 0).map(g => g.dataset.name);
  said.wide = [document.documentElement.scrollWidth, innerWidth];
  const before = axes(), drawn = widths();
  key('+'); key('+');
  said.zoomed = axes().map((a, n) => a !== before[n]); said.aligned = new Set(axes()).size;
  key('Escape'); said.back = widths().every((w, n) => Math.abs(w - drawn[n]) < .1);
  const high = gantts[0].getBoundingClientRect().height;
  look_for('mm-exit'); said.filtered = shown();
  look_for('no such thing'); said.none = shown(); said.nothing = $('#nothing').hidden ? '' : $('#nothing').textContent;
  look_for(''); said.whole = shown().length; said.high = gantts[0].getBoundingClientRect().height === high;
  const cell = $$('.percentiles td[data-p=max] a').at(-1);
  cell.click();
  setTimeout(() => {
    const row = $('.row.on'), at = row.getBoundingClientRect();
    said.jumped = row.id; said.below = at.top - $('nav').getBoundingClientRect().bottom; said.above = innerHeight - at.bottom;
    key('Enter'); said.details = $('#details h3').textContent; said.told = $('#details').textContent;
    said.errors = errors;
    document.body.append(Object.assign(document.createElement('pre'), {id: 'said', textContent: JSON.stringify(said)}));
  }, 300);
});
</script>"""


def drive(page_file, clicks, size="1280,900"):
    """What a page says after clicks; nothing if there is no browser."""
    program = shutil.which("chromium")
    if program is None:
        return print("no chromium: what the script does was not tried")
    page = Path(page_file).read_text(encoding="utf-8")
    Path("driven.html").write_text(page.replace("<style>", DRIVE + "<style>", 1).replace("</body>", clicks + "</body>"),
                                   encoding="utf-8")
    with tempfile.TemporaryDirectory() as home:
        dom = subprocess.run([program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
                              "--no-first-run", "--disable-background-networking", "--disable-component-update",
                              "--disable-sync", f"--window-size={size}",
                              f"--user-data-dir={home}", "--virtual-time-budget=5000", "--dump-dom",
                              Path("driven.html").resolve().as_uri()], capture_output=True, text=True,
                             timeout=120).stdout
    found = re.search(r'<pre id="said">(.*?)</pre>', dom)
    check(found is not None, f"the browser said nothing of {page_file}")
    return None if found is None else json.loads(html.unescape(found.group(1)))


def several():
    """Variants beside each other: zoomed together, filtered by name; nothing is wider than the window."""
    names = [v["name"] for v in json.loads(Path("debate/compare.json").read_text())["variants"]]
    for size in ("1280,900", "390,800"):
        said = drive("debate/report.html", SEVERAL, size)
        if said is None:
            return
        check(said["errors"] == [] and said["wide"][0] <= said["wide"][1], f"{size}: {said['wide']}, {said['errors']}")
        check(all(said["zoomed"]) and said["aligned"] == 1 and said["back"], f"{size}: zoom: {said['zoomed']} {said['aligned']}")
        check(said["filtered"] == [n for n in names if "mm-exit" in n] and said["none"] == [] and said["nothing"] == "nothing matches"
              and said["whole"] == len(names) and said["high"], f"{size}: filter: {said['filtered']} {said['none']} {said['nothing']}")
        check(said["jumped"] == f"p{len(names) - 1}-t0" and said["below"] >= 0 and said["above"] >= 0, f"{size}: the row is not seen: {said['below']} {said['above']}")
        check(said["details"] == f"t0: kill of app0 on acc0, {names[-1]}", f"{size}: {said['details']}")
        t = json.loads(Path("debate", names[-1].replace(" ", "_"), "run.json").read_text())["teardowns"][0]
        check(f"quiesce +{t['quiesce_ps'] / 1e9:.3f} ms" in said["told"], f"{size}: {said['told'][:200]}")
    for page in ("sweep/report.html", "never-quiet/report.html", "crowd/report.html"):
        said = drive(page, "<script>addEventListener('load', () => document.body.append(Object.assign(document.createElement('pre'), {id: 'said',"
                           " textContent: JSON.stringify([document.documentElement.scrollWidth, innerWidth, errors])})));</script>", "390,800")
        check(said is None or (said[0] <= said[1] and said[2] == []), f"{page}: {said}")


def browser():
    said = drive("stop-times-spread/report.html", CLICK)
    if said is None:
        return
    r = json.loads(Path("stop-times-spread/run.json").read_text())
    t = r["teardowns"][0]
    check(said["errors"] == [], f"errors in the browser: {said['errors']}")
    check((said["first"], said["second"]) == ("p0-t0", "p0-t1"), f"arrows: {said}")
    check(said["details"] == f"t0: {t['trigger']} of {t['process']} on {t['device']}"
          and said["parts"] == len(t["breakdown"]) and said["closed"], f"Enter: {said}")
    check(said["zoomed"] and said["moved"].startswith("+") and said["back"], f"zoom: {said}")
    check(said["filtered"] == [x["id"] for x in r["teardowns"]
                               if "t7" in f"{x['id']} {x['process']} {x['device']} {x['trigger']}".lower()],
          f"filter: {said['filtered']}")
    check(said["tip"].startswith(t["breakdown"][0]["phase"]), f"tip: {said['tip']}")
    check(said["jumped"] == "p0-" + said["max"], f"a percentile's teardown: {said}")


if yaml is None:
    print("no python3-yaml: the configuration was not compared")
judge_parts(pages, comparisons, sweeps, kept_apart, hostile, interrupted, browser, several)
raise SystemExit(verdict())
