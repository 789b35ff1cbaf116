#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Work that a living process has with a device and that a reset, or the device's link, takes away: one rule for every
# kind of device that can be reset. Work that was over, or that was stopped, is nobody's loss.
set -u
failures=0
printf 'quiesce-dma-trace 1\nwho app0\n0 app0 read heap+0 64\n10ms app0 write heap+4096 256\n' > long.trace
printf 'quiesce-dma-trace 1\nwho app0\n0 app0 read heap+0 64\n' > short.trace

machine() { # machine KIND PARAMETERS: a process that is bound to a device of that kind
    echo "scenario: a device loses what it works on"
    echo "devices: {dev: {kind: $1$2}}"
    echo "steps:"
    echo "  - os: {spawn: app0, pages: 64}"
    echo "  - os: {bind: app0, to: dev}"
}
victims() { # victims NUMBER FILE WHAT: so many bonds lost their work, and that many violations tell of it
    local number=$1 file=$2 what=$3 out rc found
    out=$("$QUIESCE" run "$file" --out out 2>&1); rc=$?
    found=$(python3 -c 'import json; r = json.load(open("out/run.json"))
print(r["contexts"]["lost"], sum(v["kind"] == "innocent-victim" for v in r["violations"]), len(r["violations"]))' 2>&1)
    if [ "$rc" -ne 0 ] || [ "$found" != "$number $number $number" ]; then
        echo "FAILED ($rc, '$found' instead of $number): $what"; sed 's/^/    /' <<<"$out" | tail -20
        failures=$((failures + 1))
    fi
}

for kind in accelerator dsa gpu nic trace-player; do
    more=""; work="dev: {stream: app0, every: 1us}"; short="dev: {stream: app0, count: 3}"
    case $kind in
    dsa) work="dev: {stream: app0}" ;; # as much as it takes: some of it is always inside
    nic) work="dev: {receive: app0}"; short="" ;; # a ring is never done
    trace-player) more=", trace: long.trace"; work="dev: {play: app0}"; short="$work" ;;
    esac
    for loss in "os: {reset: dev}" "dev: {link: down}"; do
        { machine $kind "$more"; echo "  - $work"; echo "  - after: 100us"; echo "    $loss"
          echo "expect:"; echo "  - violation: innocent-victim"; } > lost.yaml
        victims 1 lost.yaml "$kind, $loss: work under way is lost"
        { machine $kind "$more"; echo "  - $work"; echo "  - after: 100us"; echo "    dev: {stop: app0}"
          echo "  - after: 1ms"; echo "    $loss"; } > stopped.yaml
        victims 0 stopped.yaml "$kind, $loss: work that was stopped is not lost"
        { machine $kind "$more"; echo "  - $work"; echo "  - after: 100us"; echo "    os: {kill: app0}"; echo "  - $loss"
          echo "expect:"; echo "  - never: innocent-victim"; } > dying.yaml
        out=$("$QUIESCE" run dying.yaml 2>&1)
        grep -q '^held  never innocent-victim' <<<"$out" || {
            echo "FAILED: $kind, $loss: a dying process has nothing to lose"; sed 's/^/    /' <<<"$out" | tail -20
            failures=$((failures + 1)); }
        [ -n "$short" ] || continue
        { machine $kind "${more/long/short}"; echo "  - $short"; echo "  - after: 1ms"; echo "    $loss"; } > over.yaml
        victims 0 over.yaml "$kind, $loss: work that is over is not lost"
    done
done
# Killed after the reset began and before it was over: what counts is the moment at which the device lost the work.
for kind in accelerator gpu nic; do
    work="dev: {stream: app0, every: 1us}"; [ $kind = nic ] && work="dev: {receive: app0}"
    { machine $kind ""; echo "  - $work"; echo "  - after: 100us"; echo "    os: {reset: dev}"; echo "  - after: 50ms"
      echo "    os: {kill: app0}"; echo "expect:"; echo "  - violation: innocent-victim"; } > late.yaml
    victims 1 late.yaml "$kind: a victim that is killed before the reset is over"
    python3 -c 'import json; r = json.load(open("out/run.json"))
v = [v["time_ps"] for v in r["violations"]]; assert v and v[0] < r["teardowns"][0]["t0_ps"] - 40e9, v' ||
        { echo "FAILED: $kind: the loss is stamped when the driver tells"; failures=$((failures + 1)); }
done
{ machine gpu ""; echo "  - dev: {stream: app0, every: 1us}"; echo "  - after: 100us"; echo "    os: {reset: dev}"
} | sed 's/^steps:/os: {gpu_driver: {innocents: resubmitted}}\nsteps:/' > again.yaml
victims 0 again.yaml "gpu: its driver gives the device the work again"

[ $failures -eq 0 ] && echo "every case is as it should be"
exit $((failures > 0))
