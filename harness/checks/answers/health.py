"""Liveness, readiness, and the one proof that counts: a real prediction."""

from __future__ import annotations

from collections.abc import Sequence

from harness.checks.common import Show, judge, judge_success
from harness.checks.generation.thinking import has_text, judge_text_present
from harness.core.exchange import Exchange
from harness.core.verdict import Case, Verdict, judge_contract, make_inconclusive


@judge
def judge_health_call(role: str, exchange: Exchange | None, show: Show) -> Verdict:
    """The protocol's own health call of this role answers with a success status."""
    if exchange is None:
        return make_inconclusive(f"the adapter has no {role} call for this endpoint")
    call = f"GET {exchange.request.path}"
    case = judge_success(role, exchange, f"{call} does not answer with a success", show)
    return judge_contract([case], f"{call} answers {exchange.status}")


@judge
def judge_prediction(
    prediction: Exchange, ready: Exchange | None, show: Show, again: Sequence[Exchange] = ()
) -> Verdict:
    """One real prediction decides readiness; a health call that claims otherwise is named.

    `again` has repeats of a prediction whose text was empty: an empty text is no prediction.

    A health endpoint may be wrong: with a crash-looping worker, a wedged generator or an empty registry, real servers
    still answer it with 200.
    """
    failure = "a real prediction fails"
    if ready is not None and ready.ok:
        failure = f"GET {ready.request.path} says ready, yet {failure}"
    for exchange in (prediction, *again):
        if has_text(exchange):
            return judge_contract([Case("prediction")], "one real prediction succeeds")
    if prediction.ok:
        return judge_contract([judge_text_present("prediction", (prediction, *again), show)], "")
    return judge_contract([judge_success("prediction", prediction, failure, show)], "")
