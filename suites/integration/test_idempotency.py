"""A repeat under its idempotency key is not executed again."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

from harness.checks.http import idempotency
from harness.checks.http.idempotency import KeyedExchanges
from harness.core.exchange import Exchange, Query
from harness.core.mutation import ACCEPT_BAD_INPUT
from harness.run.valid_inputs import Rows
from harness.suite import Session, Verdict, check, mutate, once

_CONCURRENT = 3
_REQUESTS = 4 + _CONCURRENT


@once
def _ask_keyed(ai_client: Session) -> KeyedExchanges:
    rows = Rows(ai_client)
    one, two = (rows.query([row]) for row in rows.draw_distinct(2))
    # A key must never have been used before, so it does not come from the seed.
    key, other_key = f"aiharness-{uuid.uuid4()}", f"aiharness-{uuid.uuid4()}"
    [first] = _send(ai_client, one, key)
    [again] = _send(ai_client, one, key)
    together = _send(ai_client, one, other_key, _CONCURRENT)
    [other_body] = _send(ai_client, two, key)
    return KeyedExchanges(first, again, together, other_body, ai_client.ask(two))


def _send(ai_client: Session, query: Query, key: str, times: int = 1) -> list[Exchange]:
    """The query under a key, this many times side by side, decoded."""
    header = ai_client.promises.idempotency
    assert header is not None
    request = ai_client.request(query, ((header.lower(), key),))
    with ThreadPoolExecutor(times) as pool:
        return [ai_client.read(exchange) for exchange in pool.map(ai_client.send, [request] * times)]


@check(
    "a repeat under its idempotency key is not carried out again",
    grounds=("idempotency",),
    requests=_REQUESTS,
    tokens=16 * _REQUESTS,
    broken_by=(mutate("other_answer", form="drift"),),
)
def test_carried_out_once(ai_client: Session) -> Verdict:
    return idempotency.judge_repeats_under_key(_ask_keyed(ai_client), ai_client.show)


@check(
    "another request under a used key is refused",
    level="warn",
    grounds=("idempotency",),
    requests=0,
    broken_by=(ACCEPT_BAD_INPUT,),
)
def test_reuse_refused(ai_client: Session) -> Verdict:
    return idempotency.judge_key_reuse(_ask_keyed(ai_client), ai_client.show)
