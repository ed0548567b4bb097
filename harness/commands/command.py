"""What a file of this package offers as `COMMAND`."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command of `aiharness`: its options and its function.

    `run` gets the options as parameters and returns the exit status. With `takes_rest` it also gets, as `rest`, the
    arguments that are not options of its own; without `has_help` `--help` is among them.
    """

    run: Callable[..., int]
    add_options: Callable[[ArgumentParser], None]
    takes_rest: bool = False
    has_help: bool = True
