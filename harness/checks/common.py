"""What every judge of exchanges shares."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import wraps
from typing import ParamSpec

from harness.core.errors import ErrorClass
from harness.core.exchange import Exchange
from harness.core.verdict import Case, Counterexample, Verdict, judge_contract, make_error

P = ParamSpec("P")
Show = Callable[[str, Exchange], Counterexample]
"""Makes a counterexample of an exchange: `session.show`."""

SHED = (429, 503)
"""Statuses with which a service may decline a request that it has no room for."""


def judge(function: Callable[P, Verdict]) -> Callable[P, Verdict]:
    """Declare a judge: its verdict is ERROR where an exchange among its arguments says nothing about the service."""

    @wraps(function)
    def judged(*args: P.args, **kwargs: P.kwargs) -> Verdict:
        return not_judged(*_exchanges((args, kwargs))) or function(*args, **kwargs)

    return judged


def _exchanges(value: object) -> Iterator[Exchange]:
    """Every exchange in nested sequences, mappings and dataclasses."""
    if isinstance(value, Exchange):
        yield value
    elif isinstance(value, list | tuple | Mapping):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _exchanges(each)
    elif is_dataclass(value):
        for each in fields(value):
            yield from _exchanges(getattr(value, each.name))


def not_judged(*exchanges: Exchange) -> Verdict | None:
    """ERROR when one of the exchanges says nothing about the service (harness broke, never reached); else None."""
    for exchange in exchanges:
        if exchange.error is ErrorClass.HARNESS:
            return make_error(f"the harness broke: {exchange.detail}")
        if exchange.error is not None and exchange.error.is_before_contact:
            return make_error(f"the endpoint was not reached: {exchange.detail}")
    return None


def told(exchange: Exchange) -> str:
    """What became of an exchange, in a few words."""
    if exchange.error is None:
        return f"answered {exchange.status}"
    return f"{exchange.error.replace('_', ' ')}: {exchange.detail}"


def declined(exchange: Exchange, statuses: Sequence[int] = SHED) -> str:
    """Why an answer shows nothing of what was asked: the service had no room for it. Empty: it is no such answer."""
    return f"declined: {told(exchange)}" if exchange.status in statuses else ""


def clearly_refused(exchange: Exchange) -> bool:
    """Whether it was refused as the client's mistake, with a 4xx."""
    return exchange.status is not None and 400 <= exchange.status < 500


def case(name: str, exchange: Exchange, problem: str | None, show: Show, unjudged: str = "") -> Case:
    """One exchange as a case: unjudged if there is a reason for that, else broken by its problem, if it has one."""
    return Case(name, show(problem, exchange) if problem and not unjudged else None, unjudged)


def alive(after: Exchange, show: Show, lost: str, changed: str | None = None) -> Case:
    """A valid request after all others as a case: `lost` says that it is not answered, `changed` how its answer is."""
    problem = changed if after.ok else f"{lost}: {told(after)}"
    return case("alive", after, problem, show, declined(after, (429,)))


def aspects(
    exchange: Exchange, problems: Sequence[tuple[str, str]], cases: Sequence[str], holds: str, show: Show
) -> Verdict:
    """A contract over the named aspects of one exchange: `problems` are (aspect, what is wrong) for those that fail."""
    wrong = dict(problems)
    return judge_contract([case(name, exchange, wrong.get(name), show) for name in cases], holds, distinct=1)
