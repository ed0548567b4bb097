"""Messages about wrong options on pytest's command line: the nearest name, and the number that was meant.

Tested in tests/plugin/test_option_values.py.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Generator, Iterable, Sequence
from pathlib import Path

import pytest

from harness.config.value_forms import describe_wrong_number
from harness.core.registry import describe_unknown, list_plugins


def make_number_reader(name: str, wanted: type) -> Callable[[str], float]:
    """The parser of a number for an option; its error says what to write for a number with a unit."""

    def parse(text: str) -> float:
        try:
            number: float = wanted(text)
        except ValueError:
            key = name.removeprefix("--ai-").replace("-", "_")
            raise pytest.UsageError(f"{name} {describe_wrong_number(text, key, wanted, f'{name}=')}") from None
        return number

    return parse


def make_choice_reader(name: str, choices: Sequence[str]) -> Callable[[str], str]:
    """The parser of an option that takes one of these values."""

    def parse(text: str) -> str:
        if text not in choices:
            raise pytest.UsageError(f"{name}: {describe_unknown('value', text, choices)}")
        return text

    return parse


def refuse_unknown_paths(arguments: Iterable[str], folder: Path) -> None:
    """Raise `UsageError` for a positional argument that names no file; a suite or a URL has an option of its own."""
    for argument in arguments:
        path = argument.partition("::")[0]
        if not path or (folder / path).exists():
            continue
        meant = ""
        if "://" in argument:
            meant = f": an endpoint is given as --ai-endpoint={argument}"
        elif argument.split(",")[0] in (*list_plugins("suites"), "all"):
            meant = f": a suite is given as --ai-suite={argument}"
        raise pytest.UsageError(f"{argument!r} is no file or folder of tests{meant}")


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


class UnknownOptions:
    """Refuses an option that neither pytest nor its plugins know, for a command of ours whose options are `own`."""

    def __init__(self, command: str, own: Sequence[str]) -> None:
        self._command = command
        self._own = own

    @pytest.hookimpl(wrapper=True)
    def pytest_load_initial_conftests(self, parser: pytest.Parser, args: list[str]) -> Generator[None]:
        """Name the nearest option, once a conftest.py has declared its own."""
        yield
        for argument in parser.parse_known_and_unknown_args(args)[1]:
            name = argument.partition("=")[0]
            if name.startswith("-"):
                raise pytest.UsageError(self._describe(name, [*self._own, *_list_option_names(parser)]))

    def _describe(self, name: str, known: Sequence[str]) -> str:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
        if near:
            return f"unknown option {name}. Did you mean {near[0]}?"
        return f"unknown option {name}: {self._command} --help lists its own, pytest --help all others that it takes"


def _list_option_names(parser: pytest.Parser) -> list[str]:
    groups = [parser._anonymous, *parser._groups]
    return [name for group in groups for option in group.options for name in option.names() if name.startswith("--")]
