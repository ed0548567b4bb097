"""Pairs of conversations that differ only in what stands before the last message: a cache must read all of it.

Tested in tests/suites/integration/test_cache.py.
"""

from __future__ import annotations

import random
from typing import Any

from harness.checks.generation.text_cases import get_usage
from harness.checks.isolation.cache import AnswerTest
from harness.core.errors import UsageError
from harness.core.exchange import Exchange
from harness.run.request_pairs import RequestPair
from harness.run.session import Session
from harness.run.valid_inputs import Rows

CONVERSATION_REQUESTS = 2 * (2 + 4)
_SHORT = "Be kind."
_LONG = f"{_SHORT} Answer in a calm voice, as one who has all the time of the world, and never in more than ten words."
_LEAST_MORE, _SLACK = 10, 3
"""Tokens by which the longer conversation must count more, and by which equal ones may differ."""


def make_conversation_pairs(session: Session, rows: Rows) -> list[RequestPair]:
    """Conversations with a short and a long system message, and with a short and a long earlier turn.

    Their answers are known by the prompt tokens that they state. None for a service that takes no messages.
    """
    generator = random.Random(f"{session.settings.seed} conversations")
    pairs = []
    for name in ("the system message", "an earlier message"):
        number, *others = generator.sample(range(100, 1000), 3)
        queries = [rows.query([_talk(name, note, number)]) for note in (_SHORT, _LONG)]
        try:  # no two controls have the same last message, so that no cache takes one for the other
            short = _count_prompt(session.ask(rows.query([_talk(name, _SHORT, others[0])])))
            long = _count_prompt(session.ask(rows.query([_talk(name, _LONG, others[1])])))
        except UsageError:
            return []
        fits = None
        if short and long and long - short >= _LEAST_MORE:
            fits = (_counts(short), _counts(long))
        why = "the prompt tokens that are stated do not tell them apart"
        pairs.append(RequestPair(name, queries, fits, why=why))
    return pairs


def _talk(name: str, note: str, number: int) -> list[dict[str, Any]]:
    last = {"role": "user", "content": f"Say the number {number}."}
    if name == "the system message":
        return [{"role": "system", "content": note}, last]
    return [{"role": "user", "content": note}, {"role": "assistant", "content": "Yes."}, last]


def _count_prompt(exchange: Exchange) -> int | None:
    return get_usage(exchange.answer).prompt_tokens if exchange.ok else None


def _counts(expected: int) -> AnswerTest:
    """Whether an answer states about so many prompt tokens."""

    def fits(exchange: Exchange) -> bool:
        tokens = _count_prompt(exchange)
        return tokens is not None and abs(tokens - expected) <= _SLACK

    return fits
