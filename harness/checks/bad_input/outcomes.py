"""How a service reacts to bad inputs: whether it refuses, accepts, hangs or crashes, and whether it still works."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from harness.checks.bad_input.clean_errors import find_leak, is_stack_trace
from harness.checks.bad_input.requests import BadRequest
from harness.checks.common import TOO_MANY_REQUESTS, Show, judge, judge_case, judge_success
from harness.checks.control import Control
from harness.core.errors import TIMEOUT_ERRORS, ErrorClass
from harness.core.exchange import Exchange
from harness.core.verdict import Case, Verdict, judge_contract, make_inconclusive

_VERSION = "a software version"


class Reaction(StrEnum):
    """How the service reacted to a bad input."""

    REFUSED = "refused"
    BROKEN = "refused as broken"
    """With a 5xx: as the server's own fault."""
    ACCEPTED = "accepted"
    REDIRECTED = "redirected"
    HUNG = "hung"
    CRASHED = "crashed"
    """The connection ended without a complete answer, or the service is gone."""
    UNKNOWN = "not seen"


_REACTIONS = {2: Reaction.ACCEPTED, 3: Reaction.REDIRECTED, 4: Reaction.REFUSED, 5: Reaction.BROKEN}
"""Reactions by the first digit of the status."""


@dataclass(frozen=True, slots=True)
class BadInputTrial:
    """A bad request, its exchange (decoded if it must have the valid answer), and a valid request sent after it.

    `why` says why the request was not sent. `has_answer`: it was answered as a valid request is.
    """

    bad: BadRequest
    exchange: Exchange | None = None
    after: Exchange | None = None
    why: str = ""
    has_answer: bool = False

    @property
    def reaction(self) -> Reaction:
        """How the service reacted."""
        return Reaction.UNKNOWN if self.exchange is None else classify_reaction(self.exchange)


def classify_reaction(exchange: Exchange) -> Reaction:
    """How the service reacted to a request."""
    status, error = exchange.status, exchange.error
    if error is ErrorClass.TOTAL_TIMEOUT and exchange.response is not None and exchange.response.body:
        # The service was still sending its answer.
        return Reaction.ACCEPTED if exchange.response.status < 300 else Reaction.HUNG
    if error in TIMEOUT_ERRORS:
        return Reaction.HUNG
    if error in (ErrorClass.CLOSED, ErrorClass.GONE) or (error is ErrorClass.MALFORMED and status is None):
        return Reaction.CRASHED
    return _REACTIONS.get((status or 0) // 100, Reaction.UNKNOWN)


def find_non_finite_number(body: bytes) -> str | None:
    """The first number in a JSON body that is not finite: bare NaN and Infinity, or outside the range of doubles."""
    numbers: list[str] = []

    def read_number(text: str) -> float:
        value = float(text)
        if not math.isfinite(value):
            numbers.append(text[:20])
        return value

    try:
        json.loads(body.decode("utf-8-sig"), parse_constant=numbers.append, parse_float=read_number)
    except (ValueError, RecursionError):
        return None
    return numbers[0] if numbers else None


_ERROR_MEMBERS = ("error", "errors", "exception", "fault", "detail")
_CODE_MEMBERS = ("code", "status", "status_code", "statusCode", "error_code", "errorCode")


def find_error_inside(body: bytes) -> str | None:
    """The member of a JSON object that says that the request failed: an error, or the code of one; None without."""
    try:
        value = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    for name in _ERROR_MEMBERS:
        if value.get(name) and not isinstance(value[name], int | float):
            return f"{name}: {json.dumps(value[name], ensure_ascii=False):.80}"
    for name in _CODE_MEMBERS:
        code = value.get(name)
        if type(code) is int and 400 <= code < 600:
            return f"{name}: {code}"
    return None


def _find_leak_in_answer(trial: BadInputTrial) -> str | None:
    """The first internal detail that the answer shows; the request's own path, repeated, does not count."""
    response = trial.exchange.response if trial.exchange else None
    if response is None:
        return None
    text = response.body.decode("utf-8", "replace").replace(trial.bad.request.path.partition("?")[0], "")
    leak = find_leak(text)
    # The answer to an accepted input may be a text about paths.
    return leak if response.status >= 400 or (leak and is_stack_trace(leak)) else None


def _judge_harm(control: Control, trial: BadInputTrial, show: Show) -> Case:
    """The service answers, shows nothing internal and no number that is not finite, and works as before afterwards."""
    name, exchange, after = trial.bad.name, trial.exchange, trial.after
    if exchange is None or after is None:
        return Case(name, unjudged=trial.why or "not sent")
    if problem := _find_harm(control, trial, exchange):
        return judge_case(name, exchange, problem, show)
    for answer in (after, exchange):
        if answer.status == TOO_MANY_REQUESTS:
            return Case(name, unjudged=f"declined: {answer.outcome}")
    if trial.reaction is Reaction.UNKNOWN:
        return Case(name, unjudged=f"declined: {exchange.outcome}")
    change = control.find_change(after)
    if after.ok and change:
        problem = f"after {name} a valid request gets another answer than before: {change}"
        return judge_case(name, after, problem, show)
    return judge_success(name, after, f"after {name} a valid request is not answered", show)


def _find_harm(control: Control, trial: BadInputTrial, exchange: Exchange) -> str | None:
    name, response = trial.bad.name, exchange.response
    if trial.reaction is Reaction.HUNG:
        return f"{name} hangs the service: {exchange.outcome}"
    if trial.reaction is Reaction.CRASHED:
        return f"{name} ends the connection without an answer: {exchange.outcome}"
    leak = _find_leak_in_answer(trial)
    if leak and not leak.startswith(_VERSION):
        return f"the answer to {name} shows {leak}"
    if trial.reaction is not Reaction.ACCEPTED or response is None:
        return None
    if number := find_non_finite_number(response.body):
        return f"{name} is answered {response.status} with {number}, which is not a finite number"
    if not trial.has_answer and (error := find_error_inside(response.body)):
        return f"{name} is answered {response.status}, as a success, with an error inside: {error}"
    if trial.bad.keeps_meaning and exchange.answer is not None and (change := control.find_change(exchange)):
        return f"{name} does not change the meaning of the request, but its answer differs: {change}"
    return None


def _judge_refusal(trial: BadInputTrial, show: Show) -> Case:
    """A wrong input is refused with a 4xx that shows nothing internal; an odd one is at least not answered with a 5xx.

    401, 403 and 429, and 404 if the path is right, say nothing about the input and leave it unjudged.
    """
    bad, exchange, reaction = trial.bad, trial.exchange, trial.reaction
    if exchange is None or reaction is Reaction.UNKNOWN:
        return Case(bad.name, unjudged=trial.why or "no answer was seen")
    if exchange.status in (401, 403, TOO_MANY_REQUESTS) or (exchange.status == 404 and not bad.is_routing):
        return Case(bad.name, unjudged=f"{exchange.status} says nothing about the input")
    proper = {Reaction.REFUSED}
    if bad.may_accept:
        proper |= {Reaction.ACCEPTED, Reaction.REDIRECTED} if bad.is_routing else {Reaction.ACCEPTED}
    if reaction not in proper and not (bad.is_routing and exchange.status == 501):
        problem = f"{bad.name} is not refused with a 4xx, but {reaction}: {exchange.outcome}"
        return judge_case(bad.name, exchange, problem, show)
    leak = _find_leak_in_answer(trial)
    return judge_case(bad.name, exchange, leak and f"the answer to {bad.name} shows {leak}", show)


@judge
def judge_bad_inputs(control: Control, trials: Sequence[BadInputTrial], show: Show) -> Verdict:
    """No bad input harms the service: see `_judge_harm`."""
    cases = [_judge_harm(control, trial, show) for trial in trials]
    return _conclude(control, trials, cases, f"afterwards {control.describe_after()}" if trials else "")


@judge
def judge_bad_input_refusals(control: Control, trials: Sequence[BadInputTrial], show: Show) -> Verdict:
    """Every bad input is clearly refused: see `_judge_refusal`."""
    return _conclude(control, trials, [_judge_refusal(trial, show) for trial in trials], "nothing internal is shown")


def _conclude(control: Control, trials: Sequence[BadInputTrial], cases: Sequence[Case], holds: str) -> Verdict:
    reactions = _list_reactions(trials)
    if control.problem:
        return make_inconclusive(control.problem, n=0, notes=(reactions,) if reactions else ())
    return judge_contract(cases, f"{reactions}; {holds}").with_notes(reactions)


def _list_reactions(trials: Sequence[BadInputTrial]) -> str:
    """The inputs with their statuses, grouped by reaction."""
    groups: dict[Reaction, list[str]] = {}
    for trial in trials:
        status = trial.exchange.status if trial.exchange else None
        groups.setdefault(trial.reaction, []).append(trial.bad.name + (f" ({status})" if status else ""))
    return "; ".join(f"{reaction}: {', '.join(names)}" for reaction, names in groups.items())
