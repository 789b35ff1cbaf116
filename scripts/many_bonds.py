#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What very many bonds in one simulation cost: time and memory of the host for each, and for a DMA among them.

usage: many_bonds.py [--processes N] [--devices N] [--dma N] [--kind smmuv3|vtd] [PROGRAM]

Teardown: N processes on each device (25,000 on 4: 100,000 bonds; an SMMU has 16-bit ASIDs) are killed in turn and all at once; compared with
the same machine and one process. DMA: the last process streams, with all bonds there and with its own alone; what is compared is the
host's CPU time for so many more requests of the same run. PROGRAM: build/quiesce.
"""
import argparse
import json
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parent.parent


def scenario(processes, devices, kind, dma, end):
    lines = ["scenario: many bonds", f"platform: {{iommu: {{kind: {kind}}}, memory: {{ram: 64GiB}}}}",
             "observe: {waves: false, limit: 1000s}", "devices:"]
    lines += [f"  acc{d}: {{kind: accelerator}}" for d in range(devices)]
    lines.append("steps:")
    if processes > 1:
        lines.append(f"  - os: {{spawn: app, count: {processes - 1}, pages: 4}}")
        lines += [f"  - os: {{bind: app, to: acc{d}}}" for d in range(devices)]
    lines.append("  - os: {spawn: last, pages: 64}")
    lines += [f"  - os: {{bind: last, to: acc{d}}}" for d in range(devices)]
    if dma:
        lines.append(f"  - acc0: {{stream: last, access: mixed, pattern: random, size: 64B, count: {dma}}}")
    if end is None:
        return "\n".join(lines) + "\nuntil: 5s\n"
    lines += ["  - os: {kill: last}", "    wait: true"]
    if processes > 1:
        lines += ["  - os: {kill: app}", f"    each: {end}"]
    return "\n".join(lines) + "\nexpect:\n  - never: stale-dma\n  - reached: [block, stop, mmput, reuse, quiesce]\n"


def run(program, text):
    """run.json, the seconds that the process took, output included, and those of a CPU."""
    with tempfile.TemporaryDirectory() as out:
        path = pathlib.Path(out)
        (path / "s.yaml").write_text(text)
        began, used = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        done = subprocess.run([program, "run", str(path / "s.yaml"), "--out", out], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        took = time.monotonic() - began
        if done.returncode != 0:
            sys.exit(f"exit {done.returncode}: {done.stderr.strip()}")
        cpu = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - used
        return json.loads((path / "run.json").read_text()), took, cpu


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=25_000)
    parser.add_argument("--devices", type=int, default=4)
    parser.add_argument("--dma", type=int, default=2_000_000)
    parser.add_argument("--kind", default="smmuv3")
    parser.add_argument("program", nargs="?", default=str(TOP / "build" / "quiesce"))
    a = parser.parse_args()
    bonds = a.processes * a.devices
    few, _, _ = run(a.program, scenario(1, a.devices, a.kind, 0, "in-turn"))
    for end in ("in-turn", "at-once"):
        r, took, _ = run(a.program, scenario(a.processes, a.devices, a.kind, 0, end))
        assert len(r["teardowns"]) == bonds and r["verdict"] == "pass", r["verdict"]
        q = r["summary"]["quiesce"]
        memory = r["host"]["max_rss_bytes"] - few["host"]["max_rss_bytes"]
        print(f"{bonds} bonds on {a.kind}, killed {end}: simulated {r['simulated_ps'] / 1e12:.3f} s in {r['host']['wall_s']:.1f} s ({took:.1f} s with output), "
              f"{r['host']['wall_s'] / bonds * 1e6:.0f} us and {memory / bonds / 1024:.1f} KiB a bond; "
              f"quiesce p50 {q['p50'] / 1e6:.3f} us, max {q['max'] / 1e6:.3f} us, open {q['open']}")
    cost = {}
    for processes in (1, a.processes):
        spent = []
        for dma in (0, a.dma):
            runs = [run(a.program, scenario(processes, a.devices, a.kind, dma, None)) for _ in range(3)]
            spent.append(min(cpu for _, _, cpu in runs))
            done = runs[0][0]["dma"]["reads"] + runs[0][0]["dma"]["writes"]
            assert done == dma, (done, dma)
        cost[processes] = (spent[1] - spent[0]) / a.dma * 1e9
    ratio = cost[a.processes] / cost[1]
    print(f"a DMA: {cost[1]:.0f} ns of the host with {a.devices} bonds, {cost[a.processes]:.0f} ns with {bonds}: {ratio:.2f} times (least of three runs each)")


if __name__ == "__main__":
    main()
