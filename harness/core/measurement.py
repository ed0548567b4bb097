"""Measurement: what is sent once a run and judged by many checks. Here is what the plan must know of it.

Tested in tests/run/test_measurements.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from harness.core.endpoint import Endpoint
from harness.core.generation_options import DEFAULT_LIMIT
from harness.core.objective import Objective
from harness.core.plan import Cost, PlannedMeasurement
from harness.core.settings import Settings

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Scope:
    """What a measurement is planned and made for.

    `suite` is that of the check which judges it; `case` the experiment or the attack of that check, or
    None.
    """

    settings: Settings
    suite: str
    case: Any = None

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """The objectives of the suite."""
        return tuple(objective for objective in self.settings.objectives if objective.suite == self.suite)

    @property
    def endpoint(self) -> Endpoint:
        """The endpoint as the suite speaks to it."""
        return self.settings.endpoint_of(self.suite)

    @property
    def tokens_per_answer(self) -> int:
        """Generated tokens that the plan expects of one answer to the sample."""
        return DEFAULT_LIMIT + self.endpoint.extra_tokens


@dataclass(frozen=True)
class Measurement(Generic[_T]):
    """Something made at most once a run, in whatever process first needs it.

    `result` is the record that its file holds: counts and shown counterexamples, never exchanges, whose bodies may hold
    secrets. `make(scope, session, run)` sends the requests. `alone`: under xdist nothing else runs meanwhile. `note`
    says in words what is sent, for the plan.
    """

    result: type[_T]
    cost: Callable[[Scope], Cost]
    file: Callable[[Scope], str]
    make: Callable[[Scope, Any, Any], _T]
    alone: bool = False
    note: Callable[[Scope], str] = lambda _: ""

    def plan(self, scope: Scope) -> PlannedMeasurement:
        """This measurement as a line of the plan."""
        cost = self.cost(scope)
        return PlannedMeasurement(self.file(scope), cost.requests, cost.tokens, cost.seconds, self.note(scope))
