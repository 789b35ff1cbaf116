#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What must hold of every result directory: check_run.py METRICS.json DIR...

METRICS.json is the output of `quiesce list metrics --json`. Checked are the shape of run.json, that every breakdown and path
is contiguous and ends where its milestone is, and that every count and phase is one that `list metrics` explains; that every
count listed is found in some run."""
import json
import pathlib
import sys

MILESTONES = ["block_observed", "block", "stop", "drain", "last_seen", "free_first", "free_last", "mmput", "reuse"]
MARKS = ["stop_gave_up", "tables_free", "exit_mmap"]
POPULATION = {"n": int, "p50": int, "p99": int, "max": int}
PARTS = [{"phase": str, "actor": str, "waits_for": str, "start_ps": int, "end_ps": int}]
# A type, a list of one shape, {str: shape} for any keys; "?": may be absent.
SHAPE = {
    "schema": int, "scenario": str, "version": str, "seed": int, "fingerprint": str, "verdict": str,
    "expectations": [{"text": str, "at": str, "held": (bool, type(None)), "detail?": str}],
    "platform": {"iommu": str, "kernel": str, "policy": str, "allocator": str, "suppression": str, "bugs": [str]},
    "simulated_ps": int,
    "teardowns": [{
        "id": str, "bond": int, "process": str, "device": str, "pasid": int, "trigger": str, "also": [str], "t0_ps": int,
        "milestones_ps": {str: int}, "open": [str], "not_applicable": [str], "quiesce_ps?": int, "exposure_ps": int,
        "exposed_pages_open": int, "exposed_left_out": int,
        "exposed": [{"from_ps": int, "last_ps": int, "until_ps": int, "pages": int, "page_ps": int, "first": str, "last": str, "by": str}],
        "brief?": bool, "pinned?": bool, "event?": str, "milestone_events?": {str: str}, "breakdown": PARTS, "paths": {str: PARTS},
        "steps": [{"step": str, "by": str, "start_ps": int, "end_ps?": int,
                   "commands": [{"command": str, "count": int}]}]}],
    "summary": {"quiesce": {**POPULATION, "open": int}},
    "dma": {"reads": int, "writes": int, "bytes": int, "aborted": int, "legal_after_unmap": int, "completion_timeouts": int,
            "links_down": int, "peer_to_peer": int, "atomics": int, "first_ps": int, "last_ps": int},
    "translations": {"requests": int, "tlb_hits": int, "near_hits": int},
    "faults": {"raised": int, "recorded": int, "suppressed": int, "ats_refused": int, "filtered": int, "lost": int, "lost_overflow": int, "discarded": int, "merged": int, "overflows": int, "by_type": {str: int}},
    "caches": {cache: {"lookups": int, "hits": int, "lookups_after_t0": int, "hits_after_t0": int} for cache in ("tlb", "tables", "atc")},
    "queues": [{"name": str, "most": int, "most_ps": int, "stretch_ps": int, "levels": [int]}],
    "global_errors": {str: int}, "iommu_counters": {str: int},
    "page_requests": {"received": int, "success": int, "invalid": int, "failure": int, "auto_response": int,
                      "lost": int, "open": int, "dropped": int, "overflows": int, "stop_markers": int, "late": int, "forgotten": int, "unexpected": int,
                      "latency_ps": POPULATION, "service_ps": POPULATION},
    "stalls": {"received": int, "recorded": int, "waited_for_tag": int, "retried": int, "aborted": int, "retried_by_unit": int,
               "terminated": int, "late_answers": int, "outstanding": int, "most_outstanding": int,
               "held_ps": POPULATION},
    "descriptors": {"accepted": int, "late": int, "retried": int, "dropped": int, "succeeded": int, "page_faults": int, "failed": int,
                    "abandoned": int, "records_lost": int, "records_missed": int, "errors_seen": int, "pasid_loads": int,
                    "killed": int, "latency_ps": POPULATION},
    "packets": {"received": int, "sent": int, "dropped": int, "failed": int},
    "contexts": {"preempted": int, "retried": int, "resets": int, "lost": int},
    "halts": {"devices": int, "seen": int, "commands_cut": int, "commands_skipped": int},
    "traces": {str: {"played": int, "left_out": int, "cut_short": int, "late": int, "late_max_ps": int, "late_total_ps": int}},
    "invalidations": {
        "tlb": int, "atc": int, "configuration": int, "fences": int, "fence_wait_ps": {"p50": int, "p99": int, "max": int},
        "fence_wait_by": {str: POPULATION}, "fences_by": {str: {str: int}}, "sync_wait_by": {str: {str: POPULATION}}},
    "links": {str: {"credit_stalls": int, "credit_stall_ps": int, "replayed": int, "delayed": int, "dropped": int,
                    "malformed": int, "poisoned": int, "reordered": int}},
    "binds": {"refused": int, "by_error": {str: int}},
    "pasids": {"allocated": int, "reusable": int, "refused": int, "most_in_use": int, "most_parked": int},
    "memory": {"delayed": int, "failed": int, "longest_wait_ps": int, "nobody": int, "victims": int, "innocent": int, "tries": int,
               "given_up": int, "reaped_pages": int, "skipped_pages": int, "held_up_most_ps": int},
    "oom": [{"id": str, "victim": str, "mark_ps": int, "asked_by": str, "points": int, "pages": int, "tables": int, "was_dying": bool,
             "reaped_pages": int, "freed_pages": int, "tries": [{"by": str, "how": str, "at_ps": int}],
             "skipped": [{"mapping": str, "why": str, "pages": int}], "given_up": bool, "innocent": bool,
             "first_free_ps?": int, "last_free_ps?": int, "hidden_ps?": int, "held_up_ps?": int}],
    "cpu_ps": {"by": {str: int}, "on": {str: int}, "taken_by": {str: int}, "iommu_interrupts": int, "busy": int},
    "bystanders": {"records_lost": int, "page_requests_lost": int, "page_request_ps": POPULATION, "stall_ps": POPULATION},
    "violations": [{"id": str, "kind": str, "time_ps": int, "last_ps": int, "count": int, "bond": int, "device": str,
                    "process": str, "pasid": int, "page": str, "object": str, "story": str, "story_ps": int, "event?": str}],
    "host": {"wall_s": float, "events": int, "dma_per_s": float, "max_rss_bytes": int},
}
ANY = {"faults.by_type": ["<type>"], "global_errors": ["<error>"], "iommu_counters": ["<event>"], "traces": ["<device>"], "links": ["<link>"], "cpu_ps.by": ["<context>"], "cpu_ps.on": ["<what>"], "cpu_ps.taken_by": ["<context>"], "binds.by_error": ["<error>"], "invalidations.fence_wait_by": ["<scope>"],
       "invalidations.fences_by": ["<unit>", "<commands>"], "invalidations.sync_wait_by": ["<unit>", "<phase>"]}
errors = []


def wrong(where, what):
    errors.append(f"{where}: {what}")


def shaped(value, shape, where):
    """Value has this shape: no field is missing, of another type, or unknown."""
    if isinstance(shape, list):
        if not isinstance(value, list):
            return wrong(where, "is not a list")
        for i, item in enumerate(value):
            shaped(item, shape[0], f"{where}[{i}]")
    elif isinstance(shape, dict):
        if not isinstance(value, dict):
            return wrong(where, "is not an object")
        if str in shape:
            for key, item in value.items():
                shaped(item, shape[str], f"{where}.{key}")
            return None
        for key in value.keys() - {k.rstrip("?") for k in shape}:
            wrong(where, f"has {key}, which nobody documented")
        for key, below in shape.items():
            if key.rstrip("?") in value:
                shaped(value[key.rstrip("?")], below, f"{where}.{key.rstrip('?')}")
            elif not key.endswith("?"):
                wrong(where, f"has no {key}")
    elif not isinstance(value, shape) or (isinstance(value, bool) and shape is int):
        wrong(where, f"is {value!r}")
    return None


def contiguous(parts, start, end, where):
    at = start
    for part in parts:
        if part["start_ps"] != at or part["end_ps"] <= at:
            wrong(where, f"part {part} does not begin at {at}")
        at = part["end_ps"]
    if at != end:
        wrong(where, f"ends at {at} and not at {end}: the parts sum to {at - start}, not to {end - start}")


def teardown(t, where, told_inconsistent):
    t0, at = t["t0_ps"], t["milestones_ps"]
    reached = set(at)
    if reached - set(MILESTONES) - set(MARKS):
        wrong(where, f"unknown milestones {reached - set(MILESTONES) - set(MARKS)}")
    for name in MILESTONES:
        if sum([name in reached, name in t["open"], name in t["not_applicable"]]) != 1:
            wrong(where, f"{name} is not exactly one of reached, open, not applicable")
    for name, instant in at.items():
        if instant < t0:
            wrong(where, f"{name} is before T0")
        if t.get("brief"):
            continue  # too many teardowns to tell them all
        contiguous(t["paths"].get(name, []), t0, instant, f"{where} path of {name}")
    pinned = t.get("pinned")  # pages go when whoever pinned them lets go
    inconsistent = any(earlier in at and later in at and at[earlier] > at[later] for earlier, later in
                       [("block_observed", "block"), ("free_first", "free_last")] + ([] if pinned else [("free_last", "exit_mmap")]))
    if inconsistent != told_inconsistent:
        wrong(where, f"milestones {at} are {'' if inconsistent else 'not '}inconsistent, and the checker did not say so")
    if ("quiesce_ps" in t) != ("block" in at and "stop" in at):
        wrong(where, "quiesce exists exactly with block and stop")
    if "quiesce_ps" in t:
        if t["quiesce_ps"] != max(at[n] for n in ("block", "stop", "drain", "last_seen")) - t0:
            wrong(where, "quiesce is not the latest of block, stop, drain, last_seen")
        if not t.get("brief"):
            contiguous(t["breakdown"], t0, t0 + t["quiesce_ps"], f"{where} breakdown")
    elif t["breakdown"]:
        wrong(where, "is open and has a breakdown")
    starts = [s["start_ps"] for s in t["steps"]]
    if starts != sorted(starts) or any(s.get("end_ps", s["start_ps"]) < s["start_ps"] for s in t["steps"]):
        wrong(where, "its steps are not in the order in which they began, or one ends before it begins")


def counts(value, path=""):
    """The paths of all numbers, with <...> for names that the run made up; an empty container counts as one."""
    if path in ANY:
        names = ANY[path]
        below = [value] if value else []
        for _ in names:
            below = [v for b in below for v in b.values()]
        prefix = ".".join([path, *names])
        return {p for b in below for p in counts(b, prefix)}
    if isinstance(value, dict) and value:
        return {p for key, v in value.items() for p in counts(v, f"{path}.{key}".lstrip("."))}
    return {path}


def vcd_phases(file):
    """Every phase that an actor was in, from the waveforms."""
    codes, phases = set(), set()
    for line in file.open():
        words = line.split()
        if line.startswith("$var string") and words[4] == "phase":
            codes.add(words[3])
        elif line.startswith("s") and len(words) == 2 and words[1] in codes:
            phases.add(words[0][1:])
    return phases - {"-"}


def main():
    metrics = json.load(open(sys.argv[1]))
    listed = {g: {m["name"] for m in metrics if m["group"] == g} for g in ("count", "phase", "milestone", "violation")}
    seen = set()
    for name in sys.argv[2:]:
        folder = pathlib.Path(name)
        run = json.load(open(folder / "run.json"))
        shaped(run, SHAPE, name)
        if errors:
            break
        if len(run["fingerprint"]) != 16 or run["verdict"] not in ("pass", "fail", "not-applicable", "error", "interrupted"):
            wrong(name, "fingerprint or verdict")
        if "" in [run["platform"][k] for k in ("iommu", "kernel", "policy", "allocator", "suppression")]:
            wrong(name, "the platform is not named")
        phases = vcd_phases(folder / "waves.vcd") if (folder / "waves.vcd").exists() else set()
        for i, t in enumerate(run["teardowns"]):
            broken = any(v["kind"] in ("inconsistent-milestones", "lying-fence") and v["bond"] == t["bond"] for v in run["violations"])
            teardown(t, f"{name} {t['id']} of {t['process']}", broken)
            if t["id"] != f"t{i}":
                wrong(name, f"teardown {i} is called {t['id']}")
            phases |= {p["phase"] for parts in [t["breakdown"], *t["paths"].values()] for p in parts}
        if run["summary"]["quiesce"]["n"] + run["summary"]["quiesce"]["open"] != len(run["teardowns"]):
            wrong(name, "the summary does not count every teardown")
        faults, asked = run["faults"], run["page_requests"]
        if faults["raised"] != sum(faults["by_type"].values()) or faults["raised"] != sum(faults[k] for k in ("recorded", "suppressed", "merged", "lost")):
            wrong(name, f"its faults do not add up: {faults}")
        if faults["lost"] != faults["lost_overflow"] + faults["discarded"]:
            wrong(name, f"lost records do not add up: {faults}")
        if asked["received"] != sum(asked[k] for k in ("success", "invalid", "failure", "auto_response", "lost", "open")):
            wrong(name, f"its page requests do not add up: {asked}")
        if asked["lost"] > asked["dropped"] or (asked["overflows"] > asked["dropped"] + asked["stop_markers"]):
            wrong(name, f"more page requests were lost than found no room: {asked}")
        for group, used in (("phase", phases), ("violation", {v["kind"] for v in run["violations"]}),
                            ("milestone", {m for t in run["teardowns"] for m in t["milestones_ps"]})):
            for missing in sorted(used - listed[group]):
                wrong(name, f"{group} {missing} is not in list metrics")
        told = ("schema", "scenario", "version", "seed", "fingerprint", "verdict", "expectations", "platform", "teardowns", "violations", "queues")
        here = counts({k: v for k, v in run.items() if k not in told})
        for missing in sorted(here - listed["count"]):
            wrong(name, f"count {missing} is not in list metrics")
        seen |= here
    if not errors:
        for never in sorted(listed["count"] - seen):
            wrong("list metrics", f"count {never} is in no run.json")
    print("\n".join(errors[:40]))
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
