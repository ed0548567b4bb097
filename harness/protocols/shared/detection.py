"""Which protocol an endpoint speaks, judged from the responses to the probes of every adapter.

The highest score wins; among equal scores the order of `PREFERENCE` decides, then the name. The result lists every
protocol that was recognised, so that the user can choose another one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.core.adapter import Adapter, Facts, Recognition
from harness.core.endpoint import Endpoint
from harness.core.errors import ErrorClass
from harness.core.exchange import Exchange

PREFERENCE = (
    "openai_chat",
    "anthropic",
    "ollama",
    "tgi",
    "openai_completions",
    "openai_responses",
    "rerank",
    "openai_embeddings",
    "v2",
    "tfserving",
    "torchserve",
    "mlflow",
    "plain_json",
)
"""The order among protocols with equal scores: those with more features first. Any other one comes after these."""

_COMPLETE = (None, ErrorClass.STATUS, ErrorClass.REDIRECT)
"""The errors of exchanges with a complete response; other responses are ignored."""


@dataclass(frozen=True, slots=True)
class DetectedProtocol:
    """A recognised protocol: how sure that is (above 0, up to 1), why, and what the endpoint states about itself."""

    protocol: str
    score: float
    reason: str
    facts: Facts = field(default_factory=Facts)


def recognise_protocol(endpoint: Endpoint, adapter: Adapter, by_path: Mapping[str, Exchange]) -> Recognition:
    """What one protocol makes of the probes; its facts hold even where it is not recognised."""
    answers = {}
    for role, probe in adapter.probes(endpoint).items():
        exchange = by_path.get(probe.path)
        if exchange is not None and exchange.response is not None and exchange.error in _COMPLETE:
            answers[role] = exchange.response
    return adapter.recognise(endpoint, answers)


def rank_protocols(
    endpoint: Endpoint, adapters: Sequence[Adapter], by_path: Mapping[str, Exchange]
) -> list[DetectedProtocol]:
    """Every recognised protocol, the surest first; may be empty. `by_path` has the exchange of each probe's path."""
    ranked: list[DetectedProtocol] = []
    for adapter in adapters:
        recognition = recognise_protocol(endpoint, adapter, by_path)
        if recognition.score > 0:
            ranked.append(DetectedProtocol(adapter.name, recognition.score, recognition.reason, recognition.facts))
    ranked.sort(key=lambda detected: (-detected.score, _find_position(detected.protocol), detected.protocol))
    if len(ranked) > 1:
        ranked[0] = replace(ranked[0], reason=ranked[0].reason + _describe_choice(ranked))
    return ranked


def choose_protocol(ranked: Sequence[DetectedProtocol]) -> DetectedProtocol | None:
    """The protocol to use if the user chose none: the first of the ranked list, or None if it is empty."""
    return next(iter(ranked), None)


def _find_position(protocol: str) -> int:
    return PREFERENCE.index(protocol) if protocol in PREFERENCE else len(PREFERENCE)


def _describe_choice(ranked: Sequence[DetectedProtocol]) -> str:
    others = ", ".join(f"{detected.protocol} ({detected.score:.0%})" for detected in ranked[1:])
    rule = "the highest score wins"
    if ranked[0].score == ranked[1].score:
        order = sorted((detected.protocol for detected in ranked), key=_find_position)
        rule = f"among equal scores the order is {', '.join(order)}"
    return f"; chosen over {others}: {rule}"
