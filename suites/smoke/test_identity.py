"""The model that is served is the one that is configured."""

from __future__ import annotations

from typing import Literal

from harness.checks.answers import identity
from harness.suite import Session, Verdict, check, mutate

STATING = ("models", "metadata", "model_ready")
"""The probes in whose answers a service states its model."""


def _serves(ai_client: Session, what: Literal["model", "version"]) -> Verdict:
    prediction = ai_client.ask()
    pages = {}
    for role in STATING:
        page = ai_client.probe(role)
        if page is not None and page.ok and page.response is not None:
            pages[role] = page.response
    model, version = ai_client.adapter.identity(pages)
    stated = {
        "the metadata": model if what == "model" else version,
        "the answer": getattr(prediction.answer, what, None),
    }
    configured = getattr(ai_client.endpoint, what) or ""
    return identity.judge_identity(what, configured, stated, prediction, ai_client.show)


@check(
    "the served model is the configured one",
    needs=("model_name",),
    grounds=("model",),
    requests=4,
    tokens=16,
    broken_by=(mutate("wrong_model"),),
)
def test_model_name(ai_client: Session) -> Verdict:
    return _serves(ai_client, "model")


@check(
    "the served version is the configured one",
    needs=("model_version",),
    grounds=("version",),
    requests=4,
    tokens=16,
    broken_by=(mutate("wrong_model", fields="version"),),
)
def test_model_version(ai_client: Session) -> Verdict:
    return _serves(ai_client, "version")
