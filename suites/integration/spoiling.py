"""Bad requests sent one by one, each with a valid request after it, and with an end to the waiting."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from harness.checks.bad_input.outcomes import TIMEOUTS, Asked, Kind, Known, kind_of
from harness.checks.bad_input.requests import Bad
from harness.core.exchange import Exchange
from harness.suite import Session, once

PLAIN, EACH = 2, 4
"""Requests: the valid ones asked first, and at most for each bad one."""
HANGS = 3
"""Hangs after which no more bad requests are sent: each costs a whole deadline."""


@dataclass
class _Watch:
    """What the bad requests of this process have done to the service."""

    hung: int = 0
    lost: str = ""


@once
def known(ai_client: Session) -> Known:
    """The valid request and its answers, asked for before the first bad one."""
    able = ai_client.able
    worded = able.text and not able.embeds and not ai_client.promises.deterministic
    return Known(ai_client.ask(), ai_client.ask(), worded)


def put(ai_client: Session, bad: Bad) -> Asked:
    """One bad request and a valid one after it, sent once in a process."""
    return ai_client.once(f"bad inputs: {bad.name}", lambda: _put(ai_client, bad))


def put_all(ai_client: Session, bad: Iterable[Bad]) -> list[Asked]:
    """The same for several."""
    return [put(ai_client, each) for each in bad]


def _put(ai_client: Session, bad: Bad) -> Asked:
    before, watch = known(ai_client), ai_client.once("bad inputs: watch", _Watch)
    if before.problem:
        return Asked(bad, why=before.problem)
    if watch.hung >= HANGS:
        return Asked(bad, why=f"not asked: the service hung {HANGS} times, and each costs a whole deadline")
    if watch.lost:
        again = ai_client.ask()
        watch.hung += again.error in TIMEOUTS
        if not again.ok:
            return Asked(bad, why=f"not asked: the service answers no valid request since {watch.lost}")
        watch.lost = ""
    exchange = _sent(ai_client, bad)
    after = ai_client.ask()
    watch.hung += (kind_of(exchange) is Kind.HUNG) + (after.error in TIMEOUTS)
    watch.lost = bad.name if not after.ok and after.status != 429 else ""
    return Asked(bad, exchange, after)


def _sent(ai_client: Session, bad: Bad) -> Exchange:
    exchange = ai_client.send(bad.request)
    if not bad.same:
        return exchange
    read = ai_client.read(exchange)
    return read if read.ok else replace(exchange, answer=None)
