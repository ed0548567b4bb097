"""Above the promised rate requests are declined properly, and served again in time.

Under xdist no other check runs meanwhile. At its end the check waits until the minute is over, so that it uses up no
requests of those that come after it.
"""

from __future__ import annotations

import math
import time
from functools import partial
from itertools import islice

from harness.checks.common import find_failed
from harness.checks.http import rate_limit
from harness.core.exchange import Exchange, Query
from harness.core.retry_after import ROUNDING
from harness.run.valid_inputs import Rows
from harness.suite import Session, Verdict, check, make_inconclusive, mutate, once

rate_check = partial(check, grounds=("rate_limit",), alone=True)
_CONCURRENCY = 16
_REQUESTS = 2 * rate_limit.MAX_RATE_LIMIT + rate_limit.EXTRA_REQUESTS + _CONCURRENCY + 2
pause = time.sleep


def _make_query(ai_client: Session) -> Query:
    """A cheap request: one token, if the service generates tokens."""
    rows = Rows(ai_client)
    query = rows.query(rows.draw_distinct(1))
    return ai_client.limit_answer(query, 1) if ai_client.capabilities.generates else query


def _get_limit(ai_client: Session) -> int:
    limit = ai_client.promises.rate_limit
    assert limit is not None
    return limit


def _find_too_large(ai_client: Session) -> Verdict | None:
    """INCONCLUSIVE if the promised limit is too large to be tested."""
    limit = _get_limit(ai_client)
    if limit <= rate_limit.MAX_RATE_LIMIT:
        return None
    tested = f"the largest that is tested is {rate_limit.MAX_RATE_LIMIT}"
    return make_inconclusive(f"a limit of {limit} requests a minute is not tested; {tested}", n=0)


@once
def _ask_beyond_limit(ai_client: Session) -> tuple[list[Exchange], Exchange | None, float]:
    """Requests until some are declined, one after the wait that the service asks for (None: too long), and that wait.

    At most twice the limit is sent, because a burst may fall into two windows of a minute.
    """
    sent: list[Exchange] = []
    queries = iter([_make_query(ai_client)] * (2 * _get_limit(ai_client) + rate_limit.EXTRA_REQUESTS))
    while part := list(islice(queries, _CONCURRENCY)):
        with ai_client.client.see_refusals(paced=False):
            sent += ai_client.ask_many(part, concurrency=_CONCURRENCY)
        first, last = sent[0].timing.intended, sent[-1].timing.done
        if find_failed(sent) or last is None or last - first > rate_limit.RATE_WINDOW:
            break
    waits = map(rate_limit.read_wait, sent)
    wait = max((seconds for seconds in waits if seconds is not None), default=math.inf)
    if wait > rate_limit.RATE_WINDOW:
        pause(rate_limit.RATE_WINDOW)
        return sent, None, 0.0
    wait += ROUNDING
    pause(wait)
    with ai_client.client.see_refusals(paced=False):
        after = ai_client.ask(_make_query(ai_client))
    pause(max(0.0, rate_limit.RATE_WINDOW - wait))
    return sent, after, wait


@rate_check(
    "above the promised rate requests are declined",
    requests=_REQUESTS,
    tokens=_REQUESTS,
    broken_by=(mutate("accept_refused", answered="429"),),
)
def test_declined(ai_client: Session) -> Verdict:
    return _find_too_large(ai_client) or rate_limit.judge_rate_limit(
        _get_limit(ai_client), *_ask_beyond_limit(ai_client), ai_client.show
    )


@rate_check(
    "refusals above the promised rate are JSON, and fast",
    level="warn",
    requests=0,
    broken_by=(mutate("answer_status", answered="429", status=429, retry_after=30, text="Too many requests"),),
)
def test_manner(ai_client: Session) -> Verdict:
    return _find_too_large(ai_client) or rate_limit.judge_rate_limit_refusals(
        _ask_beyond_limit(ai_client)[0], ai_client.show
    )
