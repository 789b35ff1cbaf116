#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages that are missing. Called by run.sh and test.sh; does nothing the second time.
# QUIESCE_CI=1 or the argument --ci also asks for what only CI needs. Prints to stderr only.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

packages=(g++ cmake ninja-build pkg-config ccache libsystemc-dev libboost-dev catch2 librapidcheck-dev
    libbenchmark-dev libcli11-dev libyaml-cpp-dev nlohmann-json3-dev libfmt-dev libsqlite3-dev gtkwave python3
    python3-jsonschema python3-yaml)
if [[ -n ${QUIESCE_CI:-} || ${1:-} == --ci ]]; then
    packages+=(clang libclang-rt-dev pciutils protobuf-compiler verilator tshark xvfb xauth zsh fish man-db mandoc slurm-wlm munge)
fi

stamp=$top/build/.packages
wanted="${packages[*]}"
if [[ -f $stamp && $(<"$stamp") == "$wanted"* ]]; then exit 0; fi

if ! command -v dpkg-query >/dev/null; then
    echo "setup.sh: not a Debian system; assuming that these are installed under other names: $wanted" >&2
    exit 0
fi

missing=()
for package in "${packages[@]}"; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    if [[ $status != installed ]]; then missing+=("$package"); fi
done

if ((${#missing[@]} > 0)); then
    as_root=()
    if ((EUID != 0)); then
        if ! command -v sudo >/dev/null; then
            echo "setup.sh: run as root: apt-get install ${missing[*]}" >&2
            exit 1
        fi
        as_root=(sudo)
    fi
    echo "setup.sh: installing ${missing[*]}" >&2
    "${as_root[@]}" apt-get update >&2
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}" >&2
fi
mkdir -p "$top/build"
printf '%s\n' "$wanted" >"$stamp"
