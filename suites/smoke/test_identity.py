"""The model that is served is the one that is configured."""

from __future__ import annotations

from harness.checks import identity
from harness.core.exchange import Exchange
from harness.core.verdict import Verdict
from harness.run.session import Session
from harness.suite import check

STATING = ("models", "metadata", "model_ready")
"""The probes in which a service says what it serves."""


def _stated(ai_client: Session, prediction: Exchange, index: int) -> dict[str, str | None]:
    answers = {role: found.response for role in STATING if (found := ai_client.probe(role)) and found.ok}
    metadata = ai_client.adapter.identity({role: response for role, response in answers.items() if response})
    answer = prediction.answer
    spoken = (answer.model, answer.version) if answer else (None, None)
    return {"the metadata": metadata[index], "the answer": spoken[index]}


@check("the served model is the configured one", grounds=("model",), requests=4, tokens=16)
def test_model_name(ai_client: Session) -> Verdict:
    prediction = ai_client.ask()
    return identity.serves(
        "model", ai_client.endpoint.model or "", _stated(ai_client, prediction, 0), prediction, ai_client.show
    )


@check("the served version is the configured one", grounds=("version",), requests=4, tokens=16)
def test_model_version(ai_client: Session) -> Verdict:
    prediction = ai_client.ask()
    return identity.serves(
        "version", ai_client.endpoint.version or "", _stated(ai_client, prediction, 1), prediction, ai_client.show
    )
