"""Liveness, readiness, and the one thing that cannot lie: a real prediction."""

from __future__ import annotations

from harness.checks.common import Show, not_judged, told
from harness.core.exchange import Exchange
from harness.core.verdict import Case, Verdict, contract, inconclusive


def says_yes(role: str, exchange: Exchange | None, show: Show) -> Verdict:
    """The protocol's own health call of this role answers with a success status."""
    if exchange is None:
        return inconclusive(f"the adapter has no {role} call for this endpoint")
    if found := not_judged(exchange):
        return found
    if exchange.ok:
        return contract([Case(role)], f"GET {exchange.request.path} answers {exchange.status}")
    return contract([Case(role, show(f"GET {exchange.request.path} {told(exchange)}", exchange))], "")


def able(prediction: Exchange, ready: Exchange | None, show: Show) -> Verdict:
    """One real prediction decides readiness; a health call that claims otherwise is named.

    Health endpoints lie: a crash-looping worker, a wedged generator or an empty registry all answer 200 on real
    servers.
    """
    if found := not_judged(prediction):
        return found
    if prediction.ok:
        return contract([Case("prediction")], "one real prediction succeeds")
    claim = f"GET {ready.request.path} says ready, yet " if ready is not None and ready.ok else ""
    return contract([Case("prediction", show(f"{claim}a real prediction fails: {told(prediction)}", prediction))], "")
