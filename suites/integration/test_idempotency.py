"""A repeat under its idempotency key is not carried out again."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from harness.checks.http import idempotency
from harness.checks.http.idempotency import Keyed
from harness.core.exchange import Exchange, Query, Request
from harness.run.valid_inputs import Rows
from harness.suite import Session, Verdict, check, once

_BESIDE = 3
_REQUESTS = 4 + _BESIDE


@once
def _asked(ai_client: Session) -> Keyed:
    name = ai_client.promises.idempotency
    assert name is not None
    rows = Rows(ai_client)
    one, two = (rows.query([row]) for row in rows.distinct(2))
    # A key must never have been used before, so that it is not the seed's.
    key, beside = (f"aiharness-{uuid.uuid4()}" for _ in range(2))
    first, again = (_sent(ai_client, [_keyed(ai_client, one, name, key)])[0] for _ in range(2))
    together = _sent(ai_client, [_keyed(ai_client, one, name, beside)] * _BESIDE)
    other = _sent(ai_client, [_keyed(ai_client, two, name, key)])[0]
    return Keyed(first, again, together, other, ai_client.ask(two))


@check(
    "a repeat under its idempotency key is not carried out again",
    grounds=("idempotency",),
    requests=_REQUESTS,
    tokens=16 * _REQUESTS,
)
def test_carried_out_once(ai_client: Session) -> Verdict:
    return idempotency.kept(_asked(ai_client), ai_client.show)


@check("another request under a used key is refused", level="warn", grounds=("idempotency",), requests=0)
def test_reuse_refused(ai_client: Session) -> Verdict:
    return idempotency.reuse_refused(_asked(ai_client), ai_client.show)


def _keyed(ai_client: Session, query: Query, name: str, key: str) -> Request:
    return ai_client.request(query, ((name.lower(), key),))


def _sent(ai_client: Session, requests: Sequence[Request]) -> list[Exchange]:
    """The requests side by side, read."""
    with ThreadPoolExecutor(len(requests)) as pool:
        return [ai_client.read(exchange) for exchange in pool.map(ai_client.send, requests)]
