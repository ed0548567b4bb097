"""Which protocol an endpoint speaks: the pure part, from the answers to every adapter's probes.

The highest score wins; a tie goes by the order of `ORDER`, then by name. Every protocol that was recognised is in the
list, so that the user can choose another one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.core.adapter import Adapter, Facts
from harness.core.endpoint import Endpoint
from harness.core.errors import ErrorClass
from harness.core.exchange import Exchange, Response

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
"""Who wins a tie: the richer protocol first."""

_ANSWERED = (None, ErrorClass.STATUS, ErrorClass.REDIRECT)


@dataclass(frozen=True, slots=True)
class DetectedProtocol:
    """One protocol that was recognised: how sure that is (above 0, to 1), why, and what the endpoint said of itself."""

    protocol: str
    score: float
    reason: str
    facts: Facts = field(default_factory=Facts)


def rank_protocols(
    endpoint: Endpoint, adapters: Sequence[Adapter], by_path: Mapping[str, Exchange]
) -> list[DetectedProtocol]:
    """Every protocol recognised, the surest first; empty when none is. `by_path` holds what each probe's path got."""
    responses = {path: answer for path, exchange in by_path.items() if (answer := _answer(exchange)) is not None}
    found: list[DetectedProtocol] = []
    for adapter in adapters:
        probes = adapter.probes(endpoint)
        answers = {role: responses[probe.path] for role, probe in probes.items() if probe.path in responses}
        recognition = adapter.recognise(endpoint, answers)
        if recognition.score > 0:
            found.append(DetectedProtocol(adapter.name, recognition.score, recognition.reason, recognition.facts))
    found.sort(key=lambda each: (-each.score, _place(each.protocol), each.protocol))
    if len(found) > 1:
        found[0] = replace(found[0], reason=found[0].reason + _over(found))
    return found


def choose_protocol(ranked: Sequence[DetectedProtocol]) -> DetectedProtocol | None:
    """The protocol to speak when none was named: the first of the ranked list, or None when there is none."""
    return ranked[0] if ranked else None


def _answer(exchange: Exchange) -> Response | None:
    """The whole answer; one that broke on its way tells nothing."""
    return exchange.response if exchange.error in _ANSWERED else None


def _place(protocol: str) -> int:
    return PREFERENCE.index(protocol) if protocol in PREFERENCE else len(PREFERENCE)


def _over(found: Sequence[DetectedProtocol]) -> str:
    others = ", ".join(f"{each.protocol} ({each.score:.0%})" for each in found[1:])
    order = ", ".join(sorted((each.protocol for each in found), key=_place))
    tie = f"a tie goes by the order {order}" if found[0].score == found[1].score else "the highest score wins"
    return f"; chosen over {others}: {tie}"
