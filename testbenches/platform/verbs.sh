#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The command line as a user meets it: exit codes, fingerprints, negative controls, diagnostics, waveforms.
set -u
failures=0
expect() { # expect CODE TEXT COMMAND...: exit code, and a text that stdout or stderr must hold ("" for any)
    local code=$1 text=$2; shift 2
    local out rc
    out=$("$@" 2>&1); rc=$?
    if [ "$rc" -ne "$code" ] || { [ -n "$text" ] && ! grep -qF -- "$text" <<<"$out"; }; then
        echo "FAILED ($rc instead of $code, or no '$text'): $*"; sed 's/^/    /' <<<"$out" | head -20; failures=$((failures + 1))
    fi
}
print() { "$QUIESCE" run "$@" 2>/dev/null | sed -n 's/.*fingerprint //p'; }
same() { [ -n "$2" ] && [ "$2" = "$3" ] || { echo "FAILED: $1: '$2' and '$3'"; failures=$((failures + 1)); }; }
differ() { [ -n "$2" ] && [ "$2" != "$3" ] || { echo "FAILED: $1: both '$2'"; failures=$((failures + 1)); }; }

first=$(print mm-exit-under-load --out a)
same "a second run" "$first" "$(print mm-exit-under-load)"
same "the resolved configuration" "$first" "$(print a/config.resolved.yaml)"
same "waves off" "$first" "$(print mm-exit-under-load --set observe.waves=false)"
same "all events" "$first" "$(print mm-exit-under-load --set observe.events=all --out all)"
same "registers over TLM with the checker in line" "$first" "$(print mm-exit-under-load --check-tlm)"
differ "another seed" "$first" "$(print mm-exit-under-load --seed 2)"
differ "another policy" "$first" "$(print mm-exit-under-load --set os.policy=mm-exit)"

# Other interleavings of the same story: by the seed, each time the same.
other=(--set platform.simultaneous=shuffled --set os.cpu.jitter=1us)
differ "another interleaving" "$first" "$(print mm-exit-under-load "${other[@]}")"
same "an interleaving twice" "$(print mm-exit-under-load "${other[@]}")" "$(print mm-exit-under-load "${other[@]}")"
differ "two interleavings" "$(print mm-exit-under-load "${other[@]}")" "$(print mm-exit-under-load "${other[@]}" --seed 2)"
for s in mm-exit-under-load two-devices ats-teardown pri-storm-exit stop-marker; do
    for seed in 1 2 3; do expect 0 "verdict pass" "$QUIESCE" run "$s" "${other[@]}" --seed "$seed"; done
done
expect 1 freed-before-fenced "$QUIESCE" run mm-exit-under-load --set 'os.bugs=[R8]'
expect 1 lying-fence "$QUIESCE" run mm-exit-under-load --set 'platform.iommu.bugs=[early-sync]'
expect 1 "the allocator: 1 PASID in use" "$QUIESCE" run mm-exit-under-load --set 'os.bugs=[leak-pasid]'
expect 1 "the allocator: 1 PASID in use" "$QUIESCE" run mm-exit-under-load --set 'os.bugs=[leak-pasid]' --set platform.iommu.kind=vtd --set os.kernel=5.11
expect 1 stale-dma "$QUIESCE" run mm-exit-under-load --set 'os.bugs=[forget-tlbi]'
# The story of a device that acknowledges and does not forget: device, page, both owners, and what it acknowledged.
story=$("$QUIESCE" run atc-forgetful --set observe.waves=false 2>/dev/null)
for part in "as its page" "which app0 had given back at" "it had acknowledged the invalidation of everything for PASID 1 (ITag 0"; do
    grep -qF -- "$part" <<<"$story" || { echo "FAILED: the story of atc-forgetful lacks '$part'"; failures=$((failures + 1)); }
done
# R8's other form: the kernel's time-out for a stuck queue is ignored. The IOMMU that gives up first is the control.
expect 0 "held  violation freed-before-fenced" "$QUIESCE" run atc-silent-timeout --set observe.waves=false
expect 0 "held  order block, free_first" "$QUIESCE" run atc-silent-timeout --set platform.root_complex.invalidate_timeout=100ms
expect 1 "free are 128 of 128 and 8 of 8" "$QUIESCE" run mm-exit-under-load --set platform.link.root_port.posted_data=8
expect 1 lost-page-request "$QUIESCE" run pri-storm-exit --set 'os.bugs=[forget-page-response]'
# R-V4: the device takes what came too late; without the mistake the thread cannot send it; a PASID that went back is another's.
expect 0 "late: 1 accepted" "$QUIESCE" run enqcmd-late-submit
expect 0 "SIGBUS" "$QUIESCE" run enqcmd-late-submit --set 'os.bugs=[]'
expect 0 "held  violation stale-walk" "$QUIESCE" run enqcmd-late-submit --set os.policy=mm-exit
expect 0 "needs 'pri'" "$QUIESCE" run pri-storm-exit --set os.smmuv3_driver.pri=false
for s in mm-exit-under-load unbind-orderly close-before-exit kill-with-shared-fd munmap-under-dma slow-device-stop two-devices ats-teardown atc-slow-ack pri-storm-exit pri-overflow stop-marker; do
    expect 0 "verdict pass" "$QUIESCE" run "$s" --set os.policy=mm-exit
    expect 0 "verdict pass" "$QUIESCE" run "$s" --set os.policy=mm-exit --set os.kernel=2018
done
expect 0 "F_TRANSLATION" "$QUIESCE" run mm-exit-under-load --set os.kernel=6.1
# The configuration registers at the end of the run, for lspci.
"$QUIESCE" run switch-teardown --out sw >/dev/null 2>&1
if command -v lspci >/dev/null; then
    expect 0 "Process Address Space ID" lspci -F a/lspci.txt -vv
    expect 0 "Downstream Port" lspci -F sw/lspci.txt -vv
fi
# Similar faults share records, a command queue for each CPU is what keeps the others from waiting, monitors count for perf.
expect 0 "merged into the record of an earlier one" "$QUIESCE" run mm-exit-under-load --set os.kernel=6.1 --set os.smmuv3_driver.mev=true \
    --set platform.iommu.smmuv3.event_merge=true
expect 1 "summary.quiesce.p50" "$QUIESCE" run ecmdq-parallel-teardown --set os.smmuv3_driver.ecmdq=false
expect 1 "lying-fence" "$QUIESCE" run ecmdq-parallel-teardown --set 'platform.iommu.bugs=[early-sync]'
monitors="--set platform.iommu.smmuv3.pmcg=true --set os.smmuv3_pmu.events=[transaction,tlb_miss]"
expect 0 "counts  by the IOMMU's performance monitors: transaction" "$QUIESCE" run mm-exit-under-load $monitors
"$QUIESCE" run mm-exit-under-load $monitors --out monitors >/dev/null 2>&1
python3 - <<'PYTHON' || { echo "FAILED: the monitors disagree with the observers"; failures=$((failures + 1)); }
import json
run = json.load(open("monitors/run.json"))
counted, seen = run["iommu_counters"], run["translations"]
assert counted["transaction"] == seen["requests"] and counted["tlb_miss"] == seen["requests"] - seen["tlb_hits"]
PYTHON
# The debate as one table; what a policy is claimed to be, and pairs that never were; who holds what is known beforehand.
expect 0 "CPU time" "$QUIESCE" compare policy-debate --over os.policy=pin-mm,mm-exit,notify-unbind,quiet-unbind,park-refcount,lazy-mmdrop \
    --over platform.iommu.kind=smmuv3,vtd,amdvi
expect 0 "redirect-context" "$QUIESCE" compare dummy-root-vs-not-present --over os.suppression=hardware,dummy-root,driver-filter,none
expect 0 "prediction, no such kernel" "$QUIESCE" list policies --json
expect 0 '"safe": false' "$QUIESCE" list policies --json
expect 0 "[amdvi (6.1) (6.12); smmuv3 (6.1) 6.12; vtd 6.1 6.12]" "$QUIESCE" list policies
expect 2 "pin-mm was the first VT-d driver's, which is there as kernel 2018 on vtd" "$QUIESCE" run mm-exit-under-load \
    --set os.policy=pin-mm --set os.kernel=5.8
expect 0 "verdict pass" "$QUIESCE" run mm-exit-under-load --set os.policy=pin-mm --set os.kernel=2018 --set platform.iommu.kind=vtd
cat >holders.yaml <<'Y'
scenario: nobody holds what they drop
devices: {acc0: {kind: accelerator}}
steps:
  - os: {spawn: app0, pages: 16}
  - os: {drop: app0, by: kvm}
  - os: {hold: app0, by: vfio}
  - os: {free-pasids: contexts}
Y
for text in "kvm holds nothing of app0 by then" "app0 has no PASID by then" "no set 'contexts' by then"; do
    expect 3 "$text" "$QUIESCE" check holders.yaml
done
# A process that can never fit says what would do; what page-out leaves and what free-pasids has to wait for is said.
cat >short.yaml <<'Y'
scenario: more than there is
os: {oom: {ram: 512KiB, swap: 4}}
devices: {acc0: {kind: accelerator}}
steps:
  - os: {spawn: app0, pages: 600}
Y
expect 3 "and there are 108; os.oom.ram of 2548 KiB would do" "$QUIESCE" run short.yaml
sed -i 's/pages: 600/pages: 16}\n  - os: {page-out: app0, pages: 0-7/' short.yaml
expect 0 "4 of 8 pages went to swap; 4 found swap full (os.oom.swap: its size)" "$QUIESCE" run short.yaml
sed -i 's/pages: 16/pages: 512, memory: hugetlb/; s/ram: 512KiB/ram: 16MiB/' short.yaml
expect 0 "EINVAL: a mapping of hugetlb pages" "$QUIESCE" run short.yaml
cat >tags.yaml <<'Y'
scenario: tags are given back too early
platform: {iommu: {kind: none}}
devices: {acc0: {kind: accelerator}}
steps:
  - os: {allocate-pasids: 2, set: contexts}
  - os: {spawn: app0, pages: 16}
  - os: {pin: app0, for: acc0, tag: contexts}
  - os: {free-pasids: contexts}
  - os: {kill: app0}
    wait: true
expect:
  - equal: {pasids.allocated: 2, pasids.reusable: 2}
Y
expect 0 "given back when the driver is through with them: PASID 1 by app0 on acc0" "$QUIESCE" run tags.yaml
# The same steps on two architectures, command against descriptor.
expect 0 "p_iotlb_inv_dsc, inv_wait_dsc" "$QUIESCE" compare mm-exit-under-load --over platform.iommu.kind=smmuv3,vtd,amdvi
expect 0 "needs 'ats', which amdvi has not as it is set here" "$QUIESCE" run ats-teardown --set platform.iommu.kind=amdvi \
    --set platform.iommu.amdvi.iotlb=false
expect 0 "needs 'stall', which vtd has not" "$QUIESCE" run stall-master-exit --set platform.iommu.kind=vtd
expect 0 "os.vtd_driver.nested" "$QUIESCE" list params
expect 3 "os.vtd_driver.nested: the unit has not both stages" "$QUIESCE" run nested-kill --set platform.iommu.kind=vtd \
    --set platform.iommu.vtd.nested=false
cat >guest-too-early.yaml <<'Y'
scenario: a device is to pass from a guest whose process is bound to it
platform: {iommu: {smmuv3: {stage2: true}}}
os: {guests: 2, smmuv3_driver: {nested: true}}
devices: {acc0: {kind: accelerator}}
steps:
  - os: {spawn: app1, pages: 4}
  - os: {spawn: app2, pages: 4, guest: 2}
  - os: {bind: app1, to: acc0}
  - os: {assign: acc0, guest: 2}
expect:
  - never: stale-dma
Y
sed -e '/bind:/d' -e '/assign:/d' -e 's/guests: 2,/guests: 2, kernel: "6.12",/' -e '/guest: 2}/a\  - os: {spawn: app3, pages: 4, guest: 3}' guest-too-early.yaml >guests-too-many.yaml
for kind in smmuv3 vtd amdvi; do
    expect 3 "guests are behind a second stage each: set os.${kind}_driver.nested" "$QUIESCE" run guest-after-guest --set platform.iommu.kind=$kind \
        --set os.${kind}_driver.nested=false
done
expect 3 "set os.guests" "$QUIESCE" run guest-after-guest --set os.guests=1
expect 3 "processes of the guest live, or are bound to a device (EBUSY)" "$QUIESCE" run guest-too-early.yaml
expect 3 "no part of RAM is free for another guest (os.guests)" "$QUIESCE" run guests-too-many.yaml
expect 2 "has no performance monitors" "$QUIESCE" run mm-exit-under-load --set 'os.smmuv3_pmu.events=[transaction]'
# What went wrong on the way is told, and where it hit the boot.
expect 0 "3 links went down" "$QUIESCE" run switch-link-down
expect 0 "passed by others" "$QUIESCE" run legal-reordering
expect 0 "CMDQ_ERR/CERROR_ATC_INV_SYNC" "$QUIESCE" run atc-silent-timeout --set platform.root_complex.invalidate_timeout=100ms
expect 3 "was lost on a link with faults" "$QUIESCE" run mm-exit-under-load --set devices.acc0.endpoint.faults.drop_every=20
cat >vacuous.yaml <<'Y'
scenario: its only claim is for another policy
devices: {dsa0: {kind: dsa, atc: {present: true}, pri: {present: true}}}
steps:
  - os: {spawn: app0, pages: 4}
  - os: {bind: app0, to: dsa0}
  - dsa0: {enqcmd: app0, block-on-fault: false}
  - os: {kill: app0}
expect:
  - reached: [block]
    when: {os.policy: mm-exit}
Y
expect 0 "nothing was claimed here" "$QUIESCE" run vacuous.yaml --set os.smmuv3_driver.pri=true
expect 0 '"freed-before-fenced",' "$QUIESCE" list bugs --json
expect 0 '"absent": "no path of a driver that is modelled drops one"' "$QUIESCE" list bugs --json
expect 0 "drops the last reference; no path of a driver" "$QUIESCE" list bugs
expect 0 "quiet-unbind" "$QUIESCE" compare mm-exit-under-load --over os.policy=quiet-unbind,mm-exit --out cmp
expect 0 "steps of t0" "$QUIESCE" compare mm-exit-under-load --over os.policy=quiet-unbind,mm-exit
expect 0 "CFGI_CD, SYNC" "$QUIESCE" compare mm-exit-under-load --over os.policy=quiet-unbind,mm-exit

for p in $("$QUIESCE" list presets | cut -d' ' -f1); do
    expect 0 ": ok" "$QUIESCE" check mm-exit-under-load --set "platform.preset=$p"
done
nfp=platform.preset=pcie-bench-e5-2630v4
expect 0 "needs 'sva'" "$QUIESCE" run unbind-orderly --set $nfp
expect 0 "verdict pass" "$QUIESCE" run unbind-orderly --set $nfp --set platform.iommu.kind=smmuv3

# Waves of a former run do not stay beside results that are not theirs; nothing else in the directory is touched.
cp -r a stale && touch stale/notes.txt
expect 0 "verdict pass" "$QUIESCE" run mm-exit-under-load --out stale --set observe.waves=false
[ ! -e stale/waves.vcd ] && [ ! -e stale/waves.gtkw ] && [ -e stale/notes.txt ] || { echo "FAILED: stale waves"; failures=$((failures + 1)); }
cp -r a stale2
expect 0 "needs 'sva'" "$QUIESCE" run mm-exit-under-load --out stale2 --set platform.iommu.kind=none
[ ! -e stale2/waves.vcd ] || { echo "FAILED: waves of a run that was not"; failures=$((failures + 1)); }
same "a limit that is not reached" "$first" "$(print mm-exit-under-load --set observe.limit=1s)"

expect 3 "did you mean" "$QUIESCE" run mm-exit-under-lod
expect 2 "did you mean 'run'?" "$QUIESCE" rnu mm-exit-under-load
expect 2 "did you mean 'params'?" "$QUIESCE" list parms
expect 2 "did you mean --seed?" "$QUIESCE" run mm-exit-under-load --sed 1
for seed in -1 18446744073709551616 010 1.5 ''; do
    expect 2 "--seed:1:1: error: expected an integer" "$QUIESCE" run mm-exit-under-load --seed "$seed"
done
expect 2 "from 1 to 1024" "$QUIESCE" compare mm-exit-under-load --over os.policy=mm-exit --jobs 0
expect 0 "seed 18446744073709551615" "$QUIESCE" run unbind-orderly --seed 18446744073709551615 --out big
expect 0 "seed: 18446744073709551615" cat big/config.resolved.yaml
same "the resolved configuration of the largest seed" "$(print unbind-orderly --seed 18446744073709551615)" "$(print big/config.resolved.yaml)"
for verb in "run unbind-orderly" "list params" "list params --json" schema features "check unbind-orderly" "--help" "run --help"; do
    expect 5 "cannot write" sh -c "\"\$QUIESCE\" $verb > /dev/full"
done
expect 2 "unknown key" "$QUIESCE" run mm-exit-under-load --set platform.iommu.knd=smmuv3
expect 2 "" "$QUIESCE" run mm-exit-under-load --set os.policy=mm-exxit
expect 2 "" "$QUIESCE" run
expect 5 "" "$QUIESCE" run mm-exit-under-load --out /proc/nowhere
cat > bad.yaml <<'YAML'
scenario: bad on purpose
os: {polcy: mm-exit, cpu: {wake_up: 5parsecs}}
devices: {acc0: {kind: accelerator}}
steps:
  - os: {spawn: app0, pags: 4}
  - os: {kill: app1}
expect:
  - nevr: stale-dma
  - order: [blok, free_first]
YAML
for text in "bad.yaml:2:6: error" "unknown key 'polcy'" "5parsecs" "did you mean 'pages'" "app1" "did you mean 'never'" "'blok'"; do
    expect 3 "$text" "$QUIESCE" check bad.yaml
done
# What only the run can find out: by no race, an error at the sentence; by a race, a warning there, and the run goes on.
scenario() { printf 'scenario: x\ndevices: {acc0: {kind: accelerator, queues: 1}}\nsteps:\n  - os: {spawn: app0, pages: 16}\n  - os: {bind: app0, to: acc0}\n'; cat; }
scenario > dead.yaml <<'YAML'
  - os: {kill: app0}
  - after: 1s
    os: {bind: app0, to: acc0}
YAML
expect 3 "dead.yaml:7:5: error: os bind bind=app0 to=acc0: app0 was dead when this came" "$QUIESCE" run dead.yaml --out until-then
grep -q '"verdict": "error"' until-then/run.json || { echo "FAILED: what a run came to that could not go on"; failures=$((failures + 1)); }
scenario > race.yaml <<'YAML'
  - os: {kill: app0}
  - after: 1us
    os: {open: acc0, as: app0}
  - acc0: {stream: app0, size: 64B}
  - os: {unbind: app0, from: acc0}
YAML
expect 0 "race.yaml:7:5: warning: os open open=acc0 as=app0: nothing to do: app0 is dying" "$QUIESCE" run race.yaml
cat > signal.yaml <<'YAML'
scenario: a thread is killed for an ENQCMD at a portal that is not mapped any more, before its other device is told to stop
devices: {dsa0: {kind: dsa}, acc0: {kind: accelerator}}
steps:
  - os: {spawn: app0, pages: 64}
  - os: {bind: app0, to: dsa0}
  - os: {bind: app0, to: acc0}
  - acc0: {stream: app0, access: write, size: 64B, every: 1us}
  - {after: 20us, wait: true, os: {unbind: app0, from: dsa0}}
  - dsa0: {enqcmd: app0}
  - {after: 1ms, acc0: {stop: app0}}
expect: [{never: stale-dma}]
YAML
expect 0 "acc0 stop stop=app0: nothing to do: app0 was killed for a store to a portal that it has not mapped (SIGBUS)" "$QUIESCE" run signal.yaml
sed 's/  - {after: 1ms, .*/  - {after: 1ms, os: {fork: app0, child: app1}}/' signal.yaml >fork-after-signal.yaml
expect 3 "fork-after-signal.yaml:10:" "$QUIESCE" run fork-after-signal.yaml
cat > segv.yaml <<'YAML'
scenario: a thread writes to a page that is read-only by then
devices: {acc0: {kind: accelerator}}
steps:
  - os: {spawn: app0, pages: 64}
  - os: {bind: app0, to: acc0}
  - {wait: true, os: {protect: app0, pages: 0-3, to: read-only}}
  - {wait: true, os: {touch: app0, pages: 0-3}}
  - {after: 1ms, os: {unbind: app0, from: acc0}}
expect: [{never: stale-dma}]
YAML
expect 0 "unbind unbind=app0 from=acc0: nothing to do: app0 was killed for a write to a page that is not mapped, or not for writing (SIGSEGV)" \
    "$QUIESCE" run segv.yaml
cat > pin.yaml <<'YAML'
scenario: pages are pinned for a device that cannot
platform: {iommu: {kind: none}}
devices: {nic0: {kind: nic}}
steps:
  - os: {spawn: app0, pages: 64}
  - os: {pin: app0, for: nic0}
YAML
expect 3 "nic0 is no device whose driver pins pages: it knows nothing but shared address spaces (kinds that do: accelerator)" "$QUIESCE" check pin.yaml
expect 0 "warning: os.bugs: R-E3 changes nothing on quiet-unbind: it is a mistake of amd-iommu-v2" \
    "$QUIESCE" run mm-exit-under-load --set platform.iommu.kind=amdvi --set 'os.bugs=[R-E3]'
expect 0 "warning: os.bugs: R22 changes nothing on vtd: it is a mistake of smmuv3" \
    "$QUIESCE" run mm-exit-under-load --set platform.iommu.kind=vtd --set 'os.bugs=[R22]'
scenario > queues.yaml <<'YAML'
  - os: {spawn: b}
  - os: {bind: b, to: acc0}
  - acc0: {stream: app0}
  - acc0: {stop: app0}
  - acc0: {stream: b}
YAML
expect 3 "queues.yaml:10:5: error: acc0 stream stream=b: acc0 has none of its queues left for b (devices.acc0.queues)" \
    "$QUIESCE" run queues.yaml --set devices.acc0.stop_time=1ms
sed 's/accelerator, queues: 1/gpu, contexts: 1, preempt_point: 1ms, preempt_point_max: 1ms/; s/acc0/gpu0/' queues.yaml \
    > contexts.yaml
expect 3 "gpu0 has none of its contexts left for b (devices.gpu0.contexts)" "$QUIESCE" run contexts.yaml
scenario > delay.yaml <<'YAML'
  - acc0: {stream: app0, count: 3}
YAML
sed -i 's/queues: 1/atc: {present: true, answer_delay: 40us}/' delay.yaml
expect 3 "delay.yaml:2:72: error: devices.acc0: atc.answer_delay 40us has no effect with manner prompt" \
    "$QUIESCE" check delay.yaml
expect 0 "" "$QUIESCE" run delay.yaml --set devices.acc0.atc.manner=slow
expect 2 "atc.answer_delay 7us has no effect with manner silent" \
    "$QUIESCE" check ats-teardown --set devices.acc0.atc.answer_delay=7us --set devices.acc0.atc.manner=silent
expect 0 "" "$QUIESCE" check ats-teardown --set devices.acc0.atc.answer_delay=10us
scenario > pasids.yaml <<'YAML'
  - os: {kill: app0}
  - os: {spawn: b}
  - os: {bind: b, to: acc0}
YAML
expect 3 "pasids.yaml:8:5: error: os bind bind=b to=acc0: no PASID or ASID is free for b: os.pasid.min is 1, os.pasid.max 1" \
    "$QUIESCE" run pasids.yaml --set os.pasid.max=1
expect 3 "pasids.yaml:8:5: error" "$QUIESCE" compare pasids.yaml --over os.pasid.max=1
scenario > gone.yaml <<'YAML'
  - acc0: {link: down}
  - after: 10us
    os: {reset: acc0}
  - os: {bus-master: clear, of: acc0}
  - acc0: {stream: app0, count: 5}
  - os: {unbind: app0, from: acc0}
YAML
for at in "7:5: warning: os reset reset=acc0" "9:5: warning: os bus-master bus-master=clear of=acc0" "10:5: warning: acc0 stream stream=app0 count=5"; do
    expect 0 "gone.yaml:$at: nothing to do: acc0 is gone, its link went down" "$QUIESCE" run gone.yaml
done
scenario > hang.yaml <<'YAML'
  - acc0: {stream: app0, every: 1us}
  - after: 20us
    os: {bus-master: clear, of: acc0}
  - os: {kill: app0}
YAML
expect 1 "app0 is dying; app0/0 sleeps in device-stop, waiting for acc0 since " "$QUIESCE" run hang.yaml
scenario > memory.yaml <<'YAML'
  - os: {spawn: b, pages: 4070}
YAML
expect 3 "memory.yaml:6:5: error: os spawn spawn=b pages=4070: the simulated machine is out of memory" \
    "$QUIESCE" run memory.yaml --set platform.memory.ram=16MiB
expect 3 "mm-exit-under-load.yaml:2:11: error: smmu: a linear stream table for 20 stream bits is too large" \
    "$QUIESCE" run mm-exit-under-load --set platform.iommu.smmuv3.two_level_streams=false --set platform.iommu.smmuv3.sid_bits=20
expect 0 "verdict pass" "$QUIESCE" run mm-exit-under-load --set platform.iommu.smmuv3.sid_bits=32
expect 0 "reuse           +    1." "$QUIESCE" run mm-exit-under-load --set os.pasid.grace=1ms
expect 1 "livelock" "$QUIESCE" run mm-exit-under-load --set os.pasid.grace=1ms --set observe.limit=500us
scenario > late.yaml <<'YAML'
  - at: 1us
    acc0: {stream: app0, count: 5}
  - after: 1ms
    acc0: {stream: app0, count: 5}
YAML
expect 0 "late.yaml:6:5: warning: acc0 stream stream=app0 count=5: late: it was to come at 1us" "$QUIESCE" run late.yaml
sed 's/count: 5/count: 1000000/' late.yaml > busy.yaml
expect 3 "busy.yaml:8:5: error: acc0 stream stream=app0 count=1000000: acc0 still works for app0" "$QUIESCE" run busy.yaml
{ echo 'until: 50us'; scenario < /dev/null; printf '  - after: 45us\n    os: {kill: app0}\n'; } > until.yaml
expect 0 "until.yaml:7:5: warning: os kill kill=app0: never came: the run ended before" "$QUIESCE" run until.yaml

expect 0 '"draft-07"' sh -c '"$QUIESCE" schema | grep -o "\"draft-07\"\|draft-07" | sed "s/.*/\"draft-07\"/" | head -1'
# Without messages the unit's wires reach the driver, wherever they begin.
for wires in 0 40; do
    n=$("$QUIESCE" run mm-exit-under-load --set os.kernel=6.1 --set os.smmuv3_driver.evtq_log2=5 --set os.smmuv3_driver.print_event=10ns \
        --set platform.iommu.smmuv3.msi=false --set platform.iommu.smmuv3.wired_base=$wires | sed -n 's/^faults .* raised: \([0-9]*\) recorded.*/\1/p')
    [ "${n:-0}" -gt 32 ] || { echo "FAILED: nobody empties the event queue, wires from $wires"; failures=$((failures + 1)); }
done
# A device that does not exist is none that appears.
expect 2 "did you mean 'acc0'?" "$QUIESCE" run slow-device-stop --set devices.ac0.stop_time=1us
for what in scenarios presets params policies bugs devices metrics sentences events; do expect 0 '"help"' "$QUIESCE" list "$what" --json; done

# Where a value comes from is said in words that an outsider can follow.
for what in params presets policies bugs; do
    "$QUIESCE" list "$what" | grep -nE 'facts|published-figures|[(; ]S[0-9]|K6[0-9]+' && { echo "FAILED: list $what cites what nobody has"; failures=$((failures + 1)); }
done

# Whatever is observed, and how, the same happens.
for o in waves=false events=all window.before=1ns window.after=1ms flood_threshold=1 limit=1s; do
    same "observe.$o" "$(print munmap-under-dma)" "$(print munmap-under-dma --set "observe.$o")"
done

percents=$("$QUIESCE" run munmap-under-dma 2>/dev/null | grep -o '[0-9]*% |' | tr -d '% |' | awk '{ n += $1 } END { print n }')
same "percentages of a breakdown" 100 "$percents"
expect 0 "" "$QUIESCE" run atc-forgetful

# The waveforms survive GTKWave's own converters: the same changes come back.
if command -v vcd2fst >/dev/null && command -v fst2vcd >/dev/null; then
    vcd2fst a/waves.vcd a/waves.fst >/dev/null && fst2vcd a/waves.fst > a/back.vcd 2>/dev/null
    changes() { sed '1,/enddefinitions/d' "$1" | grep -c '^[bs]'; }
    there=$(changes a/waves.vcd) back=$(changes a/back.vcd)
    [ "$there" -gt 100 ] && [ "$there" -eq "$back" ] || { echo "FAILED: waves.vcd has $there changes, $back came back"; failures=$((failures + 1)); }
fi
[ -s a/waves.gtkw ] && grep -q 'pasid_lane0.state' a/waves.gtkw || { echo "FAILED: waves.gtkw"; failures=$((failures + 1)); }
[ "$failures" -eq 0 ] && echo "all held"
exit "$((failures > 0))"
