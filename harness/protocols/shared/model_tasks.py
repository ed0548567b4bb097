"""What a listed model is for, as its entry or its name says: OpenAI's list of models does not state it.

Families of names: sentence-transformers, BGE, E5, GTE and their like, none of which generates text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

EMBEDDINGS, RERANK = "openai_embeddings", "rerank"

_RERANK_NAME = re.compile(r"rerank|cross-encoder|ms-marco", re.IGNORECASE)
_EMBEDDING_NAME = re.compile(
    r"embed|sentence-transformers|minilm|(?:^|[-_/.:])(?:bge|e5|gte|sbert|mpnet|labse)(?:[-_/.:]|$)", re.IGNORECASE
)
_MEMBERS = ("type", "task", "model_type", "mode", "pipeline_tag")
_GENERATES = re.compile(r"chat|complet|generat", re.IGNORECASE)


def guess_task(card: Mapping[str, Any]) -> str | None:
    """The protocol that the entry of a model points to: embeddings or rerank; None for any other, or where it is open.

    What the entry states decides; the name only where it states nothing.
    """
    stated = [card[member] for member in _MEMBERS if isinstance(card.get(member), str)]
    capabilities = card.get("capabilities")
    if isinstance(capabilities, list):
        stated += map(str, capabilities)
    statement = " ".join(stated)
    if _GENERATES.search(statement):
        return None
    return _read_task(statement) or _read_task(str(card.get("id", "")))


def agree_on_task(cards: Sequence[Mapping[str, Any]], model: str | None) -> str | None:
    """The task that every entry points to, or that of the configured model; None where they differ or do not say."""
    if model is not None:
        cards = [card for card in cards if card.get("id") == model] or [{"id": model}]
    tasks = set(map(guess_task, cards))
    return tasks.pop() if len(tasks) == 1 else None


def rank_for_chat(cards: Sequence[Mapping[str, Any]], names: Sequence[str]) -> tuple[str, ...]:
    """The names in their order, those of models for another task last: the first one is the default."""
    other_tasks = {card.get("id") for card in cards if guess_task(card)}
    return tuple(sorted(names, key=lambda name: name in other_tasks))


def _read_task(text: str) -> str | None:
    if _RERANK_NAME.search(text):
        return RERANK
    if _EMBEDDING_NAME.search(text):
        return EMBEDDINGS
    return None
