"""Requests for generated text, and the answers that several checks share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.checks.generation.text_cases import limit_for
from harness.core.exchange import Exchange, Query
from harness.suite import Session, once

_PROMPT = "Say the numbers from one on in words, and go on without an end.\nCount."
"""Its answer is long, so that a limit cuts it and a stop sequence finds a place in it."""
OPEN_PROMPT = "Which name has no ship had yet, and where would that ship sail?"
"""Its answer is another one each time, where it may be."""
LONG, SHORT, OWN = 24, 8, 48
"""Tokens: of the long answer, at most of one cut short, and of one that may end by itself."""


def generation(
    ai_client: Session, max_tokens: int, inputs: Any = _PROMPT, *, stream: bool = False, **more: Any
) -> Query:
    """A request at temperature 0; the limit has the name that the sample gives it."""
    sample = ai_client.sample(stream=stream)
    limit = {limit_name(sample): max_tokens}
    return replace(sample, inputs=inputs, options={**sample.options, "temperature": 0, **limit, **more})


def limit_name(sample: Query) -> str:
    """What the sample calls its limit of tokens; newer models of OpenAI's take no other name."""
    return "max_completion_tokens" if sample.options.get("max_completion_tokens") is not None else "max_tokens"


def both(ai_client: Session, max_tokens: int, inputs: Any = _PROMPT, **more: Any) -> list[Exchange]:
    """The same request whole and, where it can be, streamed."""
    ways = (False, True) if ai_client.able.streaming else (False,)
    return ai_client.ask_many(
        [generation(ai_client, max_tokens, inputs, stream=stream, **more) for stream in ways], concurrency=2
    )


@dataclass(frozen=True)
class _Limits:
    """A long answer (streamed where it can be), the same request cut at `limit` (whole, streamed), and an own end.

    `limit` None: the long answer is too short to be cut.
    """

    long: Exchange
    limit: int | None
    short: Sequence[Exchange]


@once
def limits(ai_client: Session) -> _Limits:
    """The answers by which limits and stop sequences are judged: 3 requests, of the first check that needs them."""
    long = ai_client.ask(generation(ai_client, LONG, stream=ai_client.able.streaming))
    limit = limit_for(long, SHORT) if long.ok else None
    return _Limits(long, limit, both(ai_client, limit) if limit else ())


@once
def counts(ai_client: Session) -> list[Exchange]:
    """One request twice, and once with a longer prompt: 3 requests, of the first check that needs them."""
    longer = "There are many numbers, and every one of them has a name of its own.\n" + _PROMPT
    first = generation(ai_client, SHORT)
    return [ai_client.ask(query) for query in (first, first, replace(first, inputs=longer))]
