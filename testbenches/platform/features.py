#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`quiesce features`: the tests that it names are tests of this build, what is absent says why, deviations are where
it says."""
import json
import os
import re
import subprocess
import sys
from pathlib import Path

quiesce, source = os.environ["QUIESCE"], Path(os.environ["SOURCE_DIR"])


def lines(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


known = set(re.findall(r"Test +#\d+: (.*)", "\n".join(lines("ctest", "--test-dir", str(Path(quiesce).parent), "-N"))))
rows = json.loads("".join(lines(quiesce, "features", "--json")))
text = lines(quiesce, "features")
wrong = []
for row in rows:
    name = f"{row['kind']} {row['name']}"
    wrong += [f"{name}: ctest has no '{test}'" for test in row["tests"] if test not in known]
    if row["status"] == "modelled" and not row["tests"]:
        wrong.append(f"{name}: no test shows it")
    if row["status"] == "absent" and not row.get("why"):
        wrong.append(f"{name}: it is not said why it is absent")
    if row["kind"] == "deviation":
        file, number = row["name"].rsplit(":", 1)
        if "MODEL:" not in (source / file).read_text().splitlines()[int(number) - 1]:
            wrong.append(f"{name}: no MODEL: there")
if len(text) != len(rows):
    wrong.append(f"{len(text)} lines of text and {len(rows)} rows")
if len(known) < 100 or not any(row["kind"] == "deviation" for row in rows):
    wrong.append("nothing to compare with")
for w in wrong:
    print(w)
sys.exit(1 if wrong else 0)
