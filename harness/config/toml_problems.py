"""What is wrong in a file that is not TOML: the line, what stands there, and what to write.

Tested in tests/config/test_toml_problems.py.
"""

from __future__ import annotations

import re

_PLACE = re.compile(r" \((?:at line (\d+), column (\d+)|at end of document)\)$")
_VALUE = re.compile(r"\s*([\w.\"'-]+)\s*=\s*(.*?)\s*$")
_WORDS = {
    "true": "TOML writes it in small letters: true",
    "false": "TOML writes it in small letters: false",
    "yes": "write true",
    "no": "write false",
    "on": "write true",
    "off": "write false",
    "none": "TOML has no empty value: leave the key out",
    "null": "TOML has no empty value: leave the key out",
    "nil": "TOML has no empty value: leave the key out",
}


def explain_toml_error(text: str, message: str) -> tuple[int | None, str]:
    """The line, if it is known, and a sentence with what to write. No value of the file is shown: it may be a secret.

    `message` is the one of `tomllib`.
    """
    place = _PLACE.search(message)
    problem = _PLACE.sub("", message)
    lines = text.splitlines() or [""]
    if place is None:
        return None, f"is not TOML: {problem}"
    last = max((number for number, line in enumerate(lines, 1) if line.strip()), default=1)
    number = min(int(place[1] or last), len(lines))
    if _is_double(problem):
        return number, _explain_double(problem, lines, number)
    if place[1] is None and re.search("\"{3}|'{3}", text):
        return None, f"is not TOML: {problem} at the end: a text in three quotes is not closed"
    where = f"column {place[2]}" if place[1] else "its end"
    return number, f"is not TOML: {problem} at {where}{_explain_line(problem, lines[number - 1], lines)}"


def _is_double(problem: str) -> bool:
    return problem.startswith(("Cannot overwrite", "Cannot declare", "Cannot mutate", "Cannot redefine"))


def _explain_double(problem: str, lines: list[str], number: int) -> str:
    header = re.match(r"\s*\[\[?\s*([^\]]+?)\s*\]", lines[number - 1])
    if header and header[1] in ("objective", "fault", "experiment", "experiment.fault", "experiment.objective"):
        return f"[{header[1]}] stands twice: write [[{header[1]}]], with two pairs of brackets, above each"
    if header:
        return f"[{header[1]}] stands twice: put its keys under one of them"
    if value := _VALUE.match(lines[number - 1]):
        return f"the key {value[1]} stands twice: leave one of them out"
    return f"is not TOML: {problem}: something stands twice"


def _explain_line(problem: str, line: str, lines: list[str]) -> str:
    """What to write in place of this line; empty where the problem says it."""
    if lines[0].lstrip().startswith(("{", "<")):
        return ": this looks like another format; a configuration begins with a line like [endpoint]"
    if re.match(r"\s*[\w.-]+\s*:(\s|$)", line):
        return ": write = between a key and its value, and [NAME] above the keys of a table (this looks like YAML)"
    if line.lstrip().startswith("["):
        return ": write a table's name in brackets on a line of its own, as [endpoint]"
    value = _VALUE.match(line)
    if "'\\'" in problem or "hex value" in problem or "Unescaped" in problem:
        return ": write a path with / or in single quotes; \\ has a meaning in double quotes"
    if value is None:
        return ": each line is KEY = VALUE or [TABLE]"
    return f": {_explain_value(problem, value[1], value[2])}"


def _explain_value(problem: str, key: str, value: str) -> str:
    if value.lower() in _WORDS:
        return _WORDS[value.lower()]
    if not value or value.startswith("#"):
        return f"{key} has no value: give one, or leave the key out"
    if value[0] in "\"'":
        return f"the text of {key} has no closing quote, or something stands behind it"
    if re.match(r"[-+]?\d", value):
        return f"write the number of {key} without a unit, or the whole value as a text in quotes"
    if value[0] in "[{":
        return f"the value of {key} has no comma between two parts, or a bracket is not closed"
    return f'the value of {key} is a text and needs quotes: {key} = "…"'
