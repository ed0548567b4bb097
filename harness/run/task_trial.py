"""What a server for texts does, tried: the list of models does not say whether a model chats, embeds or reranks.

Only where the first prediction was refused, or was empty again and again without a sign of thinking. The same model is
asked for each other task, by one short text. Tested in tests/run/test_task_trial.py with real servers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from http import HTTPStatus

from harness.checks.generation.thinking import EMPTY_TRIES, explain_no_text, has_text
from harness.core.adapter import Facts
from harness.core.endpoint import Endpoint
from harness.core.errors import UsageError
from harness.core.exchange import Exchange
from harness.protocols.shared.detection import DetectedProtocol
from harness.protocols.shared.model_tasks import EMBEDDINGS, RERANK, guess_task
from harness.protocols.shared.openai_family import choose_model

_CHAT = "openai_chat"
_CHAT_PROTOCOLS = (_CHAT, "ollama")
_TASKS = (EMBEDDINGS, RERANK, _CHAT)
_REFUSALS = frozenset({400, 404, 405, 415, 422, 501})
"""Statuses of a server that cannot do the task; the others are those of one that fails, is busy or wants a key."""
_CANNOT_CHAT = re.compile(rb"chat.template|support\w* (?:chat|generat|completion)|embedd|rerank", re.IGNORECASE)
_MOST_TOKENS = 1
"""Generated tokens of an empty answer that show no generation: the end of the text may count as one."""

Ask = Callable[[str, Facts], Exchange]
"""Sends one prediction by a protocol, with these facts. Raises `UsageError` where it has no sample."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Another task that was answered by the same model, and its exchange.

    Not certain: the first task failed as a broken service fails, so that either may be meant.
    """

    task: DetectedProtocol
    exchange: Exchange
    is_certain: bool


def try_other_tasks(endpoint: Endpoint, ranked: Sequence[DetectedProtocol], first: Exchange, ask: Ask) -> Trial | None:
    """Another task that the model answers, where it does not the first of `ranked`; None where there is none."""
    chosen = ranked[0]
    if chosen.protocol not in (*_CHAT_PROTOCOLS, EMBEDDINGS, RERANK) or has_text(first):
        return None
    if chosen.protocol not in _CHAT_PROTOCOLS and "path" in chosen.facts.inputs:
        return None  # its document has this route: a refusal is a fault
    model = choose_model(endpoint, chosen.facts)
    is_server_error = first.status is not None and first.status == HTTPStatus.INTERNAL_SERVER_ERROR
    if first.ok:
        if not _is_always_empty(chosen, first, ask):
            return None
    elif first.status not in _REFUSALS and not is_server_error:
        return None
    body = first.response.body if first.response is not None else b""
    is_certain = not is_server_error or guess_task({"id": model}) is not None or bool(_CANNOT_CHAT.search(body))
    for protocol in _TASKS:
        if protocol == chosen.protocol or (protocol == _CHAT and chosen.protocol in _CHAT_PROTOCOLS):
            continue
        facts = _make_facts(ranked, protocol, model)
        with suppress(UsageError):
            exchange = ask(protocol, facts)
            if has_text(exchange):
                reason = _explain(chosen, first, protocol, model, exchange, is_certain)
                return Trial(DetectedProtocol(protocol, 1.0, reason, facts), exchange, is_certain)
    return None


def _is_always_empty(chosen: DetectedProtocol, first: Exchange, ask: Ask) -> bool:
    """Whether each answer of several is empty, and none shows that the model generated or thought."""
    exchange = first
    for _ in range(EMPTY_TRIES - 1):
        if not _shows_no_generation(exchange):
            return False
        exchange = ask(chosen.protocol, chosen.facts)
    return _shows_no_generation(exchange)


def _shows_no_generation(exchange: Exchange) -> bool:
    answer = exchange.answer
    if not exchange.ok or answer is None or has_text(exchange) or answer.reasoning or explain_no_text(exchange):
        return False
    return answer.usage is None or (answer.usage.completion_tokens or 0) <= _MOST_TOKENS


def _make_facts(ranked: Sequence[DetectedProtocol], protocol: str, model: str | None) -> Facts:
    """What was detected for the protocol, with the same model first: another one would prove nothing of this one."""
    facts = next((detected.facts for detected in ranked if detected.protocol == protocol), None)
    if facts is None:
        inputs = {name: value for name, value in ranked[0].facts.inputs.items() if name == "live"}
        facts = Facts(ranked[0].facts.models, inputs=inputs)
    if model is None:
        return facts
    return replace(facts, models=(model, *(name for name in facts.models if name != model)))


def _explain(
    chosen: DetectedProtocol,
    first: Exchange,
    protocol: str,
    model: str | None,
    exchange: Exchange,
    is_certain: bool,
) -> str:
    name = f"model {model!r}" if model else "the model"
    problem = f"answered {first.status}"
    if first.ok:
        problem = f"answered without text, {EMPTY_TRIES} times"
    proof = f"POST {exchange.request.path} was answered as {protocol} is"
    reason = f"{name}: POST {first.request.path} was {problem}, and {proof}"
    if not is_certain:
        names = f"--ai-protocol={protocol} or --ai-protocol={chosen.protocol}"
        return f"{reason}; either the model is for {protocol} or its {chosen.protocol} is broken: give {names}"
    return reason
