"""`aiharness prove`: shows that each contract check can fail on this endpoint, with pytest in a child process."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence

from harness.commands.child_run import run_in_child
from harness.commands.command import Command
from harness.commands.gate import describe_call, name_endpoint, run_pytest

_SUITES = "smoke,integration"


def _add_options(parser: ArgumentParser) -> None:
    describe_call(parser, "[--suite NAME,…]")
    add = parser.add_argument
    add("--suite", default=_SUITES, metavar="NAME,…", help="suites whose checks are shown (default: %(default)s)")


def _run(suite: str, rest: Sequence[str]) -> int:
    """Run the suites, then their contract checks again under mutations; the gate's exit status."""
    options = name_endpoint(rest)
    return run_in_child(
        lambda: run_pytest([f"--ai-suite={suite}", "--ai-prove", *options], "prove", ("--suite", "--help"))
    )


COMMAND = Command(run=_run, add_options=_add_options, takes_rest=True)
