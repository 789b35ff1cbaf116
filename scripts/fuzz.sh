#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the libFuzzer targets with sanitizers (build-asan) and runs them one after the other, for a minute together or
# for the seconds given. What crashes is left in out/fuzz: `build-asan/testbenches/<what>_fuzz FILE` repeats it. A corpus
# that is found there is used.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$top"
targets=(smmuv3 vtd amdvi tlp)
seconds=$((${1:-60} / ${#targets[@]}))
QUIESCE_CI=1 scripts/setup.sh
cmake --preset asan >/dev/null
cmake --build --preset asan --parallel "$(nproc)" --target "${targets[@]/%/_fuzz}"
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
for what in "${targets[@]}"; do
    mkdir -p "out/fuzz/$what"
    "build-asan/testbenches/${what}_fuzz" -max_total_time="$seconds" -max_len=2048 -len_control=0 -timeout=20 \
        -artifact_prefix=out/fuzz/ -print_final_stats=1 "out/fuzz/$what"
done
