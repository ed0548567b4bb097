"""The ledger of cost: what a run has spent, counted across processes and kept through a kill.

Tested in tests/io/test_rundir.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from harness.core.errors import BudgetExhausted, HarnessError, RunDirError
from harness.core.settings import Ceilings
from harness.io.clock import read_monotonic

REQUESTS_FILE, TOKENS_FILE = ".requests", ".tokens"
MOST_COUNTED_TOKENS = 1_000_000
"""The most tokens counted for one answer: more than any model generates, and little enough to write to a disk."""

_WRITTEN = 2**20
"""The most requests that one write counts."""
_OVER_PLAN = "{} needs more than the {} requests that the plan allows it"


class Ledger:
    """Counts by the size of two append-only files, so that every xdist worker sees one total.

    `started` is the run's start on the system-wide monotonic clock.
    """

    def __init__(self, folder: Path, ceilings: Ceilings, started: float) -> None:
        self._folder = folder
        self._ceilings = ceilings
        self._started = started
        self._limited = ""
        self._most, self._numbers = 0, count(1)

    @contextmanager
    def limit(self, measurement: str, requests: int) -> Iterator[None]:
        """Allow this measurement, which sends inside the `with` block, no more requests than its planned cost."""
        self._limited, self._most, self._numbers = measurement, requests, count(1)
        try:
            yield
        finally:
            self._limited = ""

    def before_request(self, *, repeat: bool = False) -> None:
        """Count one request that is about to be sent.

        `repeat`: the request is sent again, because the service closed a kept-alive connection without an answer; it
        does not count towards the planned cost. Raises `BudgetExhausted` when a ceiling forbids it, `HarnessError`
        beyond the planned cost of a measurement.
        """
        self.check_time()
        if self._limited and not repeat and next(self._numbers) > self._most:
            raise HarnessError(_OVER_PLAN.format(self._limited, self._most))
        self._check_tokens()
        most = self._ceilings.requests
        # Two checks: the first keeps refused requests out of the count, the second settles a race between workers.
        if most is not None and (self._size(REQUESTS_FILE) >= most or self._add(REQUESTS_FILE, 1) > most):
            raise BudgetExhausted(f"--ai-max-requests={most} is reached")
        if most is None:
            self._add(REQUESTS_FILE, 1)

    def before_load(self, requests: int) -> None:
        """Count all requests of a load, before the first of them is sent. Raises as `before_request` does."""
        self.check_time()
        first = next(self._numbers)
        self._numbers = count(first + requests)
        if self._limited and first + requests - 1 > self._most:
            raise HarnessError(_OVER_PLAN.format(self._limited, self._most))
        self._check_tokens()
        most = self._ceilings.requests
        if most is not None and self._size(REQUESTS_FILE) + requests > most:
            raise BudgetExhausted(f"--ai-max-requests={most} leaves no room for a load of {requests} requests")
        for begin in range(0, requests, _WRITTEN):
            self._add(REQUESTS_FILE, min(_WRITTEN, requests - begin))

    def after_answer(self, tokens: int) -> None:
        """Count the tokens that an answer cost, where they have a ceiling; the number is what the service states."""
        if tokens > 0 and self._ceilings.tokens is not None:
            self._add(TOKENS_FILE, min(tokens, self._ceilings.tokens, MOST_COUNTED_TOKENS))

    def check_time(self) -> None:
        """Raises `BudgetExhausted` when the run's time is over."""
        seconds = self._ceilings.seconds
        if seconds is not None and read_monotonic() - self._started > seconds:
            raise BudgetExhausted(f"--ai-max-time={seconds:g} s is over")

    def _check_tokens(self) -> None:
        tokens = self._ceilings.tokens
        if tokens is not None and (spent := self._size(TOKENS_FILE)) >= tokens:
            raise BudgetExhausted(f"--ai-max-tokens={tokens} is reached ({spent} generated)")

    @property
    def requests(self) -> int:
        """Requests sent so far in all processes."""
        ceiling = self._ceilings.requests
        if ceiling is None:
            return self._size(REQUESTS_FILE)
        return min(self._size(REQUESTS_FILE), ceiling)

    def _add(self, name: str, count: int) -> int:
        try:
            with open(self._folder / name, "ab", buffering=0) as file:
                file.write(b"." * count)
                return file.tell()
        except OSError as error:
            raise RunDirError(f"{self._folder / name} cannot be written ({error.strerror})") from None

    def _size(self, name: str) -> int:
        try:
            return (self._folder / name).stat().st_size
        except FileNotFoundError:
            return 0
