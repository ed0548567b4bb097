"""Above the promised rate requests are declined in good order, and served again in time.

Under xdist no other check runs meanwhile; at its end it waits until the minute is over, so that it takes no places from
those that come after it.
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from itertools import islice

from harness.checks.http import rate_limit
from harness.core.exchange import Exchange, Query
from harness.run.valid_inputs import Rows
from harness.suite import Session, Verdict, check, make_inconclusive, once

rate_check = partial(check, grounds=("rate_limit",), alone=True)
_BESIDE = 16
_REQUESTS = 2 * rate_limit.MOST + rate_limit.EXTRA + _BESIDE + 2
pause = time.sleep


def _query(ai_client: Session) -> Query:
    """A cheap request: one token, where tokens are generated."""
    rows = Rows(ai_client)
    query = rows.query(rows.distinct(1))
    return replace(query, options={**query.options, "max_tokens": 1}) if ai_client.able.generates else query


def _promised(ai_client: Session) -> int:
    limit = ai_client.promises.rate_limit
    assert limit is not None
    return limit


def _beyond(ai_client: Session) -> Verdict | None:
    limit = _promised(ai_client)
    what = f"a limit of {limit} requests a minute is not tried; at most {rate_limit.MOST} are"
    return make_inconclusive(what, n=0) if limit > rate_limit.MOST else None


@once
def _tried(ai_client: Session) -> tuple[list[Exchange], Exchange | None, float]:
    """Requests until some are declined, one after the wait that they were asked for (None: too long), and that wait.

    Twice the limit is sent at most, since two windows of a minute may share a burst.
    """
    sent: list[Exchange] = []
    waiting = iter([_query(ai_client)] * (2 * _promised(ai_client) + rate_limit.EXTRA))
    while part := list(islice(waiting, _BESIDE)):
        sent += ai_client.ask_many(part, concurrency=_BESIDE)
        first, last = sent[0].timing.intended, sent[-1].timing.done
        if any(not each.ok for each in sent) or last is None or last - first > rate_limit.WINDOW:
            break
    waits = [wait for each in sent if (wait := rate_limit.wait_of(each)) is not None]
    if not waits or max(waits) > rate_limit.WINDOW:
        pause(rate_limit.WINDOW)
        return sent, None, 0.0
    waited = max(waits) + rate_limit.ROUNDING
    pause(waited)
    after = ai_client.ask(_query(ai_client))
    pause(max(0.0, rate_limit.WINDOW - waited))
    return sent, after, waited


@rate_check("above the promised rate requests are declined", requests=_REQUESTS, tokens=_REQUESTS)
def test_declined(ai_client: Session) -> Verdict:
    return _beyond(ai_client) or rate_limit.declined(_promised(ai_client), *_tried(ai_client), ai_client.show)


@rate_check("refusals above the promised rate are JSON, and fast", level="warn", requests=0)
def test_manner(ai_client: Session) -> Verdict:
    return _beyond(ai_client) or rate_limit.in_good_manner(_tried(ai_client)[0], ai_client.show)
