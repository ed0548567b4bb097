"""Clients that disconnect during an answer do not use up the service."""

from __future__ import annotations

import time
from dataclasses import replace

from harness.checks.common import OVERLOAD_STATUSES
from harness.checks.http import disconnect
from harness.core.exchange import Exchange, Query
from harness.core.retry_after import read_stated_wait
from harness.run.valid_inputs import Rows
from harness.suite import Session, Verdict, check, mutate

_LEAVING, _USUAL = 16, 8
_MORE_LEAVING = 24
"""Clients that leave after those: together more than a usual pool of threads or slots holds."""
_FEW = 4
"""How many clients disconnect, and how many are usual, if one answer takes `SLOW` seconds or more."""

_SLOW = 0.5
_LONG_TOKENS = 64
"""Tokens of a stream whose client disconnects: enough to be still in progress."""

_PATIENCE = 5.0
"""The most seconds in which the service may notice, if it declines what it accepted before."""

_ROUND = _LEAVING + _USUAL
_REQUESTS = 1 + 4 * _ROUND + _LEAVING + _MORE_LEAVING
_MOST_LEFT = 1 + _ROUND + _LEAVING + _MORE_LEAVING
_USED_UP = (
    mutate("answer_status", status=503, skip=_MOST_LEFT),
    mutate("answer_status", status=503, skip=_MOST_LEFT - 24),
)
"""Refusals from the requests afterwards on: of those whose clients left, the answers to many begin, or to few."""


@check(
    "clients that leave in mid-answer do not use the service up",
    grounds=("direct",),
    requests=_REQUESTS,
    tokens=16 * _REQUESTS + (_LONG_TOKENS - 16) * (_LEAVING + _MORE_LEAVING),
    broken_by=_USED_UP,
)
def test_leaving_uses_nothing_up(ai_client: Session) -> Verdict:
    rows = Rows(ai_client)
    inputs = rows.draw_distinct(_USUAL)
    seconds = ai_client.ask(rows.query([inputs[0]])).timing.service_time or 0.0
    leaving, usual = (_LEAVING, _USUAL) if seconds < _SLOW else (_FEW, _FEW)
    queries = [rows.query([inputs[number % len(inputs)]]) for number in range(leaving + usual)]
    with ai_client.client.see_refusals(paced=True):  # a refusal afterwards that was none before is what is looked for
        before = ai_client.ask_many(queries, concurrency=len(queries))
        left = _disconnect(ai_client, queries[:leaving], seconds)
        if leaving == _LEAVING:
            left += _disconnect(ai_client, (queries * 2)[:_MORE_LEAVING], seconds)
        after = ai_client.ask_many(queries, concurrency=len(queries))
        if any(exchange.status in OVERLOAD_STATUSES for exchange in after):
            # The service may finish the work for clients that are gone, one after another.
            time.sleep(min(_PATIENCE, leaving * seconds))
            after = ai_client.ask_many(queries, concurrency=len(queries))
    declined = [exchange for exchange in after if exchange.status in OVERLOAD_STATUSES]
    if declined and all(read_stated_wait(exchange.response) is not None for exchange in declined):
        # A rate limit counts the requests of clients that are gone: what is served after the wait is not used up.
        after = ai_client.ask_many(queries, concurrency=len(queries))
    return disconnect.judge_service_after_disconnects(before, left, after, ai_client.show)


def _disconnect(ai_client: Session, queries: list[Query], seconds: float) -> list[Exchange]:
    """Disconnect clients from streams and unstreamed answers in turn; stop if a request could not be sent.

    A slow service gets only streams: many servers compute an unstreamed answer to its end even if nobody waits for it.
    """
    left: list[Exchange] = []
    for number, query in enumerate(queries):
        if ai_client.capabilities.streaming and (number % 2 == 0 or seconds >= _SLOW):
            query = replace(query, stream=True)
            if ai_client.capabilities.generates:
                query = ai_client.limit_answer(query, _LONG_TOKENS)
        left.append(ai_client.leave(query, after=min(_SLOW, seconds * number / len(queries))))
        if left[-1].error is not None:
            break
    return left
