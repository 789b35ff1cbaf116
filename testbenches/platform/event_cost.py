#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A run with events.sqlite costs at most twice the CPU time of one without; the bound leaves room for a busy machine."""
import os
import subprocess
import sys

if os.environ.get("SANITIZED") == "1":
    print("sanitizers make our own code slower, and SQLite not: nothing to measure")
    sys.exit(77)
os.environ["QUIESCE_SCENARIOS"] = os.environ["SOURCE_DIR"] + "/testbenches/scenarios"
sys.exit(subprocess.run([sys.executable, os.environ["SOURCE_DIR"] + "/scripts/event_cost.py", os.environ["QUIESCE"], "mm-exit-under-load", "--runs", "9", "--most", "2.2"]).returncode)
