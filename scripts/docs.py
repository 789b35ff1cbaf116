#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds README.md and platform/docs against the program.

  docs.py --check [BINARY]    the reference is what BINARY says of itself, links lead somewhere, and every command shown
                              with its output gives that output: this is the test `docs`
  docs.py --write [BINARY]    writes platform/docs/reference, and the output of commands where it has changed
  docs.py --screens [BINARY]  takes the screenshots of platform/docs/img with headless Chromium

A block of Markdown whose language is `console` has commands, each behind `$ `, and the first lines of what each prints;
`...` stands for any lines. `(exit code N)` is said of a command that does not end with 0. A block `yaml NAME` is a file of
that name for the commands of the same text. Commands run in an empty directory that has build/quiesce, and the folders
testbenches, traces and scripts.
"""
import html
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
DOCS = TOP / "platform/docs"
TEXTS = [TOP / "README.md", *sorted(DOCS.glob("*.md"))]
BLOCK = re.compile(r"^```(console|yaml (\S+))\n(.*?)^```$", re.MULTILINE | re.DOTALL)


# ---- the reference, from what the program says of itself
def said(binary, *command):
    return subprocess.run([binary, *command], capture_output=True, text=True, check=True).stdout


def listed(binary, what):
    return json.loads(said(binary, "list", what, "--json"))


def cell(text):
    return html.escape(str(text), quote=False).replace("|", "\\|").replace("\n", " ")


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(cell(c) for c in row) + " |" for row in rows]) + "\n"


def code(text):
    return f"`{text}`"


def parameters(binary):
    out, group = "", None
    rows = []
    for p in listed(binary, "params"):
        parts = p["name"].split(".")
        here = ".".join(parts[:2]) if len(parts) > 2 else parts[0]
        if here != group:
            if rows:
                out += f"\n## {html.escape(group)}\n\n" + table(["parameter", "what it is", "default", "bounds", "from"], rows)
            group, rows = here, []
        rows.append([code(p["name"]), p["help"], code(p["default"]) if p["default"] else "", p["bounds"], p["provenance"]])
    out += f"\n## {html.escape(group)}\n\n" + table(["parameter", "what it is", "default", "bounds", "from"], rows)
    return out


def grouped(rows, head, make):
    out = ""
    for group in dict.fromkeys(r["group"] for r in rows):
        out += f"\n## {group}\n\n" + table(head, [make(r) for r in rows if r["group"] == group])
    return out


def sentences(binary):
    def row(s):
        arguments = "; ".join(f"{code(a['name'])}{'' if a['required'] else ' (optional)'}: {a['help']}" + (f", {a['bounds']}" if a["bounds"] else "")
                              for a in s.get("arguments", []))
        return [code(s["name"]), s["help"], code(s["example"]) if "example" in s else "", arguments]
    return grouped(listed(binary, "sentences"), ["word", "what it says", "example", "arguments"], row)


def results(binary):
    return grouped(listed(binary, "metrics"), ["name", "what it is", "stands for"],
                   lambda m: [code(m["name"]), m["help"], m.get("source", m.get("threshold", ""))])


def events(binary):
    return grouped(listed(binary, "events"), ["event", "what it states", "fields"],
                   lambda e: [code(e["name"]), e["help"], ", ".join(e["fields"])])


def library(binary):
    out = ""
    for what, title in (("scenarios", "Scenarios"), ("presets", "Presets"), ("devices", "Kinds of devices"), ("policies", "Policies")):
        out += f"\n## {title}\n\n" + table(["name", "help"], [[code(r["name"]), r["help"]] for r in listed(binary, what)])
    out += "\n## Deliberate mistakes\n\n" + table(["name", "help", "shows in", "raises"], [
        [code(r["name"]), r["help"], r.get("scenario", ""), ", ".join(r.get("kinds", []))] for r in listed(binary, "bugs")])
    return out


def verbs(binary):
    names = re.findall(r"^  (\w+)  ", said(binary, "--help").split("Subcommands:")[1], re.MULTILINE)
    out = ""
    for name in names:
        text = re.sub(r"\n\s*\n+", "\n", said(binary, name, "--help")).rstrip()
        out += f"\n## quiesce {name}\n\n```text\n{text}\n```\n"
    return out


REFERENCE = {"verbs": ("The command line", verbs), "parameters": ("Parameters", parameters), "sentences": ("Sentences and claims", sentences),
             "results": ("Names of results", results), "events": ("Events", events), "library": ("The library", library)}


def reference(binary):
    for name, (title, make) in REFERENCE.items():
        yield (DOCS / "reference" / f"{name}.md",
               f"<!-- made by scripts/docs.py --write from what the program says of itself -->\n# {title}\n{make(binary)}")


# ---- commands and their output
def fits(shown, came):
    """Are the lines shown the first ones that came, `...` standing for any?"""
    if not shown:
        return True
    if shown[0] == "...":
        return any(fits(shown[1:], came[i:]) for i in range(len(came) + 1))
    return bool(came) and shown[0].rstrip() == came[0].rstrip() and fits(shown[1:], came[1:])


def renewed(shown, came):
    """What is shown, as it came: as many lines at the beginning, and behind each `...` those that begin with the same words."""
    out, at, leading = [], 0, True
    for line in shown:
        if line == "...":
            leading = False
            out.append(line)
            continue
        if not leading:
            words = line.split()[:1]
            at = next((i for i in range(at, len(came)) if came[i].split()[:1] == words), len(came))
        if at < len(came):
            line = came[at].rstrip()
            at += 1
        out.append(line)
    return out


def commands(block):
    """(command, lines shown) of a block; a command that ends in a backslash goes on in the next line."""
    found = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append([line[2:], []])
        elif found and found[-1][0].endswith("\\") and not found[-1][1]:
            found[-1][0] += "\n" + line
        elif found:
            found[-1][1].append(line)
    return found


def desk(binary):
    """A directory as the commands are shown in."""
    where = Path(tempfile.mkdtemp(prefix="quiesce-docs-"))
    (where / "build").mkdir()
    (where / "build/quiesce").symlink_to(binary)
    for folder in ("testbenches", "traces", "scripts"):
        (where / folder).symlink_to(TOP / folder)
    return where


def tried(text, binary, wrong, write):
    """The text with the output that came, if `write`; complaints go into `wrong`."""
    source = text.read_text()
    where = desk(binary)

    def block(match):
        kind, name, body = match.groups()
        if name:
            (where / name).write_text(body)
            return match.group(0)
        out = ""
        for command, shown in commands(body):
            expected = 0
            if shown and (code_said := re.fullmatch(r"\(exit code (\d+)\)", shown[-1])):
                expected = int(code_said.group(1))
            lines = shown[:-1] if expected else shown
            done = subprocess.run(["bash", "-c", command], cwd=where, capture_output=True, text=True, timeout=600,
                                  stdin=subprocess.DEVNULL, env={**os.environ, "LC_ALL": "C.UTF-8", "NO_COLOR": "1"})
            came = (done.stdout + done.stderr).splitlines()
            if done.returncode != expected:
                wrong.append(f"{text.name}: $ {command}: exit code {done.returncode}, not {expected}: {done.stderr[-300:]}")
            if not fits(lines, came):
                if write and done.returncode == expected:
                    lines = renewed(lines, came)
                if not fits(lines, came):
                    wrong.append(f"{text.name}: $ {command}: shown:\n  " + "\n  ".join(lines) + "\ncame:\n  " + "\n  ".join(came[:40]))
            out += "$ " + command + "\n" + "".join(line + "\n" for line in lines) + (f"(exit code {expected})\n" if expected else "")
        return f"```console\n{out}```"

    try:
        return BLOCK.sub(block, source)
    finally:
        shutil.rmtree(where, ignore_errors=True)


# ---- links
def anchors(text):
    heads = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in heads}


def links(wrong):
    for text in [*TEXTS, TOP / "models/README.md"]:
        source = re.sub(r"^```.*?^```$", "", text.read_text(), flags=re.MULTILINE | re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", source):
            path, _, anchor = target.partition("#")
            if re.match(r"\w+:", target):
                continue
            file = (text.parent / path) if path else text
            if not file.exists():
                wrong.append(f"{text.name}: {target} leads nowhere")
            elif anchor and anchor not in anchors(file.read_text()):
                wrong.append(f"{text.name}: {target}: there is no such heading")


# ---- screenshots
# name: command that leaves the page, the page, window, and which parts of it are shown (CSS selectors of what is hidden)
def only(*parts):
    return ("header,nav,aside,footer{display:none!important} main>section{display:none} body,main{margin:0!important;padding:8px!important}"
            + " main>section,main>section h2,main>section h3{margin-top:4px!important;padding-top:0!important}"
            + " ".join(f"main>section#{p.split(' ')[0]}{{display:block!important}}" for p in parts))


def only_plots(*kinds):
    """Of a sweep's page."""
    return ("header,.card,h2,table,.note,.scroll,figure{display:none!important} body,main{margin:0!important;padding:8px!important} "
            + " ".join(f"figure[data-plot*={k}]{{display:block!important}}" for k in kinds))


def only_part(part):
    return (only("p0") + " #p0>*{display:none} #p0>div.part-" + part + "{display:block!important}")


POLICIES = ("compare mm-exit-under-load --over os.policy=quiet-unbind,mm-exit,notify-unbind --out policies", "policies/report.html")
SPREAD = ("compare stop-times-spread --over os.policy=quiet-unbind,mm-exit --out spread", "spread/report.html")
STORM = ("run pri-storm-exit --out storm", "storm/report.html")
SWEEP = ("sweep quiesce-vs-atc --out sweep", "sweep/report.html")
BUG = ("run mm-exit-under-load --set os.bugs=[forget-tlbi] --out bug || true", "bug/report.html")
SHOTS = {"teardowns": (*POLICIES, "1100,560", only("legend")), "breakdown": (*POLICIES, "1100,400", only_part("breakdown")),
         "distribution": (*SPREAD, "1100,400", only("distribution")), "path": (*STORM, "1100,400", only_part("path")),
         "sequence": (*STORM, "1100,640", only_part("sequence")), "violation": (*BUG, "1100,300", only_part("violations")),
         "heat-map": (*SWEEP, "800,360", only_plots("heat-map")), "tornado": (*SWEEP, "760,260", only_plots("tornado"))}


def screens(binary):
    where = desk(binary)
    made = set()
    for name, (command, page, window, style) in SHOTS.items():
        if command not in made:
            subprocess.run(["bash", "-c", f"build/quiesce {command}"], cwd=where, stdout=subprocess.DEVNULL, check=True)
            made.add(command)
        shown = where / f"{name}.html"
        shown.write_text((where / page).read_text().replace("</style>", style + "</style>", 1))
        picture = DOCS / "img" / f"{name}.png"
        with tempfile.TemporaryDirectory() as home:
            subprocess.run([shutil.which("chromium"), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
                            "--disable-background-networking", "--disable-sync", f"--user-data-dir={home}", f"--window-size={window}",
                            f"--screenshot={picture}", shown.as_uri()], capture_output=True, check=True, timeout=120)
        print(picture.name, picture.stat().st_size, "B")
    shutil.rmtree(where, ignore_errors=True)


def main():
    how = sys.argv[1] if len(sys.argv) > 1 else ""
    binary = Path(sys.argv[2] if len(sys.argv) > 2 else TOP / "build/quiesce").resolve()
    if how not in ("--check", "--write", "--screens"):
        print(__doc__, file=sys.stderr)
        return 2
    os.environ["QUIESCE_SCENARIOS"] = str(TOP / "testbenches/scenarios")  # those of this tree, whatever BINARY was built from
    if how == "--screens":
        screens(binary)
        return 0
    wrong = []
    for file, text in reference(binary):
        if how == "--write":
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        elif not file.exists() or file.read_text() != text:
            wrong.append(f"{file.relative_to(TOP)} is stale: scripts/docs.py --write")
    for text in TEXTS:
        told = tried(text, binary, wrong, how == "--write")
        if how == "--write" and told != text.read_text():
            text.write_text(told)
    links(wrong)
    for picture in DOCS.glob("img/*.png"):
        if picture.stat().st_size > 150_000:
            wrong.append(f"{picture.name} is larger than 150 kB")
        if not any(f"img/{picture.name}" in t.read_text() for t in TEXTS):
            wrong.append(f"nobody shows {picture.name}")
    for w in wrong:
        print("FAILED:", w)
    print("all held" if not wrong else f"{len(wrong)} failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
