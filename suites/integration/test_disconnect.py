"""Clients that leave in mid-answer do not use the service up."""

from __future__ import annotations

import time
from dataclasses import replace

from harness.checks.common import SHED
from harness.checks.http import disconnect
from harness.core.exchange import Exchange, Query
from harness.run.valid_inputs import Rows
from harness.suite import Session, Verdict, check

_LEFT, USUAL = 16, 8
FEW = 4
"""How many leave, and how many are usual, where one answer takes `SLOW` seconds or more."""

SLOW = 0.5
_LONG = 64
"""Tokens asked for by a stream that is left: enough to be still under way."""

_PATIENCE = 5.0
"""Seconds at most that the service is given to notice, when it declines what it took before."""

_ROUND = _LEFT + USUAL
_REQUESTS = 1 + 3 * _ROUND + _LEFT


@check(
    "clients that leave in mid-answer do not use the service up",
    grounds=("direct",),
    requests=_REQUESTS,
    tokens=16 * _REQUESTS + (_LONG - 16) * _LEFT,
)
def test_leaving_uses_nothing_up(ai_client: Session) -> Verdict:
    rows = Rows(ai_client)
    given = rows.distinct(USUAL)
    alone = ai_client.ask(rows.query([given[0]])).timing.service_time or 0.0
    leaving, usual = (_LEFT, USUAL) if alone < SLOW else (FEW, FEW)
    queries = [rows.query([given[number % len(given)]]) for number in range(leaving + usual)]
    before = ai_client.ask_many(queries, concurrency=len(queries))
    left = _left(ai_client, queries[:leaving], alone)
    after = ai_client.ask_many(queries, concurrency=len(queries))
    if any(each.status in SHED for each in after):
        # Work for a client that has left may go on to its end, one after another.
        time.sleep(min(_PATIENCE, leaving * alone))
        after = ai_client.ask_many(queries, concurrency=len(queries))
    return disconnect.served_after(before, left, after, ai_client.show)


def _left(ai_client: Session, queries: list[Query], alone: float) -> list[Exchange]:
    """Clients that leave, streams and whole answers in turn; none after the first that was not begun.

    A slow service's streams are all that is left: many a server computes a whole answer to its end for nobody.
    """
    found: list[Exchange] = []
    for number, query in enumerate(queries):
        asked = query
        if ai_client.able.streaming and (number % 2 == 0 or alone >= SLOW):
            longer = {"max_tokens": _LONG} if "max_tokens" in query.options else {}
            asked = replace(query, stream=True, options={**query.options, **longer})
        found.append(ai_client.leave(asked, after=min(SLOW, alone * number / len(queries))))
        if found[-1].error is not None:
            break
    return found
