"""What all judges share: how a judge is declared, and how an exchange becomes a case.

Tested in tests/wrong_verdicts/test_wrong_smoke_verdicts.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import wraps
from typing import ParamSpec

from harness.core.errors import TIMEOUT_ERRORS, ErrorClass
from harness.core.exchange import Exchange
from harness.core.verdict import Case, Counterexample, Verdict, judge_contract, make_error, make_inconclusive

_P = ParamSpec("_P")
Show = Callable[[str, Exchange], Counterexample]
"""Makes a counterexample from a summary and an exchange: `session.show`."""

TOO_MANY_REQUESTS = 429
SERVICE_UNAVAILABLE = 503
OVERLOAD_STATUSES = (TOO_MANY_REQUESTS, SERVICE_UNAVAILABLE)
"""Statuses with which a service declines a request because it has no capacity for it."""
UNRELATED_STATUSES = (401, 403, 404, *OVERLOAD_STATUSES)
"""Statuses that say nothing about the input of a request."""


def judge(function: Callable[_P, Verdict]) -> Callable[_P, Verdict]:
    """Declare a judge: its verdict is ERROR if an exchange among its arguments says nothing about the service."""

    @wraps(function)
    def judge_or_error(*args: _P.args, **kwargs: _P.kwargs) -> Verdict:
        return find_harness_error(*_walk_exchanges((args, kwargs))) or function(*args, **kwargs)

    return judge_or_error


def _walk_exchanges(value: object) -> Iterator[Exchange]:
    """Every exchange in nested sequences, mappings and dataclasses."""
    members: Iterable[object] = ()
    if isinstance(value, Exchange):
        yield value
    elif isinstance(value, Mapping):
        members = value.values()
    elif isinstance(value, list | tuple):
        members = value
    elif is_dataclass(value):
        members = [getattr(value, field.name) for field in fields(value)]
    for member in members:
        yield from _walk_exchanges(member)


def find_harness_error(*exchanges: Exchange) -> Verdict | None:
    """ERROR if one of the exchanges says nothing about the service: the harness failed, or never reached it.

    INCONCLUSIVE if one was not waited for, and none of them hung for its whole deadline.
    """
    has_waited = any(exchange.error in TIMEOUT_ERRORS for exchange in exchanges)
    for exchange in exchanges:
        if exchange.error is ErrorClass.HARNESS:
            return make_error(f"the harness failed: {exchange.detail}")
        if exchange.error is ErrorClass.UNAWAITED and not has_waited:
            return make_inconclusive(exchange.detail)
        if exchange.error is not None and exchange.error.is_before_contact:
            return make_error(f"the endpoint was not reached: {exchange.detail}")
    return None


def find_failed(exchanges: Iterable[Exchange]) -> Exchange | None:
    """The first exchange that is not a success."""
    for exchange in exchanges:
        if not exchange.ok:
            return exchange
    return None


def count_at_once(exchanges: Iterable[Exchange]) -> int:
    """The most exchanges that were under way at the same time; one without an end is under way for ever."""
    moments: list[tuple[float, int]] = []
    for exchange in exchanges:
        timing = exchange.timing
        moments.append((timing.intended if timing.sent is None else timing.sent, 1))
        if timing.done is not None:
            moments.append((timing.done, -1))
    most = under_way = 0
    for _, change in sorted(moments):
        under_way += change
        most = max(most, under_way)
    return most


def explain_decline(exchange: Exchange, statuses: Sequence[int] = OVERLOAD_STATUSES) -> str:
    """Why an exchange shows nothing: the service declined it for lack of capacity. Empty if it did not."""
    if exchange.status in statuses:
        return f"declined: {exchange.outcome}"
    return ""


def is_clear_refusal(exchange: Exchange) -> bool:
    """Whether the service refused the request as the client's mistake, with a 4xx."""
    return exchange.status is not None and 400 <= exchange.status < 500


def judge_case(name: str, exchange: Exchange, problem: str | None, show: Show, unjudged: str = "") -> Case:
    """One exchange as a case: unjudged if there is a reason for that, else failed if there is a problem."""
    if unjudged or not problem:
        return Case(name, unjudged=unjudged)
    return Case(name, show(problem, exchange))


def judge_success(name: str, exchange: Exchange, failure: str, show: Show, unjudged: str = "") -> Case:
    """One exchange that must be a success, as a case; `failure` says what happened if it is not."""
    return judge_case(name, exchange, None if exchange.ok else f"{failure}: {exchange.outcome}", show, unjudged)


def judge_last_request(after: Exchange, show: Show, failure: str, changed: str | None = None) -> Case:
    """The valid request sent after all others, as a case: `changed` says how its answer differs from the control's."""
    problem = changed
    if not after.ok:
        problem = f"{failure}: {after.outcome}"
    return judge_case("the last valid request", after, problem, show, explain_decline(after, (TOO_MANY_REQUESTS,)))


def has_counterexample(cases: Iterable[Case]) -> bool:
    """Whether any case failed."""
    return any(case.counterexample for case in cases)


def judge_aspects(
    exchange: Exchange, problems: Mapping[str, str | None], aspects: Sequence[str], holds: str, show: Show
) -> Verdict:
    """A contract over named aspects of one exchange; `problems` says what is wrong with those that fail."""
    cases = [judge_case(aspect, exchange, problems.get(aspect), show) for aspect in aspects]
    return judge_contract(cases, holds, distinct=1)
