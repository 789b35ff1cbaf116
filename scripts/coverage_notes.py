#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Collects from the sources what `quiesce features` says besides its tables: which TEST_CASE shows which row, by its
tags, and where a model deviates from its specification, by `MODEL:`; and for `quiesce list events`, what stands above
the struct of each event. Writes one C++ file; leaves it alone if nothing changed.

usage: coverage_notes.py SOURCE_DIR OUTPUT.cpp
"""
import re
import sys
from pathlib import Path

STRING = r'"(?:[^"\\]|\\.)*"'
TEST_CASE = re.compile(rf"^TEST_CASE\(\s*((?:{STRING}\s*)+),\s*((?:{STRING}\s*)+)\)", re.MULTILINE)
MARK = "MODEL:"


def literal(strings: str) -> str:
    """The text of adjacent string literals."""
    return "".join(s[1:-1] for s in re.findall(STRING, strings)).replace('\\"', '"').replace("\\\\", "\\")


def tests(root: Path):
    """(ctest name, tag) for each tag that can be the name of something in a manual: it has a capital letter or an
    underscore."""
    for file in sorted((root / "testbenches").glob("*/*.cpp")):
        for name, tags in TEST_CASE.findall(file.read_text()):
            for tag in re.findall(r"\[([^\]]*)\]", literal(tags)):
                if tag != tag.lower() or "_" in tag:
                    yield f"{file.parent.name}/{literal(name)}", tag


def sentence(text: str) -> str:
    """From the mark to the end of the sentence, or of the bracket that it began in."""
    depth = 0
    for i, c in enumerate(text):
        depth += (c == "(") - (c == ")")
        if depth < 0 or (c == '"' and depth == 0):
            return text[:i]
        if c == "." and depth == 0 and (i + 1 == len(text) or re.match(r"\s+[A-Z]|\s*$", text[i + 1:])):
            return text[:i + 1]
    return text


def subject(lines, at: int) -> str:
    """The sentence that the mark of line `at` belongs to, if its comment says one before."""
    before = lines[at].split(MARK, 1)[0]
    if "//" not in before:
        return ""
    said = [re.sub(r"^.*//[/!<]*\s?", "", before).strip()]
    while before.strip().startswith("//") and at > 0 and lines[at - 1].strip().startswith("//"):
        at -= 1
        said.insert(0, re.sub(r"^\s*//[/!<]*\s?", "", lines[at]).strip())
    said = " ".join(s for s in said if not s.startswith(("SPDX-", "clang-format "))).strip()
    return re.split(r"(?<=[.;])\s+(?=[A-Z])", said)[-1]


def deviations(root: Path):
    """(file, line, sentence) of each mark in the sources of the models and the platform."""
    files = [f for room in ("models", "platform") for f in (root / room).rglob("*") if f.suffix in (".h", ".cpp")]
    for file in sorted(files):
        lines = file.read_text().splitlines()
        for number, line in enumerate(lines, 1):
            if MARK not in line:
                continue
            told = [line.split(MARK, 1)[1].strip()]
            in_string = '"' in line.split(MARK, 1)[0] and "//" not in line.split(MARK, 1)[0]
            own_line = line.strip().startswith(("//", "*"))
            if in_string:  # the rest of the literal, and of those beside it
                told = ["".join(re.findall(r'(?:^|")((?:[^"\\\\]|\\\\.)*)"', told[0])[:1])]
                for below in lines[number:]:
                    more = re.match(rf"^\s*({STRING})\s*(,?)", below)
                    if more is None:
                        break
                    told[0] += literal(more.group(1))
                    if more.group(2):
                        break
            for below in lines[number:]:
                more = re.match(r"^\s*(?://[/!<]*|\*)(?!/)\s?(.*)$", below)
                if in_string or more is None or (not own_line and not re.match(r"^\s{8,}//", below)):
                    break
                told.append(more.group(1).strip())
            about, what = subject(lines, number - 1), sentence(" ".join(told))
            text = f"{about} {MARK} {what}" if about else what
            text = re.sub(r"\s+", " ", text).strip().rstrip(";").strip()
            yield file.relative_to(root).as_posix(), number, text


EVENT = re.compile(r'((?:^[ \t]*///.*\n)*)^struct \w+ \{\n(?:\s*//.*\n)*\s*static constexpr std::string_view event_name = "(\w+)"',
                   re.MULTILINE)


def events(root: Path):
    """(event, room, the sentences above it) of each event."""
    for file in sorted((root / "models").rglob("*.h")):
        for comment, name in EVENT.findall(file.read_text()):
            text = " ".join(re.sub(r"^\s*///\s?", "", line) for line in comment.splitlines())
            yield name, file.relative_to(root / "models").parts[0], re.sub(r"\s+", " ", text).strip().rstrip(".")


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def main() -> int:
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    root, output = Path(sys.argv[1]), Path(sys.argv[2])
    shown = "".join(f"    {{{quoted(tag)}, {quoted(test)}}},\n" for test, tag in sorted(tests(root)))
    marked = "".join(f"    {{{quoted(file)}, {line}, {quoted(text)}}},\n" for file, line, text in deviations(root))
    stated = "".join(f"    {{{quoted(name)}, {quoted(room)}, {quoted(what)}}},\n" for name, room, what in events(root))
    text = ("// Made by scripts/coverage_notes.py from the sources.\n#include \"platform/coverage.h\"\n\n"
            "namespace quiesce::platform {\nnamespace {\n"
            f"constexpr ShownBy shown_table[] = {{\n{shown}    {{}},\n}};\n"
            f"constexpr Deviation deviation_table[] = {{\n{marked}    {{}},\n}};\n"
            f"constexpr EventNote event_table[] = {{\n{stated}    {{}},\n}};\n"
            "} // namespace\n"
            "std::span<const EventNote> event_notes() { return std::span{event_table}.first(std::size(event_table) - 1); }\n"
            "std::span<const ShownBy> shown_by() { return std::span{shown_table}.first(std::size(shown_table) - 1); }\n"
            "std::span<const Deviation> deviations() {\n"
            "    return std::span{deviation_table}.first(std::size(deviation_table) - 1);\n}\n"
            "} // namespace quiesce::platform\n")
    if not output.exists() or output.read_text() != text:
        output.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
