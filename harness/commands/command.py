"""What a file of this package offers as `COMMAND`."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from dataclasses import dataclass


def read_port(text: str) -> int:
    """The port that an option gives, 0 for a free one. Raises `ArgumentTypeError`."""
    port = int(text) if text.isdecimal() else -1
    if not 0 <= port <= 65535:
        raise ArgumentTypeError(f"must be a port from 0 (a free one) to 65535, got {text!r}")
    return port


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command of `aiharness`: its options and its function.

    `run` gets the options as parameters and returns the exit status. With `takes_rest` it also gets, as `rest`, the
    arguments that are not options of its own; without `has_help` `--help` is among them. The exit status of a command
    that `only_prints` is that of wrong usage when its output cannot be written.
    """

    run: Callable[..., int]
    add_options: Callable[[ArgumentParser], None]
    takes_rest: bool = False
    has_help: bool = True
    only_prints: bool = False
