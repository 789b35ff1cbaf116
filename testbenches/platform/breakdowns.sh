#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Breakdowns of teardowns in which the scenario schedules nothing: all of their time is somebody's.
set -u
failures=0
accounted() { # accounted FILE WHAT: no part of any path is said to be the scenario's
    local out rc
    out=$("$QUIESCE" run "$1" --out out 2>&1); rc=$?
    python3 -c 'import json; r = json.load(open("out/run.json"))
bad = [(t["id"], m, p["end_ps"] - p["start_ps"]) for t in r["teardowns"] for m, parts in t["paths"].items() for p in parts
       if p["phase"] == "scenario"]
assert r["teardowns"] and not bad, bad' || { echo "FAILED ($rc): $2"; tail -20 <<<"$out"; failures=$((failures + 1)); }
}

cat > idle-bond.yaml <<'YAML'
scenario: a bond without work beside one with work
devices: {acc0: {kind: accelerator}, acc1: {kind: accelerator}}
steps:
  - os: {spawn: app0, pages: 8}
  - os: {bind: app0, to: acc0}
  - os: {bind: app0, to: acc1}
  - acc0: {stream: app0, size: 256B, every: 500ns}
  - after: 50us
    os: {kill: app0}
YAML
accounted idle-bond.yaml "the stop of a bond without work comes when its process has come to it"
cat > unbound.yaml <<'YAML'
scenario: idle bonds are unbound, one after the other
devices: {acc0: {kind: accelerator}, nic0: {kind: nic}, dsa0: {kind: dsa}}
steps:
  - os: {spawn: app0, pages: 8}
  - os: {bind: app0, to: acc0}
  - os: {bind: app0, to: nic0}
  - os: {bind: app0, to: dsa0}
  - after: 50us
    os: {unbind: app0, from: acc0}
  - after: 50us
    os: {unbind: app0, from: nic0}
  - after: 50us
    os: {unbind: app0, from: dsa0}
YAML
accounted unbound.yaml "an unbind that stops nothing is the process's own time"
cat > workers.yaml <<'YAML'
scenario: two workers stop contexts of one GPU that is reset meanwhile
os: {gpu_driver: {preempt_timeout: 5ms}}
devices:
  gpu0: {kind: gpu, engines: 2, atc: {present: true}, reset_time: 3ms}
steps:
  - os: {spawn: app0, pages: 64}
  - os: {spawn: app1, pages: 64}
  - os: {bind: app0, to: gpu0}
  - os: {bind: app1, to: gpu0}
  - gpu0: {stream: app0, access: mixed, every: 10us, preempt: never}
  - gpu0: {stream: app1, access: mixed, every: 10us}
  - after: 1ms
    os: {kill: app0}
  - after: 2ms
    os: {kill: app1}
YAML
accounted workers.yaml "what a worker waits for is not mixed with what its neighbour does"

[ $failures -eq 0 ] && echo "all time is accounted for"
exit $((failures > 0))
