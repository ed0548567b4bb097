"""Liveness and readiness as the protocol has them, and one real prediction that decides."""

from __future__ import annotations

from harness.checks import health
from harness.core.verdict import Verdict
from harness.run.session import Session
from harness.suite import check


@check("the service says it is live", needs=("liveness",))
def test_live(ai: Session) -> Verdict:
    return health.says_yes("live", ai.probe("live"), ai.show)


@check("the service says it is ready", needs=("readiness",))
def test_ready(ai: Session) -> Verdict:
    return health.says_yes("ready", ai.probe("ready"), ai.show)


@check("the model says it is ready", needs=("model_readiness",))
def test_model_ready(ai: Session) -> Verdict:
    return health.says_yes("model_ready", ai.probe("model_ready"), ai.show)


@check("one real prediction succeeds", requests=2, tokens=16)
def test_predicts(ai: Session) -> Verdict:
    prediction = ai.ask()
    ready = None if prediction.ok else ai.probe("model_ready") or ai.probe("ready") or ai.probe("live")
    return health.able(prediction, ready, ai.show)
