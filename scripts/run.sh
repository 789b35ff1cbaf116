#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sets up, builds and runs quiesce. Arguments go to the binary; without any, the main job leaves its results in out/.
# stdout carries what the binary prints and nothing else.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

"$top/scripts/setup.sh"
{
    if [[ ! -f $top/build/build.ninja ]]; then (cd "$top" && cmake --preset release); fi
    cmake --build "$top/build" --parallel "$(nproc)" --target quiesce
} >&2

if (($# == 0)); then
    set -- compare mm-exit-under-load --over platform.iommu.kind=smmuv3,vtd,amdvi --out "$top/out"
fi
exec "$top/build/quiesce" "$@"
