"""Liveness and readiness as the protocol has them, and one real prediction that decides."""

from __future__ import annotations

from harness.checks.answers import health
from harness.checks.generation.thinking import EMPTY_TRIES
from harness.run.empty_answers import ask_again_if_empty
from harness.suite import Session, Verdict, check


@check("the service says it is live", needs=("liveness",))
def test_live(ai_client: Session) -> Verdict:
    return health.judge_health_call("live", ai_client.probe("live"), ai_client.show)


@check("the service says it is ready", needs=("readiness",))
def test_ready(ai_client: Session) -> Verdict:
    return health.judge_health_call("ready", ai_client.probe("ready"), ai_client.show)


@check("the model says it is ready", needs=("model_readiness",))
def test_model_ready(ai_client: Session) -> Verdict:
    return health.judge_health_call("model_ready", ai_client.probe("model_ready"), ai_client.show)


@check("one real prediction succeeds", requests=1 + EMPTY_TRIES, tokens=16 * EMPTY_TRIES)
def test_predicts(ai_client: Session) -> Verdict:
    prediction = ai_client.ask()
    ready = None
    if not prediction.ok:
        ready = ai_client.probe("model_ready") or ai_client.probe("ready") or ai_client.probe("live")
    again = ask_again_if_empty(ai_client, prediction, ai_client.sample())
    return health.judge_prediction(prediction, ready, ai_client.show, again)
