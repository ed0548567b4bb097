"""Several requests over one connection: each gets its own answer, in order, one by one or sent at once."""

from __future__ import annotations

from collections.abc import Sequence

from harness.checks.common import Show, explain_decline, judge, judge_case, judge_success
from harness.checks.control import Control
from harness.checks.http.legal_forms import has_error_status
from harness.core.errors import ErrorClass
from harness.core.exchange import Exchange
from harness.core.verdict import Verdict, judge_contract, make_inconclusive

NumberedExchange = tuple[int, Exchange]
"""The number of an input, and what it was answered."""
AFTER_BAD = 3
"""The place of the request in turn before which a bad one was sent over the same connection."""
_NO_ANSWER = (ErrorClass.CLOSED, ErrorClass.FIRST_BYTE_TIMEOUT, ErrorClass.TOTAL_TIMEOUT)


@judge
def judge_kept_connection(
    control: Control, in_turn: Sequence[NumberedExchange], pipelined: Sequence[NumberedExchange], show: Show
) -> Verdict:
    """Requests over one connection, in turn or sent at once, each get their own answer, in order.

    A request that was sent behind another and is refused or not answered is no wrong answer: a server may close the
    connection after the first (RFC 9112 section 9.3.2).
    """
    distinct, why = control.select_distinct()
    if why:
        return make_inconclusive(why, n=0)
    cases = []
    for place, (number, exchange) in enumerate(in_turn):
        name = f"request {place} of one connection (input {number})"
        if place == AFTER_BAD:
            name += ", right after a bad request,"
            if exchange.error is ErrorClass.CLOSED and exchange.response is None:
                continue  # a server may close the connection over which an error came
        problem = _find_problem(control, number, name, exchange)
        cases.append(judge_case(name, exchange, problem, show, explain_decline(exchange)))
    for place, (number, exchange) in enumerate(pipelined):
        name = f"request {place} of {len(pipelined)} sent at once (input {number})"
        if not _is_left_unanswered(exchange, place):
            cases.append(judge_case(name, exchange, _find_problem(control, number, name, exchange), show))
    in_use = sum(_is_kept(exchange) for _, exchange in in_turn[:-1])
    behind = max(0, len(cases) - len(in_turn) - 1)
    holds = f"{len(cases)} requests, {in_use + behind} of them over a connection that had carried another one,"
    if not in_use + behind:
        holds = f"the service ends each connection after one answer; {len(cases)} requests"
    return judge_contract(cases, f"{holds} each got their own answer, in order", distinct=len(distinct))


def _is_kept(exchange: Exchange) -> bool:
    return exchange.response is not None and exchange.response.keeps_connection


def _find_problem(control: Control, number: int, name: str, exchange: Exchange) -> str:
    if not exchange.ok:
        return f"{name}: no valid answer: {exchange.outcome}"
    wrong = control.find_wrong_answer(number, exchange)
    return wrong and f"{name}: {wrong}"


def _is_left_unanswered(exchange: Exchange, place: int) -> bool:
    """Whether the service did not take up a request: it refused it, or sent nothing to one behind others."""
    return has_error_status(exchange) or (place > 0 and exchange.response is None and exchange.error in _NO_ANSWER)


@judge
def judge_pipelining(pipelined: Sequence[NumberedExchange], show: Show) -> Verdict:
    """Requests sent at once over one connection are all answered; unjudged if the service closes it after one."""
    cases = []
    for place, (_, exchange) in enumerate(pipelined):
        name = f"request {place} of {len(pipelined)} sent at once"
        unjudged = explain_decline(exchange)
        if place > 0 and exchange.error is ErrorClass.CLOSED and exchange.response is None:
            unjudged = exchange.outcome
            if not _is_kept(pipelined[0][1]):
                unjudged = "the service announces that it closes the connection after one answer (RFC 9112 section 9.6)"
        cases.append(judge_success(name, exchange, f"{name} is not answered", show, unjudged))
    holds = f"{len(pipelined)} requests sent at once over one connection are all answered"
    return judge_contract(cases, holds, distinct=1)
