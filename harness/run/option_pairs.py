"""Pairs of requests that differ in one option: a cache whose key lacks the option gives the one's answer to the other.

What the option does is learnt from a text of its own, which is never asked without it. Tested in
tests/suites/integration/test_cache.py.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from harness.checks.answers.embeddings import extract_vectors, has_base64_vectors
from harness.core.exchange import Exchange, Query
from harness.core.json_text import parse_or_keep
from harness.run.request_pairs import RequestPair
from harness.run.session import Session
from harness.run.valid_inputs import Rows

OPTION_REQUESTS = 4 * (2 + 4)
"""The most pairs of options for generated text, each with its controls."""
VECTOR_OPTION_REQUESTS = 2 * (2 + 4)
_TOKENS = 32
"""Tokens for an answer of two short codes, or of a small object in JSON."""
_OTHER_TOOL = {"name": "note_number", "parameters": {"type": "object", "properties": {"number": {"type": "integer"}}}}

Shows = Callable[[Exchange, str], bool]
"""Whether an answer to a request with this last code shows that the option was honoured."""


@dataclass(frozen=True, slots=True)
class _TriedOption:
    """Options of one request of a pair, and how an answer shows them."""

    name: str
    make: Callable[[str], Mapping[str, Any]]
    shows: Shows


def make_option_pairs(session: Session, rows: Rows) -> list[RequestPair]:
    """Prompts with and without a stop sequence, several choices, log-probabilities, JSON: what is promised of these."""
    generator = random.Random(f"{session.settings.seed} options")
    tried = [_TriedOption("stop", lambda code: {"stop": [code]}, _is_stopped)]
    promises = session.promises
    if session.capabilities.chat_options and promises.choices:
        tried.append(_TriedOption("n", lambda code: {"n": 2}, lambda exchange, code: _count_choices(exchange) == 2))
    if session.capabilities.chat_options and promises.structured_output:
        form = {"response_format": {"type": "json_object"}}
        tried.append(_TriedOption("response_format", lambda code: form, _is_object))
    if session.capabilities.chat_options and promises.tools:
        tools = {"tools": [{"type": "function", "function": _OTHER_TOOL}], "tool_choice": "required"}
        tried.append(_TriedOption("tools", lambda code: tools, _has_calls))
    return [_make_pair(session, rows, option, generator) for option in tried]


def _make_pair(session: Session, rows: Rows, option: _TriedOption, generator: random.Random) -> RequestPair:
    """A prompt without the option and with it; each has a control of its own, a prompt with other codes."""
    codes = [(str(generator.randrange(100, 1000)), str(generator.randrange(1000, 10_000))) for _ in range(3)]
    plain = [rows.query([f"Repeat after me: {first} {last}"]) for first, last in codes]
    plain = [session.limit_answer(query, _TOKENS) for query in plain]
    without, with_it = session.ask_many([plain[1], _add(plain[2], option.make(codes[2][1]))], concurrency=2)
    last = codes[0][1]

    def honours(exchange: Exchange) -> bool:
        return _has_content(exchange) and option.shows(exchange, last)

    def lacks(exchange: Exchange) -> bool:
        return _has_content(exchange) and not option.shows(exchange, last)

    is_shown = _has_content(without) and not option.shows(without, codes[1][1])
    is_shown = is_shown and _has_content(with_it) and option.shows(with_it, codes[2][1])
    why = f"no answer shows whether {option.name} is honoured"
    queries = [plain[0], _add(plain[0], option.make(last))]
    may_reword = not session.promises.deterministic
    return RequestPair(option.name, queries, (lacks, honours) if is_shown else None, why=why, may_reword=may_reword)


def _add(query: Query, options: Mapping[str, Any]) -> Query:
    return replace(query, options={**query.options, **options})


def _has_content(exchange: Exchange) -> bool:
    return exchange.ok and bool(exchange.text.strip() or _has_calls(exchange, ""))


def _is_stopped(exchange: Exchange, code: str) -> bool:
    return code not in exchange.text


def _count_choices(exchange: Exchange) -> int:
    return len(exchange.answer.choices) if exchange.answer else 0


def _is_object(exchange: Exchange, code: str) -> bool:
    return isinstance(parse_or_keep(exchange.text), dict)


def _has_calls(exchange: Exchange, code: str) -> bool:
    return bool(exchange.answer and exchange.answer.tool_calls)


def make_vector_option_pairs(session: Session, rows: Rows) -> list[RequestPair]:
    """A text asked for its whole vector and for half of its numbers; and one asked in floats and in base64."""
    texts = rows.draw_fresh(5, "options")
    whole, coded = session.ask_many([rows.query([texts[0]]), _encode(rows, texts[1])], concurrency=2)
    vectors = extract_vectors(whole)
    numbers = len(vectors[0]) if vectors else 0
    half = numbers // 2
    cut = session.ask(_add(rows.query([texts[2]]), {"dimensions": half})) if half else whole
    queries = [rows.query([texts[3]]), _add(rows.query([texts[3]]), {"dimensions": half or None})]
    fits = (_has_numbers(numbers), _has_numbers(half))
    is_honoured = bool(half) and fits[1](cut)
    why = "fewer dimensions are not given for a text that was never asked before"
    pairs = [RequestPair("dimensions", queries, fits if is_honoured else None, why=why)]
    why = "base64 is not given for a text that was never asked before"
    forms = (_is_in_floats, has_base64_vectors)
    queries = [rows.query([texts[4]]), _encode(rows, texts[4])]
    return [*pairs, RequestPair("encoding_format", queries, forms if has_base64_vectors(coded) else None, why=why)]


def _encode(rows: Rows, text: str) -> Query:
    return _add(rows.query([text]), {"encoding_format": "base64"})


def _has_numbers(numbers: int) -> Callable[[Exchange], bool]:
    def fits(exchange: Exchange) -> bool:
        vectors = extract_vectors(exchange)
        return bool(vectors) and len(vectors[0]) == numbers

    return fits


def _is_in_floats(exchange: Exchange) -> bool:
    return bool(extract_vectors(exchange)) and not has_base64_vectors(exchange)
