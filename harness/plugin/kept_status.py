"""Keep the exit status of pytest's process that of the gate, whatever another plugin makes of it or raises at the end.

Tested in tests/plugin/test_exit_agrees.py.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Generator
from typing import Protocol

import pytest

from harness.core.gate import Exit

EARLY_EXIT = pytest.StashKey[str]()
"""What a conftest.py raised to end pytest before it had begun."""
_NOTHING_TO_JUDGE = ("help", "version", "markers", "collectonly", "showfixtures", "show_fixtures_per_test")
_OWN_STATUSES = (Exit.INTERRUPTED, Exit.INTERNAL, Exit.USAGE)


class Decider(Protocol):
    """What ends a run and knows its exit status."""

    def conclude(self) -> int | None:
        """End the run, where it has begun and not ended; its exit status, or None where it has not begun."""


DECIDER = pytest.StashKey[Decider]()


def keep_status(config: pytest.Config) -> Generator[None, int, int]:
    """Around pytest's whole session: the exit status is the gate's, and never 0 without a decision."""
    if any(config.getoption(name, False) for name in _NOTHING_TO_JUDGE):
        return (yield)
    if early := config.stash.get(EARLY_EXIT, None):
        raise pytest.UsageError(f"a conftest.py ended pytest before the gate began: {early}")
    try:
        status = int((yield))
    except BaseException as problem:
        decided = _conclude(config)
        if isinstance(problem, pytest.UsageError) and decided in (None, Exit.USAGE):
            raise
        _print(_describe_late(problem, has_decided=decided is not None))
        status = int(Exit.INTERRUPTED if is_interrupt(problem) else Exit.INTERNAL)
    else:
        decided = _conclude(config)
    if decided is not None:
        return decided
    if status not in _OWN_STATUSES:
        _print(f"pytest ended before the gate began: nothing was judged; exit status {Exit.ERROR}")
        return int(Exit.ERROR)
    if status == Exit.INTERRUPTED:
        _print("interrupted before the first check: nothing was judged")
    return status


def _conclude(config: pytest.Config) -> int | None:
    decider = config.stash.get(DECIDER, None)
    return decider.conclude() if decider else None


def _describe_late(problem: BaseException, *, has_decided: bool) -> str:
    if not is_interrupt(problem):
        return f"{describe_exception(problem)} came after the gate had ended"
    if has_decided:
        return "interrupted again after the gate had ended: its decision and its reports stand"
    return "interrupted before the gate began"


def is_interrupt(problem: BaseException | None) -> bool:
    """Whether this is an interrupt, or was raised over one: pytest may fail to word where the interrupt came."""
    while problem is not None:
        if isinstance(problem, KeyboardInterrupt):
            return True
        problem = problem.__context__
    return False


def describe_exception(problem: BaseException) -> str:
    """The exception in one line, with the place where it was raised."""
    frames = traceback.extract_tb(problem.__traceback__)
    where = f" at {frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else ""
    return f"{type(problem).__name__}: {problem}{where}"


def _print(line: str) -> None:
    print(f"aiharness: {line}", file=sys.stderr)
