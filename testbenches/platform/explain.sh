#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# explain: what a teardown waited for, and how a violation came about, from what a run left.
set -u
failures=0
says() { # says TEXT COMMAND...
    local text=$1; shift
    local out
    out=$("$@" 2>&1) && grep -qE -- "$text" <<<"$out" || { echo "FAILED: no '$text': $*"; sed 's/^/    /' <<<"$out" | head -30; failures=$((failures + 1)); }
}
refuses() { # refuses CODE TEXT COMMAND...
    local code=$1 text=$2; shift 2
    local out rc
    out=$("$@" 2>&1); rc=$?
    { [ "$rc" -eq "$code" ] && grep -qF -- "$text" <<<"$out"; } || { echo "FAILED ($rc instead of $code): $*: $out"; failures=$((failures + 1)); }
}
"$QUIESCE" run mm-exit-under-load --out good >/dev/null 2>&1
says "kill of app0 on acc0 \(bond 1, PASID 1\)" "$QUIESCE" explain good t0
says "quiesce came .* after T0, with" "$QUIESCE" explain good t0
says "tlbi-sync .* waits for smmu.cmdq  \(invalidate-space: TLBI_NH_ASID, SYNC\)" "$QUIESCE" explain good t0
says "covers every page; from here no DMA of the bond can succeed" "$QUIESCE" explain good t0
# The parts of the chain are all of the quiesce latency.
python3 - <<'PYTHON' || failures=$((failures + 1))
import json, sqlite3
run = json.load(open("good/run.json"))
db = sqlite3.connect("good/events.sqlite")
assert db.execute("SELECT value FROM meta WHERE key='fingerprint'").fetchone()[0] == run["fingerprint"]
freed = {k: t for k, t in db.execute("SELECT kind, MAX(time_ps) FROM events WHERE mm=1 GROUP BY kind")}
t = run["teardowns"][0]["milestones_ps"]
assert freed["FrameFreed"] == max(t["free_last"], t["tables_free"], freed["FrameFreed"]), (freed, t)
assert db.execute("SELECT COUNT(*) FROM events WHERE kind='DmaCommitted' AND json_extract(fields, '$.verdict') > 1").fetchone()[0] == 0  # none went wrong
assert [r[0] for r in db.execute("SELECT time_ps FROM events")] == sorted(r[0] for r in db.execute("SELECT time_ps FROM events"))
PYTHON
"$QUIESCE" run mm-exit-under-load --set 'os.bugs=[forget-tlbi]' --out bad >/dev/null 2>&1
dma=$(python3 -c 'import json; print(next(v["id"] for v in json.load(open("bad/run.json"))["violations"] if v["kind"] == "stale-dma"))')
says "the fence that covers the page was seen .* after it had been freed|no fence that covers the page was ever seen" "$QUIESCE" explain bad "$dma"
says "its frame is freed" "$QUIESCE" explain bad "$dma"
says "the device issues [0-9]+ B" "$QUIESCE" explain bad "$dma"
says "it is (written to|read from) memory at 0x" "$QUIESCE" explain bad "$dma"
says "invalidate-space .* no command to the IOMMU" "$QUIESCE" explain bad "$dma"
"$QUIESCE" run mm-exit-under-load --set 'os.bugs=[leak-pasid]' --out leak >/dev/null 2>&1
says "left-behind.*" "$QUIESCE" explain leak v0
# A table is told of as the table that it was, not as the page at the address that led to it.
"$QUIESCE" run munmap-frees-tables --set 'os.bugs=[R23]' --out tables >/dev/null 2>&1
says "the page table in frame 0x" "$QUIESCE" explain tables v0
says "the entry that leads to it is cleared" "$QUIESCE" explain tables v0
says "a fence that covers the table had been seen .* before it was freed" "$QUIESCE" explain tables v0
refuses 2 "there are t0 to t0 (teardowns), no v (violations), " "$QUIESCE" explain good v0
# Faults, page requests and transactions, each by its number; what is told of one is one thing after the other.
"$QUIESCE" run fault-flood --set os.suppression=none --out flood >/dev/null 2>&1
says "f0  [A-Z_]+ of app[0-9] on acc[0-9] \(bond [0-9], PASID [0-9]\) at 0x" "$QUIESCE" explain flood f0
says "p0  app1 on acc1 .* asks for page 0x" "$QUIESCE" explain flood p0
says "it is a record in the kernel's queue" "$QUIESCE" explain flood p0
says "the device has the answer, success, which it waited for" "$QUIESCE" explain flood p0
python3 - <<'PYTHON' || failures=$((failures + 1))
import os, re, sqlite3, subprocess
rows = sqlite3.connect("flood/events.sqlite").execute("SELECT kind, txn, fields FROM events ORDER BY id").fetchall()
faults = [(txn, fields) for kind, txn, fields in rows if kind == "FaultRaised"]
explain = lambda name: subprocess.run([os.environ["QUIESCE"], "explain", "flood", name], capture_output=True, text=True)
lost = next(n for n, (_, fields) in enumerate(faults) if '"fate":2' in fields)
kept = next(n for n, (_, fields) in enumerate(faults) if '"fate":0' in fields)
assert "its record is lost, because there is no room" in explain(f"f{lost}").stdout, lost
told = explain(f"f{kept}").stdout
assert re.search(r"the device issues 64 B to be written at 0x.*its packet has left on acc. link|its packet has left on acc", told), told
assert "the driver has read the record" in told, told
assert told.index("hardware writes a record of it") < told.index("the driver has read the record"), told
way = explain(f"x{faults[kept][0]}").stdout
assert "a transaction of app" in way and "the IOMMU has looked it up: refused" in way, way
wrong = explain(f"f{len(faults)}")
assert wrong.returncode == 2 and f"f0 to f{len(faults) - 1} (faults)" in wrong.stderr and "(page requests)" in wrong.stderr, wrong
assert explain("x0").returncode == explain("fx").returncode == explain("p").returncode == 2
PYTHON
# Event by event, with the field that decided and the manual's section, on each architecture; the same as data.
for kind in smmuv3 vtd amdvi; do
    "$QUIESCE" run fault-flood --set platform.iommu.kind=$kind --out "flood-$kind" >/dev/null 2>&1
    "$QUIESCE" run mm-exit-under-load --set platform.iommu.kind=$kind --out "load-$kind" >/dev/null 2>&1
    "$QUIESCE" run pri-storm-exit --set platform.iommu.kind=$kind --out "pri-$kind" >/dev/null 2>&1
    says "from T0 to (block|stop|drain), event by event" "$QUIESCE" explain "load-$kind" t0
    says "because of what ended its wait, " "$QUIESCE" explain "load-$kind" t0
    says "^p0  .*asks for page" "$QUIESCE" explain "pri-$kind" p0
    says "because of the device's page request, " "$QUIESCE" explain "pri-$kind" p0
done
says "CD.EPD0=1  \[IHI 0070 5.4\]: refuses what comes to it" "$QUIESCE" explain load-smmuv3 t0
says "CD.R=0  \[IHI 0070 5.4\]: keeps hardware from recording it" "$QUIESCE" explain load-smmuv3 t0
says "PASID table entry.P=0  \[VT-d 9.6\]: refuses what comes to it" "$QUIESCE" explain load-vtd t0
says "PASID table entry.FPD=1  \[VT-d 9.6\]: keeps hardware from recording it" "$QUIESCE" explain load-vtd t0
says "GCR3 entry.V=0.*: refuses what comes to it" "$QUIESCE" explain load-amdvi t0
says "puts COMPLETION_WAIT into the queue of amdvi.*\[AMD 48882 2.4.1\]" "$QUIESCE" explain load-amdvi t0
says "IHI 0070, 4.7.3|puts SYNC into the queue of smmu.*\[IHI 0070 4.7.3\]" "$QUIESCE" explain load-smmuv3 t0
says "\[PCIe Base 10.4.1\]" "$QUIESCE" explain pri-smmuv3 p0
says "takes in a page request .*\[VT-d 7.4.1\]" "$QUIESCE" explain pri-vtd p0
says "takes in a page request .*\[AMD 48882 2.6\]" "$QUIESCE" explain pri-amdvi p0
python3 - <<'PYTHON' || failures=$((failures + 1))
import json, os, sqlite3, subprocess
def explain(where, name, *more):
    return subprocess.run([os.environ["QUIESCE"], "explain", where, name, *more], capture_output=True, text=True)
def data(where, name):
    told = explain(where, name, "--json")
    assert told.returncode == 0, (where, name, told)
    return json.loads(told.stdout)
for kind in ("smmuv3", "vtd", "amdvi"):
    where = f"load-{kind}"
    run, db = json.load(open(f"{where}/run.json")), sqlite3.connect(f"{where}/events.sqlite")
    at = dict(db.execute("SELECT id, time_ps FROM events"))
    caused = {(e, c) for e, c in db.execute("SELECT effect, cause FROM causes")}
    t = data(where, "t0")
    assert t["id"] == "t0" and t["kind"] == "teardown" and t["told"] and t["chains"], t
    links = t["chains"][0]["links"]
    # It begins with T0, ends with what set quiesce, and each link is a cause in the database.
    assert links[0]["event"] == run["teardowns"][0]["event"] and links[-1]["event"] in run["teardowns"][0]["milestone_events"].values(), (links[0], links[-1])
    assert links[-1]["time_ps"] - links[0]["time_ps"] == run["teardowns"][0]["quiesce_ps"]
    for earlier, later in zip(links, links[1:]):
        e, c = int(later["event"][1:]), int(earlier["event"][1:])
        assert (e, c) in caused and later["waited_ps"] == at[e] - at[c] and later["because"], (earlier, later)
    # The fields that refused this bond's DMA after T0, counted by hand.
    bond, t0 = run["teardowns"][0]["bond"], run["teardowns"][0]["t0_ps"]
    for field in ("decided", "unrecorded_by"):
        for by, n in db.execute(f"SELECT json_extract(fields, '$.{field}') by, COUNT(*) FROM events WHERE kind='FaultRaised' AND bond=? AND time_ps>=? AND by!='' GROUP BY by", (bond, t0)):
            assert any(d["field"] == by and d["times"] == n for d in t["decided"]), (by, n, t["decided"])
    e = data(where, links[-1]["event"])
    assert e["kind"] == "event" and e["chains"][0]["links"][-1]["event"] == links[-1]["event"], e
    x = data(where, "x%d" % db.execute("SELECT txn FROM events WHERE kind='FaultRaised'").fetchone()[0])
    # Of AMD's manual no source at hand gives the sections of all structures.
    assert x["decided"] and (x["decided"][0]["section"] or where.endswith("amdvi")), x["decided"]
last = max(at)
wrong = explain("load-amdvi", f"e{last + 1000}")
assert wrong.returncode == 2 and f"(events; close are e{last})" in wrong.stderr, wrong
wrong = explain("load-amdvi", "acc0")
assert wrong.returncode == 2 and "'acc0' is of t0" in wrong.stderr, wrong
PYTHON
# ---- what never comes to quiesce: where the kernel stopped waiting, and what nobody had answered when the run ended
"$QUIESCE" run atc-silent-timeout --out silent > /dev/null
"$QUIESCE" explain silent t0 > silent.txt
for text in "open: block; what there is leads to reuse, which came last" "none that covers anything of this bond" \
            "stops waiting for its fence: invalidate-atc, ATC_INV, SYNC" "1 invalidation that a device has not answered" "freed-before-fenced, and 78 more of the kind"; do
    grep -qF "$text" silent.txt || { echo "FAILED: explain of what never comes to quiesce: no '$text'"; failures=$((failures + 1)); }
done
"$QUIESCE" run mm-exit-under-load --set 'os.bugs=[forget-tlbi]' --out forgetful > /dev/null
"$QUIESCE" explain forgetful v0 > forgetful.txt
grep -q "the run makes the mistake forget-tlbi on purpose: " forgetful.txt || { echo "FAILED: the mistake is not named"; failures=$((failures + 1)); }
# ---- a log that had no room: the request, and the violation, say so, and when it was started again
"$QUIESCE" run ppr-log-overflow --out ppr > /dev/null
python3 - <<'PYTHON' || failures=$((failures + 1))
import json, os, re, sqlite3, subprocess
run, db = json.load(open("ppr/run.json")), sqlite3.connect("ppr/events.sqlite")
def explain(where, name, *more):
    told = subprocess.run([os.environ["QUIESCE"], "explain", where, name, *more], capture_output=True, text=True)
    assert told.returncode == 0, (name, told)
    return told.stdout
asked, sums = run["page_requests"], ("success", "invalid", "failure", "auto_response", "lost", "open")
assert asked["lost"] > 100 and asked["overflows"] >= 1 and asked["received"] == sum(asked[k] for k in sums), asked
lost = [(i, json.loads(f)) for i, f in db.execute("SELECT id, fields FROM events WHERE kind='PageRequestDropped' ORDER BY id")]
assert len(lost) == asked["dropped"], (len(lost), asked)
sent = [(s["stream"], s["group"]) for s in (json.loads(f) for (f,) in db.execute("SELECT fields FROM events WHERE kind='PageRequestSent' ORDER BY id")) if not s["stop_marker"]]
told = explain("ppr", f"p{sent.index((lost[0][1]['stream'], lost[0][1]['group']))}")
for text in ("amdvi.pprlog is full.*no record is written of it", "the driver has started amdvi.pprlog again: what it had no room for stays lost",
             "no answer had come when the run ended", r"is no record, and no software will see it  \[AMD 48882 2.6\]"):
    assert re.search(text, told), (text, told)
violations = [v for v in run["violations"] if v["kind"] == "lost-page-request" and "had no room" in v["story"]]
assert violations and all(int(v["event"][1:]) in [i for i, _ in lost] for v in violations), violations
ways = [[link["kind"] for link in json.loads(explain("ppr", v["id"], "--json"))["chains"][0]["links"]] for v in violations[:20]]
assert all(way[-1] == "PageRequestDropped" and len(way) > 2 for way in ways), ways
# Of what came last before it: the request itself, or the log, which had been found full.
assert {way[-2] for way in ways} <= {"PageRequestReceived", "StateChanged"}, ways
PYTHON
for kind in smmuv3 vtd; do
    "$QUIESCE" run pri-overflow --set platform.iommu.kind=$kind --out "full-$kind" > /dev/null
    p=$(python3 - "full-$kind" <<'PYTHON'
import json, sqlite3, sys
run, db = json.load(open(f"{sys.argv[1]}/run.json")), sqlite3.connect(f"{sys.argv[1]}/events.sqlite")
asked = run["page_requests"]
assert asked["dropped"] > 0 and asked["lost"] == 0 and asked["overflows"] > 0, asked
f = json.loads(db.execute("SELECT fields FROM events WHERE kind='PageRequestDropped' ORDER BY id LIMIT 1").fetchone()[0])
sent = [json.loads(s) for (s,) in db.execute("SELECT fields FROM events WHERE kind='PageRequestSent' AND id < (SELECT MIN(id) FROM events WHERE kind='PageRequestDropped') ORDER BY id")]
print(max(n for n, s in enumerate(sent) if (s["stream"], s["group"], s["at"] >> 12) == (f["stream"], f["group"], f["at"] >> 12)))
PYTHON
)
    says "is full: no record is written of it, and the kernel never sees it" "$QUIESCE" explain "full-$kind" "p$p"
    says "the IOMMU sends success by itself: there was no room" "$QUIESCE" explain "full-$kind" "p$p"
done
# ---- a Stop Marker has the index of a group, and AMD's driver answers it: each has its own story
for kind in smmuv3 vtd amdvi; do
    "$QUIESCE" run stop-marker --set platform.iommu.kind=$kind --out "marker-$kind" > /dev/null
    says "s0  a Stop Marker of app0 on acc0 .* it asks for nothing" "$QUIESCE" explain "marker-$kind" s0
    says "s0 to s0 \(Stop Markers\)" bash -c '"$QUIESCE" explain "$1" s1 2>&1; true' - "marker-$kind"
    "$QUIESCE" explain "marker-$kind" p0 > p0.txt
    grep -q "or its handler: the page is there" p0.txt && grep -q "the device asks for page 0x[1-9a-f]" p0.txt || { echo "FAILED: p0 beside a Stop Marker on $kind"; cat p0.txt; failures=$((failures + 1)); }
    grep -q "the request for 0x0" p0.txt && { echo "FAILED: p0 has the Stop Marker's story on $kind"; failures=$((failures + 1)); }
done
says "the device has the answer to a Stop Marker with the same index, invalid request, and takes it for this one's" "$QUIESCE" explain marker-amdvi p0
says "for which no Stop Marker asks" "$QUIESCE" explain marker-amdvi s0
late=$(python3 -c 'import json; print(next(v["id"] for v in json.load(open("marker-amdvi/run.json"))["violations"] if v["kind"] == "late-page-response"))')
says "because of the device's page request" "$QUIESCE" explain marker-amdvi "$late"
says "and of the answer with which the device's group was over" "$QUIESCE" explain marker-amdvi "$late"
mkdir hollow
refuses 5 "is this what" "$QUIESCE" explain hollow t0
refuses 5 "there are results of several runs below it: ./" "$QUIESCE" explain . t0
[ "$failures" -eq 0 ] && echo "all held"
exit "$((failures > 0))"
