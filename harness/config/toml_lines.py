"""Find the line of a key in TOML text: the standard library's parser keeps no positions.

Tested in tests/config/test_resolve.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

_TABLE = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"^\s*([A-Za-z0-9_.\"'-]+)\s*=")


def find_line(text: str, keys: Sequence[str | int]) -> int | None:
    """The line, from 1, of the deepest part of the path that has a line of its own; None where no part has.

    A table that stands only in the headers of its own tables has the line of the first of these.
    """
    wanted = list(keys)
    line, depth, below = None, -1, None
    for number, path in _find_paths(text):
        if path == wanted[: len(path)] and len(path) > depth:
            line, depth = number, len(path)
        elif below is None and wanted and path[: len(wanted)] == wanted:
            below = number
    return below if line is None else line


def _find_paths(text: str) -> Iterator[tuple[int, list[str | int]]]:
    """The lines that hold a table's header or a key, each with its path."""
    table: list[str | int] = []
    counts: dict[tuple[str | int, ...], int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if match := _TABLE.match(line):
            names = _split_key(match[2])
            table = _resolve_path(names[:-1], counts)
            table.append(names[-1])
            place = tuple(table)
            if match[1] == "[[":
                counts[place] = counts.get(place, -1) + 1
            if place in counts:
                table.append(counts[place])
            yield number, table
        elif match := _KEY.match(line):
            yield number, [*table, *_split_key(match[1])]


def _resolve_path(names: Sequence[str | int], counts: Mapping[tuple[str | int, ...], int]) -> list[str | int]:
    """The path of a table whose parents may be lists of tables: it stands in the last one of each."""
    path: list[str | int] = []
    for name in names:
        path.append(name)
        if (place := tuple(path)) in counts:
            path.append(counts[place])
    return path


def _split_key(dotted: str) -> list[str | int]:
    return [part.strip().strip("\"'") for part in dotted.split(".")]
