#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks who includes whom. Prints one `file:line: ...` per violation; exit 1 if there are any.

usage: check_layering.py [--root DIR] | --self-test

The table is the architecture: a room may include its own headers and those that its row names. Rows list paths
relative to models/; `*` stands for one path component. Test benches may include everything.
"""
import argparse
import fnmatch
import pathlib
import re
import sys
import tempfile

GROUND = ["base/*", "sim/*"]
# Interfaces only: whoever talks to memory or answers register accesses does not learn which memory or bus it is.
MEMORY_INTERFACES = ["memory/memory_port.h", "memory/mmio.h"]
HARDWARE = MEMORY_INTERFACES + GROUND
CPU_SIDE = ["memory/ownership.h", "memory/mmio_bus.h"]
DRIVER_INTERFACES = ["os/drivers/iommu_driver.h", "os/drivers/device_driver.h", "os/drivers/pci_function.h"]
TRANSLATION_INTERFACES = ["iommu/translation.h", "iommu/ats_port.h", "iommu/page_request.h"]
# A device's translation cache (ATC) is made of the core's parts: one cache, one predicate, one way to invalidate.
ATC_PARTS = ["iommu/cache.h", "iommu/context.h", "iommu/in_flight.h", "iommu/invalidation.h", "iommu/merge.h"]

# room -> what it may include besides itself. `iommu/*` matches the core's own files, not those of an architecture.
ALLOWED = {
    "sim": [],
    "base": ["sim/*"],
    "memory": GROUND,
    "iommu": HARDWARE,
    "iommu/<arch>": ["iommu/*"] + HARDWARE,
    # A unit with memory and nothing else: every architecture is made here.
    "bare": ["iommu/*", "iommu/*/*", "memory/*"] + GROUND,
    "pcie": TRANSLATION_INTERFACES + HARDWARE,
    "devices": ["pcie/*"] + TRANSLATION_INTERFACES + ATC_PARTS + HARDWARE,
    # The ledger's truth comes from the operating system, and no hardware model may see it.
    # It sees register accesses from the CPU's end, drivers through their two interfaces, and devices as PCI functions.
    "os": DRIVER_INTERFACES + CPU_SIDE + HARDWARE,
    "os/drivers": ["os/*", "os/mm/*"] + CPU_SIDE + HARDWARE,
    # It writes packets down; what their bytes are is PCIe's.
    "observe": GROUND + ["*/events.h", "*/*/events.h", "pcie/tlp_bytes.h"],
    "platform": ["*", "*/*", "*/*/*"],
}
# Models and drivers share register and structure layouts, nothing else. A driver <arch>_driver.* sees those of its own
# architecture, a device driver those of the devices: <device>_driver.* also <device>_regs.h and <device>_layout.h.
SHARED_LAYOUTS = ["regs.h", "performance_regs.h", "layout.h", "config_regs.h"]

# Library headers with a home: prefix -> rooms that may include them (platform and testbenches always may).
SYSTEMC = re.compile(r"^(systemc|tlm)(\.h)?$|^(tlm_core|tlm_utils|sysc)/")
SYSTEMC_ROOMS = ["sim"]
SYSTEMC_FILES = ["tlm_target", "tlm_initiator", "tlm_bridge"]  # stems of files that put a TLM socket on a room
LIBRARIES = {
    "fmt/": ["observe"],
    "nlohmann/": ["observe"],
    "sqlite3.h": ["observe"],
    "yaml-cpp/": [],
    "CLI/": [],
    "catch2/": [],
    "rapidcheck": [],
    "benchmark/": [],
}
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>|(\S+))')
SUFFIXES = {".h", ".hpp", ".cpp", ".cc", ".inc"}


def room_of(path):
    """The room of a path relative to models/ (or of an include), None for what is no room."""
    parts = path.split("/")
    if len(parts) < 2:
        return None
    if parts[0] == "iommu" and len(parts) > 2:
        return "iommu/" + parts[1]
    if parts[0] == "os" and len(parts) > 2 and parts[1] != "mm":  # memory management is a part of the kernel
        return "os/" + parts[1]
    return parts[0] if parts[0] in ALLOWED else None


def matches(path, patterns):
    """fnmatch by component, so that `iommu/*` is not `iommu/smmuv3/unit.h`."""
    parts = path.split("/")
    for pattern in patterns:
        wanted = pattern.split("/")
        if len(wanted) == len(parts) and all(map(fnmatch.fnmatchcase, parts, wanted)):
            return True
    return False


def shares_layout(stem, included):
    """Whether a file of os/drivers with this stem may include that layout header."""
    folder, _, name = included.rpartition("/")
    if folder == "devices" and name in [stem.removesuffix("_driver") + "_" + own for own in ("regs.h", "layout.h")]:
        return True
    if name not in SHARED_LAYOUTS:
        return False
    if folder.startswith("iommu/"):
        return stem.startswith(folder.split("/")[1])
    return folder in ("devices", "pcie")


def judge_project(room, stem, included):
    """Why this file may not include that project header, or None."""
    if included.split("/")[0] in ("platform", "testbenches", "support"):
        return None if room == "platform" and included.startswith("platform/") else "nobody includes platform or testbenches"
    target = room_of(included)
    if target is None:
        return 'write includes relative to models/ ("sim/time.h")'
    if target == room or room == "platform":
        return None
    if target == "observe":
        return "models never include observe"
    row = "iommu/<arch>" if room.startswith("iommu/") else room
    if matches(included, ALLOWED[row]) or (row == "os/drivers" and shares_layout(stem, included)):
        return None
    shared = " and regs.h, layout.h, config_regs.h of its hardware" if row == "os/drivers" else ""
    return f"{room} may include only itself" + "".join(f", {p}" for p in ALLOWED[row]) + shared


def judge_library(room, stem, included):
    """Why this file may not include that library header, or None."""
    if room == "platform":
        return None
    if SYSTEMC.match(included) and room not in SYSTEMC_ROOMS and stem not in SYSTEMC_FILES:
        return "SystemC belongs to models/sim and to files named " + ", ".join(f"{s}.*" for s in SYSTEMC_FILES)
    for prefix, rooms in LIBRARIES.items():
        if included.startswith(prefix) and room not in rooms:
            return "this library belongs to " + ", ".join(rooms + ["platform", "testbenches"])
    return None


def judge(room, stem, quoted, angled, computed):
    if computed:
        return "an include must name its file"
    included = quoted or angled
    if quoted or room_of(included) or included.startswith("quiesce/"):
        return judge_project(room, stem, included)
    return judge_library(room, stem, included)


def check(root):
    """All violations below root, sorted, as strings."""
    found = []
    for folder in ("models", "platform"):
        base = root / folder
        for path in sorted(base.rglob("*")):
            if path.suffix not in SUFFIXES:
                continue
            room = "platform" if folder == "platform" else room_of(path.relative_to(base).as_posix())
            shown = path.relative_to(root).as_posix()
            if room is None or (room not in ALLOWED and not room.startswith("iommu/")):
                found.append(f"{shown}:1: this folder is no room of the include table")
                continue
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                hit = INCLUDE.match(line)
                if hit and (why := judge(room, path.stem, *hit.groups())):
                    found.append(f"{shown}:{number}: {hit.group(1) or hit.group(2) or hit.group(3)}: {why}")
    return found


GOOD = {
    "models/sim/a.h": ["<systemc>", "<boost/intrusive/list.hpp>", "<vector>", '"sim/b.h"'],
    "models/base/a.h": ['"sim/a.h"', '"base/b.h"'],
    "models/memory/a.cpp": ['"memory/memory_port.h"', '"base/a.h"', '"sim/a.h"'],
    "models/memory/tlm_target.h": ["<tlm>", "<tlm_utils/simple_target_socket.h>"],
    "models/iommu/a.cpp": ['"iommu/walker.h"', '"memory/memory_port.h"'],
    "models/iommu/smmuv3/a.cpp": ['"iommu/smmuv3/regs.h"', '"iommu/walker.h"', '"memory/mmio.h"'],
    "models/iommu/smmuv3/tlm_target.cpp": ["<systemc>"],
    "models/bare/a.cpp": ['"iommu/smmuv3/unit.h"', '"memory/plain_memory.h"', '"iommu/translation.h"'],
    "models/pcie/a.cpp": ['"iommu/translation.h"', '"iommu/ats_port.h"', '"memory/memory_port.h"'],
    "models/pcie/tlm_bridge.cpp": ["<tlm>"],
    "models/devices/a.cpp": ['"pcie/link.h"', '"memory/memory_port.h"', '"iommu/ats_port.h"', '"iommu/cache.h"'],
    "models/os/sva.cpp": ['"os/drivers/iommu_driver.h"', '"os/drivers/device_driver.h"', '"memory/mmio_bus.h"'],
    "models/os/a.cpp": ['"memory/memory_port.h"', '"memory/ownership.h"', '"base/a.h"'],
    "models/os/drivers/smmuv3_driver.cpp": ['"iommu/smmuv3/regs.h"', '"iommu/smmuv3/layout.h"', '"os/sva.h"'],
    "models/os/drivers/work_queue.h": ['"devices/work_queue_regs.h"'],
    "models/os/drivers/gpu_driver.cpp": ['"devices/gpu_regs.h"', '"devices/gpu_layout.h"'],
    "models/os/drivers/ecam_function.h": ['"pcie/config_regs.h"', '"os/kthread.h"'],
    "models/observe/a.cpp": ['"base/a.h"', '"os/events.h"', "<fmt/format.h>", "<nlohmann/json.hpp>", "<sqlite3.h>"],
    "platform/main.cpp": ["<systemc>", "<CLI/CLI.hpp>", '"platform/config.h"', '"iommu/smmuv3/unit.h"', '"observe/vcd.h"'],
    "testbenches/sim/a.cpp": ["<systemc>", "<catch2/catch.hpp>", '"support/bench.h"', '"sim/a.h"'],
}
BAD = {
    "models/sim/x.h": ['"base/a.h"', '"time.h"', '"../base/a.h"', "HEADER", '"platform/config.h"', '"support/bench.h"'],
    "models/base/x.h": ['"memory/memory_port.h"', "<systemc>", "<tlm_utils/simple_target_socket.h>", "<sysc/kernel/sc_time.h>"],
    "models/memory/x.h": ['"iommu/translation.h"', "<systemc.h>"],
    "models/iommu/x.h": ['"memory/page_ledger.h"', '"iommu/smmuv3/regs.h"', '"memory/ownership.h"', "<iommu/smmuv3/regs.h>"],
    "models/iommu/smmuv3/x.h": ['"iommu/vtd/regs.h"', '"pcie/tlp.h"', '"memory/sparse_memory.h"', "<tlm>"],
    "models/bare/x.h": ['"pcie/tlp.h"', '"os/mm/address_space.h"', "<nlohmann/json.hpp>"],
    "models/pcie/x.h": ['"iommu/walker.h"', '"iommu/smmuv3/unit.h"', '"devices/atc.h"'],
    "models/devices/x.h": ['"memory/mmio_bus.h"', '"iommu/walker.h"', '"os/mm/address_space.h"', '"memory/ownership.h"', "<fmt/format.h>"],
    "models/os/x.h": ['"os/drivers/smmuv3_driver.h"', '"iommu/smmuv3/regs.h"', '"observe/vcd.h"', '"memory/page_ledger.h"'],
    "models/os/drivers/vtd_driver.cpp": ['"iommu/smmuv3/regs.h"', '"iommu/vtd/unit.h"', '"devices/atc.h"', '"pcie/link.h"'],
    "models/os/drivers/nic_driver.cpp": ['"devices/gpu_regs.h"', '"devices/nic.h"'],
    "models/observe/x.h": ['"os/mm/address_space.h"', '"memory/memory_port.h"', "<yaml-cpp/yaml.h>", "<systemc>"],
    "models/extra/x.h": ["<vector>"],
    "platform/x.h": ['"testbenches/support/bench.h"', '"config.h"'],
}


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        expected = []
        for name, includes in {**GOOD, **BAD}.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(f"#include {i}\n" for i in includes) + '// #include "observe/x.h"\n', encoding="utf-8")
            if name in BAD:
                expected += [f"{name}:{n}:" for n in range(1, len(includes) + 1)]
        found = check(root)
    starts = [":".join(line.split(":")[:2]) + ":" for line in found]
    wrong = [f"not found: {e}" for e in expected if e not in starts]
    wrong += [f"false alarm: {line}" for line, start in zip(found, starts) if start not in expected]
    print("\n".join(wrong) if wrong else f"self-test passed: {len(expected)} violations found, no false alarm")
    return 1 if wrong else 0


def main():
    parser = argparse.ArgumentParser(description="Checks who includes whom.")
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    parser.add_argument("--self-test", action="store_true", help="check the checker")
    arguments = parser.parse_args()
    if arguments.self_test:
        return self_test()
    found = check(arguments.root)
    if found:
        print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
