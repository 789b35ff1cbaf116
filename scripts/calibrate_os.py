#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""exit_mmap beside the OOM reaper against a measurement; prints predicted, measured and residual of every row; exit 1 if a
judged one is outside its limit.

usage: calibrate_os.py [--sensitivity] [PROGRAM]

Measured: traces/reference/oom-reaper-arm64.csv (zhongjinji, linux-mm, 2025-09-16: an arm64 phone; CPU time of the dying task
in exit_mmap and of the reaper, which runs beside it; the patch lets the reaper begin at the other end of the address space).
How many pages there were, and on which cores, was not published. Simulated: PROGRAM (default: exit_mmap_reaper in build/,
build-dev/ ...), at 1:16 of the pages; everything is linear in them.

Fitted, on the task that exits, without the patch, and on what is published of the parts of its time:
  pages              so many that removing their reverse mappings takes what it took both together (41.3 ms)
  os.mm.unmap_page   of these, besides, the part of unmap_vmas that is neither reverse mapping nor flush nor waiting
  os.mm.free_page    tlb_flush_mmu, 34 % of unmap_vmas
  os.mm.free_table   free_pgtables, 12.7 % of exit_mmap
  a constant         what is left of the task's 90.7 ms, which no model has: 10.6 %
Predicted: all of what both spent waiting for page-table locks, how they shared the pages, and so every total.
Judged: totals of both together within 15 %, with the patch and without; with it the waiting is at most a tenth.
  --sensitivity   the same for other sizes of the gather, other mappings, and reapers that begin later
"""
import argparse
import csv
import pathlib
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
SCALE = 16
UNMAP_SHARE, FLUSH_SHARE, TABLES_SHARE = 0.767, 0.34, 0.127  # of exit_mmap, of unmap_vmas, of exit_mmap
UNMAP_PAGE_NS = 180  # the default; the pages are as many as this makes them
LIMIT, FALL = 15.0, 10.0
MAPPINGS = 64


def measured():
    with (TOP / "traces" / "reference" / "oom-reaper-arm64.csv").open() as lines:
        return {(r["kernel"], r["who"], r["what"]): float(r["ms"]) for r in csv.DictReader(lines)}


def fit(m):
    """Pages and costs; times in ms of the real size."""
    total, wait, rmap = (m["unpatched", "exit", what] for what in ("total", "pte-lock", "rmap"))
    unmap, tables = UNMAP_SHARE * total, TABLES_SHARE * total
    flush = FLUSH_SHARE * unmap
    locked = unmap - flush - wait  # reverse mappings and the rest of zap_pte_range
    whole = (rmap + m["unpatched", "reaper", "rmap"]) / rmap  # all pages, by those that the task took
    pages = round(1e6 * locked * whole / UNMAP_PAGE_NS / SCALE)
    per_table = 512 * 1e6 * tables / pages / SCALE
    return {"pages": pages, "os.mm.free_page": 1e6 * flush * whole / pages / SCALE, "os.mm.free_table": per_table,
            "constant": total - unmap - tables, "rmap": rmap * whole}


def simulate(program, fitted, backwards, extra=()):
    """{(who, what): ms}, at the real size."""
    # Tables of a mapping that does not fill its last one count as full ones: what was published is their sum.
    mappings = MAPPINGS
    for n, a in enumerate(extra):
        mappings = int(extra[n + 1]) if a == "--mappings" else mappings
    each = fitted["pages"] // mappings
    tables = mappings * -(-each // 512)
    per_table = fitted["os.mm.free_table"] * fitted["pages"] / 512 / tables
    command = [program, "--pages", str(fitted["pages"]), "--mappings", str(mappings), "--set", f"os.oom.backwards={str(backwards).lower()}",
               "--set", f"os.mm.unmap_page={UNMAP_PAGE_NS}ns", "--set", f"os.mm.free_page={fitted['os.mm.free_page']:.3f}ns",
               "--set", f"os.mm.free_table={per_table:.3f}ns"]
    command += [a for n, a in enumerate(extra) if a != "--mappings" and (n == 0 or extra[n - 1] != "--mappings")]
    found, taken = {}, {}
    for line in subprocess.run(command, text=True, check=True, stdout=subprocess.PIPE).stdout.splitlines():
        who, total, waited, pages = line.split()
        found[who, "total"], found[who, "pte-lock"] = int(total) * SCALE / 1e6, int(waited) * SCALE / 1e6
        taken[who] = int(pages)
    found["exit", "total"] += fitted["constant"]
    for who in taken:
        found[who, "rmap"] = fitted["rmap"] * taken[who] / sum(taken.values())
    return found


def both(values, what):
    return values["exit", what] + values["reaper", what]


def compare(m, program, fitted, extra=(), quiet=False):
    failures, waits = 0, {}
    if not quiet:
        print(f"{'kernel':<10}{'who':<8}{'what':<10}{'measured':>10}{'predicted':>11}{'residual':>10}")
    for kernel, backwards in (("unpatched", False), ("patched", True)):
        got = simulate(program, fitted, backwards, extra)
        real = {(w, x): v for (k, w, x), v in m.items() if k == kernel}
        waits[kernel] = both(got, "pte-lock")
        for who, what in [*real, ("both", "total"), ("both", "pte-lock")]:
            want, have = (both(real, what), both(got, what)) if who == "both" else (real[who, what], got[who, what])
            residual = 100 * (have / want - 1)
            judged = (who, what) == ("both", "total")
            failures += judged and abs(residual) > LIMIT
            if not quiet or judged or who == "both":
                verdict = "" if not judged else " judged" if abs(residual) <= LIMIT else " OUTSIDE"
                print(f"{kernel:<10}{who:<8}{what:<10}{want:>8.1f}ms{have:>9.1f}ms{residual:>+9.1f}%{verdict}")
    fell = waits["patched"] * FALL <= waits["unpatched"]
    print(f"waiting falls from {waits['unpatched']:.1f} ms to {waits['patched']:.1f} ms (measured: 33.1 to 1.0): "
          f"{'judged' if fell else 'OUTSIDE: not to a tenth'}")
    return failures + (not fell)


def find_program():
    for build in ("build", "build-dev", "build-asan", "build-clang"):
        program = TOP / build / "exit_mmap_reaper"
        if program.exists():
            return str(program)
    sys.exit("calibrate_os.py: no exit_mmap_reaper: cmake --build build --target exit_mmap_reaper")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sensitivity", action="store_true")
    parser.add_argument("program", nargs="?")
    arguments = parser.parse_args()
    program = arguments.program or find_program()
    m = measured()
    fitted = fit(m)
    print(f"fitted: {fitted['pages'] * SCALE} pages of {UNMAP_PAGE_NS} ns under the lock and {fitted['os.mm.free_page']:.0f} ns to free; "
          f"{fitted['os.mm.free_table'] / 1000:.1f} us for the tables of 512 pages; a constant of {fitted['constant']:.1f} ms")
    failures = compare(m, program, fitted)
    if arguments.sensitivity:
        for extra in (["--set", "os.mm.gather=128"], ["--set", "os.mm.gather=4096"], ["--mappings", "16"], ["--mappings", "256"],
                      ["--late", "200us"], ["--late", "1ms"]):
            print(f"\n{' '.join(extra)}")
            compare(m, program, fitted, extra, quiet=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
