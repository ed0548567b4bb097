"""What a file of this package offers as `COMMAND`."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import dataclass


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
