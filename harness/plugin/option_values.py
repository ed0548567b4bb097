"""Messages about wrong options on pytest's command line: the nearest name, and the number that was meant.

Tested in tests/plugin/test_option_values.py.
"""

from __future__ import annotations

import difflib
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterable

import pytest

from harness.config.value_forms import read_number
from harness.core.registry import list_plugins


def make_number_reader(name: str, wanted: type) -> Callable[[str], float]:
    """The parser of a number for an option; its error says what to write for a number with a unit."""

    def parse(text: str) -> float:
        try:
            number: float = wanted(text)
        except ValueError:
            meant = read_number(text, name.removeprefix("--ai-").replace("-", "_"), wanted)
            example = f": write {name}={meant:.12g}" if meant is not None else ""
            words = "a whole number" if wanted is int else "a number of seconds"
            raise ArgumentTypeError(f"must be {words}, got {text!r}{example}") from None
        return number

    return parse


def refuse_unknown(arguments: Iterable[str], known: Iterable[str]) -> None:
    """Raise `UsageError` for an argument that is nearly one of our options; `known` are all of these."""
    names = {name.removeprefix("--ai-"): name for name in sorted(known)}
    for argument in arguments:
        name, _, value = argument.partition("=")
        if not name.startswith("--"):
            continue
        near = difflib.get_close_matches(name.removeprefix("--").removeprefix("ai-"), names, n=1)
        if name.startswith("--ai-") and value.split(",")[0] in (*list_plugins("suites"), "all"):
            near = ["suite"]
        if near:
            raise pytest.UsageError(f"unknown option {name}. Did you mean {names[near[0]]}?")
        if name.startswith("--ai-"):
            raise pytest.UsageError(f"unknown option {name}; known: {', '.join(names.values())}")
