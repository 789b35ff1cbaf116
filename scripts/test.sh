#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sets up, builds everything and runs every test. Arguments go to ctest: `scripts/test.sh -L iommu`.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

"$top/scripts/setup.sh"
if [[ ! -f $top/build/build.ninja ]]; then (cd "$top" && cmake --preset release); fi
cmake --build "$top/build" --parallel "$(nproc)"
exec ctest --test-dir "$top/build" --output-on-failure --no-tests=error --parallel "$(nproc)" "$@"
