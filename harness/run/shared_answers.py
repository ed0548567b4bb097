"""What a session keeps of its answers: those that several checks judge, and how often plain valid requests failed.

Tested in tests/run/test_confirmation.py.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

from harness.core.exchange import Exchange
from harness.core.noise import may_be_noise
from harness.core.verdict import Counterexample

_T = TypeVar("_T")


@dataclass
class ValidRequests:
    """The plain valid requests of a check, and those of them that failed in a way that noise explains."""

    sent: int = 0
    failed: int = 0
    example: Counterexample | None = None

    def add(self, exchange: Exchange, show: Callable[[str, Exchange], Counterexample]) -> None:
        """Count one."""
        self.sent += 1
        if not may_be_noise(exchange):
            return
        self.failed += 1
        if self.example is None:
            self.example = show(f"a plain valid request failed: {exchange.outcome}", exchange)


@dataclass
class _SharedAnswer:
    value: Any
    noise: tuple[Exchange, ...]


class SharedAnswers:
    """Answers by name, each with the exchanges behind it that noise may have spoilt."""

    def __init__(self) -> None:
        self._answers: dict[Hashable, _SharedAnswer] = {}
        self._used: set[Hashable] = set()

    def get(self, name: Hashable, ask: Callable[[], _T], noise: list[Exchange]) -> _T:
        """The answer of this name, asked for if there is none; `noise` is that of the check that wants it."""
        shared = self._answers.get(name)
        if shared is None:
            before = len(noise)
            value = ask()
            shared = self._answers[name] = _SharedAnswer(value, tuple(noise[before:]))
        else:
            noise += shared.noise
        self._used.add(name)
        answer: _T = shared.value
        return answer

    def begin_check(self) -> None:
        """Nothing is used yet."""
        self._used.clear()

    def forget_noisy(self) -> None:
        """Ask again for what the current check used and noise may have spoilt."""
        for name in self._used:
            if name in self._answers and self._answers[name].noise:
                del self._answers[name]
        self._used.clear()

    def settle(self) -> None:
        """Take what the current check used as it is."""
        for name in self._used:
            if name in self._answers:
                self._answers[name].noise = ()
