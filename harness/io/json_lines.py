"""Files with an object of JSON a line: those that a user gives, and those that a run adds to.

Tested in tests/io/test_dataset.py and tests/chaos/test_operator_log.py.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from harness.io.cells import refuse_cell


def read_json_lines(path: Path, *, finite: bool = False) -> Iterator[tuple[str, Any]]:
    """Of each line that is not blank its place and its value; with `finite` without NaN and the like.

    Raises `ConfigError` for what is not JSON, not UTF-8, or names a key twice; and `OSError`.
    """
    parse_constant = _refuse_constant if finite else None
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            where = f"{path}:{number}"
            if not line.strip():
                continue
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
                value = json.loads(text, object_pairs_hook=_refuse_repeated_keys, parse_constant=parse_constant)
            except UnicodeDecodeError as problem:
                refuse_cell(where, f"not UTF-8 (byte {problem.start}); save the file as UTF-8")
            except _RepeatedKeyError as problem:
                refuse_cell(where, str(problem))
            except (ValueError, RecursionError) as problem:
                refuse_cell(where, f"not JSON ({problem})")
            yield where, value


def read_records(path: Path) -> Iterator[dict[str, Any]]:
    """The objects in a file that a run adds to; none where it does not exist, and none of a line that is torn."""
    with suppress(OSError), path.open("rb") as file:
        for line in file:
            with suppress(msgspec.MsgspecError):
                yield msgspec.json.decode(line, type=dict[str, Any])


class _RepeatedKeyError(ValueError):
    """A JSON object has the same key twice."""


def _refuse_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON; one that has a key twice says two things, and which is meant is not known."""
    value = dict(pairs)
    if len(value) < len(pairs):
        name, count = Counter(key for key, _ in pairs).most_common(1)[0]
        raise _RepeatedKeyError(f"the key {name!r} occurs {count} times; leave all but one out")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON; give a number or null")
