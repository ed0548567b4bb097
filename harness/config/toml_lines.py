"""Find the line of a key in TOML text: the standard library's parser keeps no positions.

Tested in tests/config/test_resolve.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_TABLE = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"^\s*([A-Za-z0-9_.\"'-]+)\s*=")


def find_line(text: str, keys: Sequence[str | int]) -> int | None:
    """The line, from 1, of the deepest part of the path that stands on a line of its own; None: no part does."""
    wanted = list(keys)
    best: tuple[int, int] | None = None
    for number, path in _places(text):
        if path == wanted[: len(path)] and (best is None or len(path) > best[1]):
            best = (number, len(path))
    return best[0] if best else None


def _places(text: str) -> list[tuple[int, list[str | int]]]:
    table: list[str | int] = []
    counts: dict[str, int] = {}
    found: list[tuple[int, list[str | int]]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if match := _TABLE.match(line):
            table = _split(match[2])
            if match[1] == "[[":
                counts[match[2]] = counts.get(match[2], -1) + 1
                table = [*table, counts[match[2]]]
            found.append((number, table))
        elif match := _KEY.match(line):
            found.append((number, [*table, *_split(match[1])]))
    return found


def _split(dotted: str) -> list[str | int]:
    return [part.strip().strip("\"'") for part in dotted.split(".")]
