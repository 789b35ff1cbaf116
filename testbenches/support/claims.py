# SPDX-License-Identifier: Apache-2.0
"""What tests of the command line share: the program that they are about, and claims that are counted."""
import os
import pathlib
import subprocess

QUIESCE, SOURCE = os.environ["QUIESCE"], pathlib.Path(os.environ["SOURCE_DIR"])
failures, most_told = 0, 60


def check(holds, what):
    global failures
    if not holds:
        failures += 1
        if failures <= most_told:
            print("FAILED:", what)
    return holds


def quiesce(*arguments, program=QUIESCE, **how):
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, **how)


def expect(code, text, *arguments, **how):
    got = quiesce(*arguments, **how)
    check(got.returncode == code and text in got.stdout + got.stderr,
          f"{got.returncode} instead of {code}, or no '{text}': {' '.join(map(str, arguments))}\n{got.stdout[-800:]}{got.stderr[-1200:]}")
    return got


def judge_parts(*parts):
    """Whatever breaks off is a failure, and the others are judged all the same."""
    for part in parts:
        try:
            part()
        except (OSError, LookupError, ValueError, AttributeError, TypeError, subprocess.SubprocessError) as e:
            check(False, f"{part.__name__} broke off: {e!r}")


def verdict():
    print("all held" if failures == 0 else f"{failures} failed")
    return int(failures > 0)
