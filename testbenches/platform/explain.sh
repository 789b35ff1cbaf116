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
assert db.execute("SELECT COUNT(*) FROM events WHERE kind='DmaCommitted'").fetchone()[0] == 0  # none went wrong
assert [r[0] for r in db.execute("SELECT time_ps FROM events")] == sorted(r[0] for r in db.execute("SELECT time_ps FROM events"))
PYTHON
"$QUIESCE" run mm-exit-under-load --set 'os.bugs=[forget-tlbi]' --out bad >/dev/null 2>&1
dma=$(python3 -c 'import json; print(next(v["id"] for v in json.load(open("bad/run.json"))["violations"] if v["kind"] == "stale-dma"))')
says "the fence that covers the page was seen .* after the page had been freed|no fence that covers the page was ever seen" "$QUIESCE" explain bad "$dma"
says "its frame is freed" "$QUIESCE" explain bad "$dma"
says "the device issues [0-9]+ B" "$QUIESCE" explain bad "$dma"
says "it is (written to|read from) memory at 0x" "$QUIESCE" explain bad "$dma"
says "invalidate-space .* no command to the IOMMU" "$QUIESCE" explain bad "$dma"
"$QUIESCE" run mm-exit-under-load --set 'os.bugs=[leak-pasid]' --out leak >/dev/null 2>&1
says "left-behind.*" "$QUIESCE" explain leak v0
refuses 2 "there are t0 to t0 (teardowns) and no v (violations)" "$QUIESCE" explain good v0
refuses 5 "is this what" "$QUIESCE" explain . t0
[ "$failures" -eq 0 ] && echo "all held"
exit "$((failures > 0))"
