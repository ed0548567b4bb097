"""Requests for generated text, and the answers that several checks share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.checks.generation.parameters import LIMIT_REPEATS, LimitedText
from harness.checks.generation.text_cases import choose_limit
from harness.core.exchange import Exchange, Query
from harness.core.generation_options import choose_limit_value
from harness.suite import Session, once

_PROMPT = "Say the numbers from one on in words, and go on without an end.\nCount."
"""Its answer is long, so that a limit cuts it and a stop sequence can be found in it."""
OPEN_PROMPT = "Which name has no ship had yet, and where would that ship sail?"
"""Its answer differs each time unless something prevents it."""
LONG, SHORT, OWN = 24, 8, 48
"""Limits of tokens: for the long answer, at most for one that is cut, and for one that may end by itself."""


def make_query(
    ai_client: Session,
    max_tokens: int,
    inputs: Any = _PROMPT,
    *,
    stream: bool = False,
    exact: bool = False,
    **more: Any,
) -> Query:
    """A request at temperature 0, unless the configured options have another one.

    `max_tokens` keeps the cost low: a larger configured limit wins, unless the limit is what is tested (`exact`).
    """
    sample = ai_client.sample(stream=stream)
    temperature = ai_client.endpoint.options.get("temperature", 0)
    options = {**sample.options, "temperature": temperature, **more}
    return ai_client.limit_answer(replace(sample, inputs=inputs, options=options), max_tokens, exact=exact)


def get_limit(ai_client: Session, needed: int) -> int:
    """The limit of tokens that `make_query` sends for an answer that needs this many."""
    return choose_limit_value(ai_client.endpoint.options, needed)


def ask_both_ways(ai_client: Session, max_tokens: int, inputs: Any = _PROMPT, **more: Any) -> list[Exchange]:
    """The same request unstreamed and, if the protocol can, streamed."""
    queries = [make_query(ai_client, max_tokens, inputs, **more)]
    if ai_client.capabilities.streaming:
        queries.append(make_query(ai_client, max_tokens, inputs, stream=True, **more))
    return ai_client.ask_many(queries, concurrency=2)


@dataclass(frozen=True)
class _LimitedAnswers:
    """A long answer (streamed if possible), and those to the same request cut at a limit (unstreamed, streamed).

    `is_too_short`: the long answer is too short to be cut.
    """

    text: LimitedText
    is_too_short: bool
    short: Sequence[Exchange]


@once
def ask_limits(ai_client: Session) -> _LimitedAnswers:
    """The answers by which limits and stop sequences are judged: 4 requests, of the first check that needs them.

    Short answers are asked again where their text seems to break the limit (`ask_limited`).
    """
    query, promised = (
        make_query(ai_client, LONG, stream=ai_client.capabilities.streaming),
        ai_client.promises.deterministic,
    )
    long, again = ai_client.ask(query), None
    limit = choose_limit(long, SHORT) if long.ok else None
    if limit is None:
        return _LimitedAnswers(LimitedText(long, SHORT, promised), long.ok, ())
    if not promised:
        again = ai_client.ask(query)
    text = LimitedText(long, limit, promised, again)
    queries = [make_query(ai_client, limit, exact=True)]
    if ai_client.capabilities.streaming:
        queries.append(make_query(ai_client, limit, stream=True, exact=True))
    answers = ai_client.ask_many(queries, concurrency=2)
    short = [ask_limited(ai_client, text, *pair) for pair in zip(queries, answers, strict=True)]
    return _LimitedAnswers(text, False, short)


def ask_limited(ai_client: Session, text: LimitedText, query: Query, answer: Exchange | None = None) -> Exchange:
    """The answer to a limited request; another to the same one, if the first seems to break its limit by chance."""
    exchange = answer or ai_client.ask(query)
    for _ in range(0 if text.promised else LIMIT_REPEATS):
        if exchange.answer is None or not text.find_text_problem(exchange.answer):
            return exchange
        exchange = ai_client.ask(query)
    return exchange


@once
def ask_counts(ai_client: Session) -> list[Exchange]:
    """One request twice, and once with a longer prompt: 3 requests, of the first check that needs them."""
    longer = "There are many numbers, and every one of them has a name of its own.\n" + _PROMPT
    first = make_query(ai_client, SHORT)
    return [*map(ai_client.ask, (first, first, replace(first, inputs=longer)))]
