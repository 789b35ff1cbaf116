#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `quiesce replay` as a user meets it: what agrees, what differs and how it is named, bad lines, skipped ones, JSON.
set -u
failures=0
vectors=$SOURCE_DIR/testbenches/replay
expect() { # expect CODE TEXT COMMAND...: exit code, and a text that stdout or stderr must hold ("" for any)
    local code=$1 text=$2; shift 2
    local out rc
    out=$("$@" 2>&1); rc=$?
    if [ "$rc" -ne "$code" ] || { [ -n "$text" ] && ! grep -qF -- "$text" <<<"$out"; }; then
        echo "FAILED ($rc instead of $code, or no '$text'): $*"
        sed 's/^/    /' <<<"$out" | head -20
        failures=$((failures + 1))
    fi
}
same() { [ "$2" = "$3" ] || { echo "FAILED: $1: '$2' and '$3'"; failures=$((failures + 1)); }; }

# Worked by hand from the architecture: all agree, from a file and from stdin.
for architecture in smmuv3 vtd amdvi; do
    n=$(wc -l < "$vectors/$architecture.jsonl")
    expect 0 "$n vectors: $n agree, 0 strict differ" "$QUIESCE" replay "$vectors/$architecture.jsonl"
    expect 0 "$n vectors: $n agree, 0 strict differ" sh -c '"$QUIESCE" replay - < "$1"' sh "$vectors/$architecture.jsonl"
done
expect 0 "0 vectors" "$QUIESCE" replay /dev/null

# What must differ, and is named by vector, step and field.
for text in \
    "wrong-class: step 7 (dma): F_PERMISSION.CLASS: expected 0x1, came 0x2" \
    "wrong-class: step 9 (rd): EVENTQ_PROD.WR: expected 0x2, came 0x1" \
    "wrong-event: step 7 (dma): event: expected F_TRANSLATION, came F_PERMISSION" \
    "wrong-status: step 7 (dma): status: expected ok, came abort" \
    "wrong-but-soft: step 9 (rd): EVENTQ_PROD.WR: expected 0x2, came 0x1 (soft: one voice only)" \
    "follows-what-is-wrong: follows a known deviation (deviant: a made-up deviation)" \
    "soft-but-final-strict: final: word 0x46789010: expected 0x1, came unchanged" \
    "7 vectors: 0 agree, 4 strict differ, 1 soft differ, 1 differ as known, 1 deviant agree"; do
    expect 1 "$text" "$QUIESCE" replay "$vectors/differs.jsonl"
done
same "a deviation that is not followed is not told" "" "$("$QUIESCE" replay "$vectors/differs.jsonl" | grep known-to-be-wrong)"
grep soft "$vectors/differs.jsonl" | grep -v final-strict > soft.jsonl
expect 0 "1 soft differ" "$QUIESCE" replay soft.jsonl

# A bad line costs no other line its result.
for text in "bad.jsonl:2:30: error: no JSON" \
    'bad.jsonl:3: error: steps[2].val: expected a hexadecimal number in quotes ("0x1f"), got "1234"' \
    "bad.jsonl:4: error: steps[7].len: expected an integer from 4 to 64, got 65" \
    "bad.jsonl:5: error: steps[7].op: expected mem, wr, rd, dma, translate or page" "bad.jsonl:6: error: cfg: 'IDR5' is missing" \
    "bad.jsonl:7: error: arch: expected smmuv3, vtd or amdvi" "bad.jsonl:8: error: expect[0]: nothing here is called 'pa'; there is step, events, requests" \
    "bad.jsonl:11: error: steps[7]: nothing here is called 'ssid'; did you mean \"sid\"?" \
    "2 vectors: 2 agree, 0 strict differ; 8 bad lines"; do
    expect 3 "$text" "$QUIESCE" replay "$vectors/bad.jsonl"
done
same "outcomes beside bad lines" 2 "$("$QUIESCE" replay "$vectors/bad.jsonl" --json 2>/dev/null | wc -l)"

expect 0 "amdvi-000: skipped: the physical address width is 32 to 52 bits" "$QUIESCE" replay "$vectors/skipped.jsonl"
expect 0 "4 vectors: 0 agree, 0 strict differ, 4 skipped" "$QUIESCE" replay "$vectors/skipped.jsonl"
expect 0 '{"id":"huge","skip":"more than 1 TiB of RAM"}' "$QUIESCE" replay "$vectors/skipped.jsonl" --json

# --json judges nothing; stdout is data only; the same on every run.
"$QUIESCE" replay "$vectors/differs.jsonl" --json > outcomes.jsonl 2>/dev/null; same "exit code of --json" 0 $?
same "outcomes" "$(wc -l < "$vectors/differs.jsonl")" "$(wc -l < outcomes.jsonl)"
same "a second run" "$(cat outcomes.jsonl)" "$("$QUIESCE" replay "$vectors/differs.jsonl" --json 2>/dev/null)"
expect 0 "" python3 -c '
import json, sys
for line in open(sys.argv[1]):
    o = json.loads(line)
    assert set(o) == {"id", "out", "final"}, o
    for s in o["out"]:
        assert set(s) in ({"step", "val"}, {"step", "status", "events"}, {"step", "status", "pa", "data", "events"}), s
        for e in s.get("events", []):
            assert set(e) == {"raw", "mask", "name"} and len(e["raw"]) == len(e["mask"]) == 64, e' outcomes.jsonl

# Where a vector agrees, its outcome has the form of its expectation.
"$QUIESCE" replay "$vectors/smmuv3.jsonl" --json > agreeing.jsonl 2>/dev/null
expect 0 "" python3 -c '
import json, sys
for line, came in zip(open(sys.argv[1]), open(sys.argv[2])):
    v, o = json.loads(line), json.loads(came)
    assert v["id"] == o["id"] and v["final"] == o["final"] and len(v["expect"]) == len(o["out"]), came
    for e, k in zip(v["expect"], o["out"]):
        assert set(e) == set(k), (e, k)
        assert all(e[key] == k[key] for key in e if key not in ("val", "events", "requests")), (e, k)
        for records in ("events", "requests"):
            for a, b in zip(e.get(records, []), k.get(records, []), strict=True):
                mask = int(a["mask"], 16)
                assert a["name"] == b["name"] and (int(a["raw"], 16) ^ int(b["raw"], 16)) & mask == 0, (a, b)
' "$vectors/smmuv3.jsonl" agreeing.jsonl

expect 3 "there is no file 'nowhere.jsonl'" "$QUIESCE" replay nowhere.jsonl
expect 5 "Is a directory" "$QUIESCE" replay .
expect 2 "" "$QUIESCE" replay
expect 5 "cannot write" sh -c '"$QUIESCE" replay "$1" > /dev/full' sh "$vectors/differs.jsonl"
expect 0 "examples:" "$QUIESCE" replay --help
[ "$failures" -eq 0 ] && echo "all held"
exit "$((failures > 0))"
