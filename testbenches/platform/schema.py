#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The JSON Schemas of scenarios and sweeps, judged by somebody else's validator: they take whatever the library has, and refuse
mutants that the reader refuses."""
import copy
import json
import os
import pathlib
import sys

try:
    import jsonschema
    import yaml
except ImportError as missing:
    if os.environ.get("QUIESCE_CI"):
        raise
    print(f"skipped: {missing} (Debian: python3-jsonschema, python3-yaml)")
    sys.exit(77)

from claims import SOURCE, check, quiesce, verdict

BENCHES = SOURCE / "testbenches"


def validator_of(*arguments):
    schema = json.loads(quiesce("schema", *arguments).stdout)
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


def complaint(validator, document):
    error = jsonschema.exceptions.best_match(validator.iter_errors(document))
    return error and f"{'/'.join(map(str, error.path))}: {error.message[:200]}"


def mutant(document, change):
    m = copy.deepcopy(document)
    change(m)
    return m


def refused_by_both(validator, document, name, *reading):
    """The reader is given the same document, as YAML that every reader takes: JSON."""
    check(complaint(validator, document), f"the schema takes {name}")
    file = pathlib.Path(f"{name.replace(' ', '-').replace('/', '-')}.yaml")
    file.write_text(yaml.safe_dump(document, sort_keys=False, default_flow_style=False))
    got = quiesce(*[file if a == "FILE" else a for a in reading])
    check(got.returncode == 3 and str(file) in got.stderr, f"the reader takes {name}: {got.returncode} {got.stderr[:300]}")


# ---- scenarios ------------------------------------------------------------------------------------------------------------
of_scenario = validator_of()
scenarios = {f.stem: yaml.safe_load(f.read_text()) for f in sorted((BENCHES / "scenarios").glob("*.yaml"))}
check(len(scenarios) > 50, f"{len(scenarios)} scenarios")
for name, document in scenarios.items():
    check(complaint(of_scenario, document) is None, f"scenario {name}: {complaint(of_scenario, document)}")
base = scenarios["two-devices"]
for name, change in {
    "without steps": lambda d: d.pop("steps"),
    "without a line of help": lambda d: d.pop("scenario"),
    "with an unknown key": lambda d: d.update(device={}),
    "with an unknown parameter": lambda d: d["platform"]["iommu"].update(knd="vtd"),
    "with a choice that there is not": lambda d: d["os"].update(policy="quiet-unbnd"),
    "with a device of no kind": lambda d: d["devices"]["acc0"].update(kind="accelertor"),
    "with a parameter of another device": lambda d: d["devices"]["acc0"].update(preempt_point="1us"),
    "with a truth for a number": lambda d: d["devices"]["acc0"].update(queues=True),
    "with a seed below 0": lambda d: d.update(seed=-1),
    "with steps that are no list": lambda d: d.update(steps={"os": {"kill": "app0"}}),
    "with an unknown sentence": lambda d: d["steps"].append({"os": {"kil": "app0"}}),
    "with an unknown claim": lambda d: d["expect"].append({"nevr": "stale-dma"}),
    "with a claim of nothing": lambda d: d["expect"].append({"when": {"os.policy": "mm-exit"}} and {}),
    "that needs what nothing has": lambda d: d.update(requires=["magic"]),
}.items():
    refused_by_both(of_scenario, mutant(base, change), "scenario " + name, "check", "FILE")

# ---- sweeps ---------------------------------------------------------------------------------------------------------------
of_sweep = validator_of("--sweep")
listed = {s["name"]: s for s in json.loads(quiesce("list", "sweeps", "--json").stdout)}
sweeps = {f.stem: yaml.safe_load(f.read_text()) for f in sorted((BENCHES / "sweeps").glob("*.yaml"))}
check(sorted(listed) == sorted(sweeps), f"list sweeps: {sorted(listed)}")
guide = (SOURCE / "platform/docs/parameter-study.md").read_text()
sweeps["the guide's"] = yaml.safe_load(next(b for b in guide.split("```") if b.startswith("yaml\nsweep:"))[len("yaml\n"):])
for name, document in sweeps.items():
    check(complaint(of_sweep, document) is None, f"sweep {name}: {complaint(of_sweep, document)}")
    check(name not in listed or listed[name]["help"] == document["sweep"] and listed[name]["of"] == document["scenario"], f"help of {name}")
base = {"sweep": "a small one", "scenario": "ats-teardown", "repeat": 2, "judge": "violations",
        "set": {"os.policy": "quiet-unbind", "platform": {"simultaneous": "shuffled"}},
        "axes": {"devices.acc0.atc.entries": [64, 256], "devices.acc0.stop_time": {"from": "1us", "to": "100us", "per-decade": 1},
                 "zip": {"platform.memory.dma_latency": ["85ns", "200ns"], "platform.memory.walk_latency": ["60ns", "150ns"]}},
        "where": ["stop_time < 50us or entries == 64"], "metrics": ["quiesce", {"worst": "summary.quiesce.max"}],
        "plots": [{"line": {"x": "stop_time", "y": "quiesce", "series": "entries"}}, {"tornado": "worst"},
                  {"pareto": {"x": "quiesce", "y": "worst", "more-is-better": "worst"}}]}
check(complaint(of_sweep, base) is None, f"the sweep that mutants are made of: {complaint(of_sweep, base)}")
pathlib.Path("whole.yaml").write_text(yaml.safe_dump(base, sort_keys=False))
got = quiesce("sweep", "whole.yaml", "--plan")
check(got.returncode == 0, f"the reader does not take the sweep that mutants are made of: {got.stderr[:400]}")
for name, change in {
    "without axes": lambda d: d.pop("axes"),
    "without a scenario": lambda d: d.pop("scenario"),
    "without metrics": lambda d: d.pop("metrics"),
    "without a line of help": lambda d: d.pop("sweep"),
    "of no metrics": lambda d: d.update(metrics=[]),
    "with an unknown key": lambda d: d.update(axis={}),
    "of no axes": lambda d: d.update(axes={}),
    "with an unknown parameter": lambda d: d["axes"].update({"os.polcy": ["mm-exit"]}),
    "with a path of no tree": lambda d: d["axes"].update({"platfrom.memory.dma_latency": ["85ns"]}),
    "with a choice that there is not": lambda d: d["axes"].update({"os.kernel": ["6.12", "6.13"]}),
    "with an axis of no values": lambda d: d["axes"].update({"os.kernel": []}),
    "with an axis of one scalar": lambda d: d["axes"].update({"os.kernel": "6.12"}),
    "with a value twice": lambda d: d["axes"].update({"os.kernel": ["6.12", "6.12"]}),
    "with a range without an end": lambda d: d["axes"]["devices.acc0.stop_time"].pop("to"),
    "with a range that does not go on": lambda d: d["axes"]["devices.acc0.stop_time"].pop("per-decade"),
    "with a range that goes on twice": lambda d: d["axes"]["devices.acc0.stop_time"].update(times=2),
    "with a range by 0 per decade": lambda d: d["axes"]["devices.acc0.stop_time"].update({"per-decade": 0}),
    "with a range times 1": lambda d: d["axes"].update({"devices.acc0.stop_time": {"from": "1us", "to": "9us", "times": 1}}),
    "with a zip of one": lambda d: d["axes"]["zip"].pop("platform.memory.dma_latency"),
    "with a zip that is a list of names": lambda d: d["axes"].update(zip=["os.policy"]),
    "with seeds and repeat": lambda d: d.update(seeds=[1, 2]),
    "with a repeat of 0": lambda d: d.update(repeat=0),
    "with a guard of 0": lambda d: d.update({"max-points": 0}),
    "with an unknown judge": lambda d: d.update(judge="some"),
    "with a map of constraints": lambda d: d.update(where={"a": "b"}),
    "with a list of settings": lambda d: d.update(set=["os.policy=mm-exit"]),
    "with an unknown diagram": lambda d: d["plots"].append({"pie": {"x": "entries"}}),
    "with a line without y": lambda d: d["plots"].append({"line": {"x": "entries"}}),
    "with a line of an unknown key": lambda d: d["plots"][0]["line"].update(z="entries"),
    "with a heat map without a value": lambda d: d["plots"].append({"heat-map": {"x": "stop_time", "y": "entries"}}),
    "with a metric of two names": lambda d: d["metrics"].append({"a": "mmput", "b": "reuse"}),
}.items():
    refused_by_both(of_sweep, mutant(base, change), "sweep " + name, "sweep", "FILE", "--plan")

raise SystemExit(verdict())
