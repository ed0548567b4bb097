"""Liveness, readiness, and the one proof that counts: a real prediction."""

from __future__ import annotations

from harness.checks.common import Show, judge, judge_success
from harness.checks.generation.thinking import explain_no_text
from harness.core.exchange import Exchange
from harness.core.verdict import Verdict, judge_contract, make_inconclusive


@judge
def judge_health_call(role: str, exchange: Exchange | None, show: Show) -> Verdict:
    """The protocol's own health call of this role answers with a success status."""
    if exchange is None:
        return make_inconclusive(f"the adapter has no {role} call for this endpoint")
    call = f"GET {exchange.request.path}"
    case = judge_success(role, exchange, f"{call} does not answer with a success", show)
    return judge_contract([case], f"{call} answers {exchange.status}")


@judge
def judge_prediction(prediction: Exchange, ready: Exchange | None, show: Show) -> Verdict:
    """One real prediction decides readiness; a health call that claims otherwise is named.

    A health endpoint may be wrong: with a crash-looping worker, a wedged generator or an empty registry, real servers
    still answer it with 200.
    """
    failure = "a real prediction fails"
    if ready is not None and ready.ok:
        failure = f"GET {ready.request.path} says ready, yet {failure}"
    case = judge_success("prediction", prediction, failure, show, explain_no_text(prediction))
    return judge_contract([case], "one real prediction succeeds")
