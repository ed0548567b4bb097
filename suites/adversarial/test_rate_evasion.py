"""A promised rate limit holds for a caller in whatever disguise.

At its end the check waits until the minute is over, so that it uses up no requests of those that come after it.
"""

from __future__ import annotations

import time

from harness.checks.common import TOO_MANY_REQUESTS
from harness.checks.http.rate_evasion import EVASION_PAIRS, MOST_EVASIONS, Evasion, judge_evasions, list_evasions
from harness.checks.http.rate_limit import EXTRA_REQUESTS, MAX_RATE_LIMIT, RATE_WINDOW
from harness.core.exchange import Exchange, Query, Request
from harness.suite import Session, Verdict, check, make_inconclusive, mutate

_CONCURRENCY = 16
_REQUESTS = 2 * MAX_RATE_LIMIT + EXTRA_REQUESTS + _CONCURRENCY + 2 * EVASION_PAIRS * MOST_EVASIONS
wait_out = time.sleep


@check(
    "the rate limit cannot be evaded",
    grounds=("rate_limit", "http"),
    requests=_REQUESTS,
    tokens=_REQUESTS,
    alone=True,
    broken_by=(mutate("accept_refused", answered="429", header="x-forwarded-for"),),
    clauses=("OWASP API4:2023 unrestricted resource consumption", "OWASP LLM10:2025 unbounded consumption"),
)
def test_rate_evasion(ai_client: Session) -> Verdict:
    limit = ai_client.promises.rate_limit
    assert limit is not None
    if limit > MAX_RATE_LIMIT:
        return make_inconclusive(f"a limit of {limit} requests a minute is not tested", n=0)
    query = ai_client.sample()
    if ai_client.capabilities.generates:
        query = ai_client.limit_answer(query, 1)
    valid, tried = ai_client.request(query), {}
    with ai_client.client.see_refusals(paced=False):
        over = _reach_limit(ai_client, query, limit)
        if over.status == TOO_MANY_REQUESTS:
            for evasion in list_evasions(valid, ai_client.endpoint.credentials):
                tried[evasion.name] = _try_evasion(ai_client, valid, evasion)
    if over.status == TOO_MANY_REQUESTS:
        wait_out(RATE_WINDOW)
    return judge_evasions(limit, over, tried, ai_client.show)


def _reach_limit(ai_client: Session, query: Query, limit: int) -> Exchange:
    """The last of the plain requests that are sent until one is declined, at most twice the limit."""
    sent = 0
    while True:
        part = ai_client.ask_many([query] * _CONCURRENCY, concurrency=_CONCURRENCY)
        sent += len(part)
        declined = [exchange for exchange in part if exchange.status == TOO_MANY_REQUESTS]
        if declined or sent > 2 * limit + EXTRA_REQUESTS:
            return [*part, *declined][-1]


def _try_evasion(ai_client: Session, valid: Request, evasion: Evasion) -> list[tuple[Exchange, Exchange]]:
    """Pairs of the evading and the plain request, until an evading one is declined."""
    pairs: list[tuple[Exchange, Exchange]] = []
    for turn in range(EVASION_PAIRS):
        key = evasion.credentials or ai_client.endpoint.credentials
        evading = ai_client.read(ai_client.send(evasion.make(turn), credentials=key))
        pairs.append((evading, ai_client.send(valid)))
        if not evading.ok:
            break
    return pairs
