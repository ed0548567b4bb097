"""Clients that disconnect during an answer do not use up the service, and leave nothing of it to others."""

from __future__ import annotations

import time
from dataclasses import replace

from harness.checks.common import OVERLOAD_STATUSES
from harness.checks.control import Control
from harness.checks.http import disconnect
from harness.core.errors import TIMEOUT_ERRORS
from harness.core.exchange import Exchange, Query
from harness.core.retry_after import read_stated_wait
from harness.run.valid_inputs import Rows
from harness.suite import Session, Verdict, check, mutate

from .long_answers import LONG_EVENTS, LONG_PROBES, LONG_TOKENS, SLOW, find_long_answer

_LEAVING, _USUAL = 16, 8
_MORE_LEAVING = 48
"""Clients that leave after those, streams where there are any: together more than a usual pool of slots holds."""
_FEW = 4
"""How many requests are usual at once if one answer takes `SLOW` seconds or more."""

_PATIENCE = 5.0
"""The most seconds in which the service may notice, if it declines what it accepted before."""
_LEAVING_SECONDS = 20.0
"""The most seconds in which clients leave one after another."""
_BUSY = 4.0
"""The service still works for those that left if a first event takes so many times as long as at first."""

_ROUND = _LEAVING + _USUAL
_REQUESTS = 1 + LONG_PROBES + 5 * _ROUND + _LEAVING + _MORE_LEAVING
_BEFORE = 2 + _ROUND
"""Requests before the first client leaves for good, on a service whose first long answer is long."""
_USED_UP = (
    mutate("answer_status", status=503, skip=_BEFORE + _LEAVING),
    mutate("answer_status", status=503, skip=_BEFORE + _MORE_LEAVING),
)
"""Refusals from the requests afterwards on: of those whose clients left, the answers to many begin, or to few."""


@check(
    "clients that leave in mid-answer do not use the service up",
    grounds=("direct",),
    requests=_REQUESTS,
    tokens=16 * _REQUESTS + LONG_EVENTS * LONG_PROBES + (LONG_TOKENS - 16) * (_LEAVING + _MORE_LEAVING),
    broken_by=_USED_UP,
)
def test_leaving_uses_nothing_up(ai_client: Session) -> Verdict:
    rows = Rows(ai_client)
    inputs = rows.draw_distinct(_USUAL)
    seconds = ai_client.ask(rows.query([inputs[0]])).timing.service_time or 0.0
    size, usual = (_ROUND, _USUAL) if seconds < SLOW else (2 * _FEW, _FEW)
    inputs = inputs[:usual]
    queries = [rows.query([inputs[number % len(inputs)]]) for number in range(size)]
    with ai_client.client.see_refusals(paced=True):  # a refusal afterwards that was none before is what is looked for
        before = ai_client.ask_many(queries, concurrency=len(queries))
        begun = time.monotonic()
        long = find_long_answer(ai_client, seconds)
        leaving = _make_leaving(ai_client, [long.query] if long.query else queries, seconds)
        left = [*long.probes, *_disconnect(ai_client, leaving, seconds)]
        if not any(map(disconnect.is_under_way, left)):
            # A client that waits for the beginning of so fast an answer gets all of it, and leaves nothing.
            for query in leaving[:_LEAVING]:
                left.append(ai_client.leave(replace(query, stream=False)))
        worked = time.monotonic() - begun
        after = ai_client.ask_many(queries, concurrency=len(queries))
        if any(exchange.status in OVERLOAD_STATUSES or exchange.error in TIMEOUT_ERRORS for exchange in after):
            # The service may finish the work for clients that are gone, one after another.
            time.sleep(min(_PATIENCE, max(worked, usual * seconds)))
            again = ai_client.ask_many(queries, concurrency=len(queries))
            after = list(disconnect.choose_telling(after, again, usual))
    declined = [exchange for exchange in after if exchange.status in OVERLOAD_STATUSES]
    is_stated = all(read_stated_wait(exchange.response) is not None for exchange in declined)
    if declined and (is_stated or ai_client.promises.rate_limit):
        # A rate limit counts the requests of clients that are gone: what is served after the wait is not used up.
        after = ai_client.ask_many(queries, concurrency=len(queries))
    able = ai_client.capabilities
    may_reword = able.text and not able.embeds and not ai_client.promises.deterministic
    marks = [row.split()[-1] for row in inputs] if may_reword and rows.has_codes else []
    control = Control(before[: len(inputs)], before[len(inputs) : 2 * len(inputs)], marks, may_reword)
    return disconnect.judge_service_after_disconnects(control, before, left, after, ai_client.show, long.events)


def _make_leaving(ai_client: Session, queries: list[Query], seconds: float) -> list[Query]:
    """What the clients that leave ask for: streams and unstreamed answers in turn, then streams; long where possible.

    A slow service gets only streams: many servers compute an unstreamed answer to its end even if nobody waits for it.
    """
    leaving = [queries[number % len(queries)] for number in range(_LEAVING + _MORE_LEAVING)]
    if not ai_client.capabilities.streaming:
        return leaving[:_LEAVING] if seconds >= SLOW else leaving
    asked = []
    for number, query in enumerate(leaving):
        is_stream = number % 2 == 0 or number >= _LEAVING or seconds >= SLOW
        asked.append(replace(query, stream=is_stream))
    return asked


def _disconnect(ai_client: Session, queries: list[Query], seconds: float) -> list[Exchange]:
    """Disconnect clients from their answers in turn; stop if one could not be sent, or the service cannot keep up."""
    left: list[Exchange] = []
    begun, first = time.monotonic(), None
    for number, query in enumerate(queries):
        wait = 0.0 if query.stream else min(SLOW, seconds * (number % _LEAVING) / _LEAVING)
        left.append(ai_client.leave(query, after=wait))
        ttft = left[-1].timing.ttft
        first = first or ttft
        is_behind = ttft is not None and first is not None and ttft > max(1.0, _BUSY * first)
        if left[-1].error is not None or is_behind or time.monotonic() - begun > _LEAVING_SECONDS:
            break
    return left
