#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every run.json has the documented shape, every path in it adds up, and every name in it is explained: all scenarios, in
# several circumstances, and what goes wrong.
set -u
failures=0
sets=(os.policy=quiet-unbind os.policy=mm-exit os.policy=notify-unbind platform.iommu.kind=vtd platform.iommu.kind=amdvi os.kernel=6.1 observe.events=all)
[[ ${SANITIZED:-0} == 1 ]] && sets=(os.policy=mm-exit) # ten times slower; the names are the same
results=()
shape_alone="--set observe.waves=false --set observe.timeline=false --set observe.events=none" # run.json is what is looked at
run() { # run DIRECTORY ARGUMENT...: 1 if the configuration is none that could be
    local dir=$1 said; shift
    said=$("$QUIESCE" run $shape_alone "$@" --out "$dir" 2>&1 >/dev/null)
    [[ $said == *"does not exist on kernel"* || $said == *"os.policy: there is no IOMMU"* ]] && return 1
    results+=("$dir")
}
for s in "$SOURCE_DIR"/testbenches/scenarios/*.yaml; do
    for set in "${sets[@]}"; do
        run "$(basename "$s" .yaml)-${set//[=.]/_}" "$s" --set "$set"
    done
done
for mistake in R8 forget-tlbi leak-pasid; do run "$mistake" mm-exit-under-load --set "os.bugs=[$mistake]"; done
run not-applicable mm-exit-under-load --set platform.iommu.kind=none
run gave-up slow-device-stop --set devices.acc0.stop_time=40ms --set os.accelerator_driver.stop_timeout=1ms
run one-credit mm-exit-under-load --set platform.link.root_port.posted_headers=1
run gerror atc-silent-timeout --set platform.root_complex.invalidate_timeout=100ms
run monitors mm-exit-under-load --set platform.iommu.smmuv3.pmcg=true --set 'os.smmuv3_pmu.events=[transaction,tlb_miss]'

"$QUIESCE" list metrics --json > metrics.json
python3 "$SOURCE_DIR/testbenches/support/check_run.py" metrics.json "${results[@]}" || failures=$((failures + 1))
for p in $(python3 -c 'import json; [print(m["name"]) for m in json.load(open("metrics.json")) if m["group"] == "phase"]'); do
    grep -rqF "\"$p\"" --include=*.cpp --include=*.h --exclude=metrics.cpp "$SOURCE_DIR/models" || { echo "FAILED: no model has a phase $p"; failures=$((failures + 1)); }
done
[ "$failures" -eq 0 ] && echo "all held, of ${#results[@]} runs"
exit "$((failures > 0))"
