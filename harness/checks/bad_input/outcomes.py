"""What became of bad inputs: refused, refused as broken, accepted, hung, crashed; and of the service afterwards."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from harness.checks.bad_input.clean_errors import is_trace, leak
from harness.checks.bad_input.requests import Bad
from harness.checks.common import Show, alive, case, judge, told
from harness.checks.comparison import parts_of, said
from harness.core.errors import ErrorClass
from harness.core.exchange import Exchange
from harness.core.verdict import Case, Verdict, judge_contract, make_inconclusive

TIMEOUTS = (ErrorClass.FIRST_BYTE_TIMEOUT, ErrorClass.INTER_TOKEN_TIMEOUT, ErrorClass.TOTAL_TIMEOUT)
ELSEWHERE = (401, 403, 429)
"""Statuses that say nothing about an input."""
_VERSION = "a software version"


class Kind(StrEnum):
    """The class of an answer to a bad input."""

    REFUSED = "refused"
    BROKEN = "refused as broken"
    """With a 5xx: as a fault of the server's own."""
    ACCEPTED = "accepted"
    REDIRECTED = "redirected"
    HUNG = "hung"
    CRASHED = "crashed"
    """The connection ended with no whole answer, or the service is gone."""
    UNKNOWN = "not seen"


@dataclass(frozen=True, slots=True)
class Known:
    """A valid request asked twice before anything was wrong. `worded`: its text may differ from time to time."""

    first: Exchange
    again: Exchange
    worded: bool = False

    @property
    def problem(self) -> str:
        """Why nothing can be shown here, or an empty text."""
        lost = next((each for each in (self.first, self.again) if not each.ok), None)
        return f"a valid request is not answered, so that nothing can be shown: {told(lost)}" if lost else ""

    def changed(self, later: Exchange) -> str | None:
        """How a later answer to the same request parts from it; None where that cannot be told, too."""
        before = said(self.first.answer)
        if self.worded or before is None or parts_of(before, said(self.again.answer)):
            return None
        return parts_of(before, said(later.answer))

    def lives(self, after: Exchange, show: Show) -> Case:
        """The same request once more, after all others, as a case."""
        parts = self.changed(after)
        changed = parts and f"afterwards a valid request gets another answer: {parts}"
        return alive(after, show, "afterwards a valid request is not answered", changed)


@dataclass(frozen=True, slots=True)
class Asked:
    """A bad request, its answer (decoded where it should be the valid one's) and that to a valid request after it.

    `why` says why it was not asked.
    """

    bad: Bad
    exchange: Exchange | None = None
    after: Exchange | None = None
    why: str = ""

    @property
    def kind(self) -> Kind:
        """The class of its answer."""
        return Kind.UNKNOWN if self.exchange is None else kind_of(self.exchange)


def kind_of(exchange: Exchange) -> Kind:
    """The class of an answer."""
    status, error = exchange.status, exchange.error
    if error is ErrorClass.TOTAL_TIMEOUT and exchange.response is not None and exchange.response.body:
        return Kind.ACCEPTED if exchange.response.status < 300 else Kind.HUNG  # it was still being answered
    if error in TIMEOUTS:
        return Kind.HUNG
    if error in (ErrorClass.CLOSED, ErrorClass.GONE) or (error is ErrorClass.MALFORMED and status is None):
        return Kind.CRASHED
    if status is None or not 200 <= status < 600:
        return Kind.UNKNOWN
    return (Kind.ACCEPTED, Kind.REDIRECTED, Kind.REFUSED, Kind.BROKEN)[status // 100 - 2]


def not_finite(body: bytes) -> str | None:
    """The first number in a JSON body that is not finite: bare NaN and Infinity, or over the range of doubles."""
    found: list[str] = []

    def number(text: str) -> float:
        value = float(text)
        if not math.isfinite(value):
            found.append(text[:20])
        return value

    try:
        json.loads(body.decode("utf-8-sig"), parse_constant=found.append, parse_float=number)
    except (ValueError, RecursionError):
        return None
    return found[0] if found else None


def shown_within(asked: Asked) -> str | None:
    """The first internal thing that the answer shows; what it repeats of the request's own path is none."""
    response = asked.exchange.response if asked.exchange else None
    if response is None:
        return None
    text = response.body.decode("utf-8", "replace").replace(asked.bad.request.path.partition("?")[0], "")
    found = leak(text)
    # An accepted input may be answered with a text about paths.
    return found if response.status >= 400 or (found and is_trace(found)) else None


def survival(known: Known, asked: Asked, show: Show) -> Case:
    """The service answers, shows nothing internal and no number that is none, and lives on as it was."""
    name, exchange, after = asked.bad.name, asked.exchange, asked.after
    if exchange is None or after is None:
        return Case(name, unjudged=asked.why or "not asked")
    if problem := _harm(known, asked, exchange):
        return case(name, exchange, problem, show)
    if exchange.status == 429 or after.status == 429 or asked.kind is Kind.UNKNOWN:
        return Case(name, unjudged=f"declined: {told(after if after.status == 429 else exchange)}")
    changed = known.changed(after)
    problem = changed and f"after {name} a valid request gets another answer than before: {changed}"
    if not after.ok:
        problem = f"after {name} a valid request is not answered: {told(after)}"
    return case(name, after, problem, show)


def _harm(known: Known, asked: Asked, exchange: Exchange) -> str | None:
    name, response = asked.bad.name, exchange.response
    if asked.kind is Kind.HUNG:
        return f"{name} hangs the service: {told(exchange)}"
    if asked.kind is Kind.CRASHED:
        return f"{name} ends the connection without an answer: {told(exchange)}"
    if (found := shown_within(asked)) and not found.startswith(_VERSION):
        return f"the answer to {name} shows {found}"
    if asked.kind is not Kind.ACCEPTED or response is None:
        return None
    if number := not_finite(response.body):
        return f"{name} is answered {response.status} with {number}, which is no finite number"
    if asked.bad.same and exchange.answer is not None and (parts := known.changed(exchange)):
        return f"{name} changes nothing of what is asked, and is answered otherwise: {parts}"
    return None


def _refusal(asked: Asked, show: Show) -> Case:
    """What is wrong for sure is refused with a 4xx that shows nothing internal; what is odd, at least not with a 5xx.

    401, 403 and 429, and 404 where the path is right, say nothing about the input and leave it unjudged.
    """
    name, exchange, kind = asked.bad.name, asked.exchange, asked.kind
    if exchange is None or kind is Kind.UNKNOWN:
        return Case(name, unjudged=asked.why or "no answer was seen")
    if exchange.status in ELSEWHERE or (exchange.status == 404 and not asked.bad.routed):
        return Case(name, unjudged=f"{exchange.status} says nothing about the input")
    clear = kind is Kind.REFUSED or (asked.bad.routed and exchange.status == 501)
    clear = clear or (asked.bad.odd and (kind is Kind.ACCEPTED or (asked.bad.routed and kind is Kind.REDIRECTED)))
    problem = None if clear else f"{name} is not refused with a 4xx, but {kind}: {told(exchange)}"
    if clear and (found := shown_within(asked)):
        problem = f"the answer to {name} shows {found}"
    return case(name, exchange, problem, show)


@judge
def survived(known: Known, found: Sequence[Asked], show: Show) -> Verdict:
    """No bad input harms the service; see `survival`."""
    holds = "the service lives on, and answers as before"
    return _judged(known, found, [survival(known, each, show) for each in found], holds)


@judge
def refused(known: Known, found: Sequence[Asked], show: Show) -> Verdict:
    """Every bad input is refused clearly; see `refusal`."""
    return _judged(known, found, [_refusal(each, show) for each in found], "nothing internal is shown")


def _judged(known: Known, found: Sequence[Asked], cases: Sequence[Case], holds: str) -> Verdict:
    told_of = _classes(found)
    if known.problem:
        return make_inconclusive(known.problem, n=0, notes=(told_of,) if told_of else ())
    return judge_contract(cases, f"{told_of}; {holds}").with_notes(told_of)


def _classes(found: Sequence[Asked]) -> str:
    """The classes of all answers, with the names of the inputs and their statuses."""
    groups: dict[Kind, list[str]] = {}
    for each in found:
        status = each.exchange.status if each.exchange else None
        groups.setdefault(each.kind, []).append(each.bad.name + (f" ({status})" if status else ""))
    return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in groups.items())
