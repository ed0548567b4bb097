"""Liveness, readiness, and the one thing that cannot lie: a real prediction."""

from __future__ import annotations

from harness.checks.common import Show, case, judge, told
from harness.core.exchange import Exchange
from harness.core.verdict import Verdict, judge_contract, make_inconclusive


@judge
def says_yes(role: str, exchange: Exchange | None, show: Show) -> Verdict:
    """The protocol's own health call of this role answers with a success status."""
    if exchange is None:
        return make_inconclusive(f"the adapter has no {role} call for this endpoint")
    called = f"GET {exchange.request.path}"
    problem = "" if exchange.ok else f"{called} {told(exchange)}"
    return judge_contract([case(role, exchange, problem, show)], f"{called} answers {exchange.status}")


@judge
def able(prediction: Exchange, ready: Exchange | None, show: Show) -> Verdict:
    """One real prediction decides readiness; a health call that claims otherwise is named.

    Health endpoints lie: a crash-looping worker, a wedged generator or an empty registry all answer 200 on real
    servers.
    """
    claim = f"GET {ready.request.path} says ready, yet " if ready is not None and ready.ok else ""
    problem = "" if prediction.ok else f"{claim}a real prediction fails: {told(prediction)}"
    return judge_contract([case("prediction", prediction, problem, show)], "one real prediction succeeds")
