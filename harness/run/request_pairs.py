"""Pairs of requests that differ in one element, asked in turn, with what each is answered on its own.

Tested in tests/suites/integration/test_cache.py.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.checks.answers.embeddings import extract_vectors
from harness.checks.common import TOO_MANY_REQUESTS, is_clear_refusal
from harness.checks.comparison import SAME_VECTOR_DISTANCE, find_difference, measure_distance
from harness.checks.generation.text_cases import is_cut
from harness.checks.isolation.cache import AnswerTest, AskedPair
from harness.core.exchange import Exchange, Query
from harness.io.response_reader import STREAM_TYPES
from harness.run.session import Session
from harness.run.valid_inputs import Rows

PROMPT_REQUESTS = (8 + 4 * 4) + (2 + 4) + (1 + 4) + 6
"""Pairs of codes with their controls, the pair of limits, the pair of stream and whole answer, the model's name."""
TEXT_REQUESTS = 3 * 4 + (2 + 4) + 6
"""Pairs of texts, the order of a batch, the model's name."""
_NO_MODEL = "aiharness-no-such-model"
_SHARED_BEGINNING = (
    "The lines that follow were typed by hand and may be read aloud, slowly and clearly, by anyone who likes to.\n"
)
_SHARED_END = "\nWhat stands below that line is of no use at all, was left here by accident, and can be passed over."
"""Long texts before or after a request to repeat a code."""


@dataclass(frozen=True, slots=True)
class RequestPair:
    """Two queries to be asked in turn; fields as in `AskedPair`."""

    name: str
    queries: Sequence[Query]
    fits: tuple[AnswerTest, AnswerTest] | None = None
    must_differ: bool = False
    why: str = ""
    may_reword: bool = False


def ask_pairs(session: Session, pairs: Sequence[RequestPair]) -> list[AskedPair]:
    """Ask all A side by side, then all B, and both again: pairs share nothing, and each is asked A, B, A, B."""
    if not pairs:
        return []
    rounds = [session.ask_many([pair.queries[half] for pair in pairs], concurrency=4) for half in (0, 1, 0, 1)]
    by_pair = zip(*rounds, strict=True)
    return [
        AskedPair(pair.name, exchanges, pair.fits, pair.must_differ, pair.why, pair.may_reword)
        for pair, exchanges in zip(pairs, by_pair, strict=True)
    ]


def ask_prompt_pairs(session: Session, rows: Rows) -> list[AskedPair]:
    """Prompts to repeat codes that differ in one character, in case, in a blank; and requests that differ in an option.

    A model that does not repeat the codes in the control's frame cannot distinguish them.
    """
    generator = random.Random(f"{session.settings.seed} pairs")
    pairs = [*make_code_pairs(session, rows, generator), _make_limit_pair(session, rows, generator)]
    if session.capabilities.streaming:
        pairs.append(_make_stream_pair(session, rows, generator))
    return [*ask_pairs(session, pairs), *ask_model_pair(session, rows)]


def make_code_pairs(session: Session, rows: Rows, generator: random.Random) -> list[RequestPair]:
    """Prompts to repeat codes that differ in one character, in case, or in a blank."""
    codes = _draw_codes(generator)
    repeats = _ask_controls(session, rows, [code for pair in codes.values() for code in pair], generator)
    pairs: list[RequestPair] = []
    for number, (name, (one, other)) in enumerate(codes.items()):
        fits = (_holds(one, other), _holds(other, one))
        are_repeated = fits[0](repeats[2 * number]) and fits[1](repeats[2 * number + 1])
        prompts = [f"Repeat after me: {code}" for code in (one, other)]
        if name == _MIDDLE:
            prompts = [f"{prompt}{_SHARED_END}" for prompt in prompts]
        else:
            prompts = [f"{_SHARED_BEGINNING}{prompt}" for prompt in prompts]
        queries = [rows.query([f"Part {number}. {prompt}"]) for prompt in prompts]
        why = "the model does not repeat the code it is asked to"
        may_reword = not session.promises.deterministic
        pairs.append(RequestPair(name, queries, fits if are_repeated else None, why=why, may_reword=may_reword))
    return pairs


_MIDDLE = "a character in its middle"


def _draw_codes(generator: random.Random) -> dict[str, tuple[str, str]]:
    """Two codes for each way in which prompts differ."""
    one, two, three = (str(generator.randrange(10**7, 10**8)) for _ in range(3))
    word = "".join(generator.sample("BCDFGHKLMNPQRSTVWXZ", 6))
    return {
        "the last character of its prompt": (one, one[:-1] + _change_digit(one[-1])),
        _MIDDLE: (two, two[:3] + _change_digit(two[3]) + two[4:]),
        "the case of its letters": (word, word.lower()),
        "a blank": (f"{three[:4]} {three[4:]}", three),
    }


def _change_digit(digit: str) -> str:
    return str((int(digit) + 5) % 10)


def _ask_controls(session: Session, rows: Rows, codes: Sequence[str], generator: random.Random) -> Sequence[Exchange]:
    """Each code asked with numbers at both ends of its prompt: no two of these share a beginning or an end."""
    numbers = generator.sample(range(100, 1000), 2 * len(codes))
    prompts = []
    for code, first, last in zip(codes, numbers[::2], numbers[1::2], strict=True):
        prompts.append(f"Note {first}. Repeat after me: {code}\nEnd of note {last}.")
    return session.ask_many([rows.query([prompt]) for prompt in prompts], concurrency=4)


def _holds(mark: str, but: str | None = None) -> AnswerTest:
    """Whether a text holds the mark, and not the other one's."""

    def fits(exchange: Exchange) -> bool:
        text = exchange.answer.text if exchange.ok and exchange.answer else None
        return text is not None and mark in text and (but is None or but not in text)

    return fits


def _make_limit_pair(session: Session, rows: Rows, generator: random.Random) -> RequestPair:
    """A prompt for as many tokens as ever, and for one: a cut text lacks the code. The controls are other prompts."""
    marks = [str(generator.randrange(10**7, 10**8)) for _ in range(3)]
    whole, long, short = (rows.query([f"Repeat after me: {mark}"]) for mark in marks)

    def limit(query: Query) -> Query:
        return session.limit_answer(query, 1, exact=True)

    long_answer, short_answer = session.ask_many([long, limit(short)], concurrency=2)
    is_honoured = _holds(marks[1])(long_answer) and _is_cut_before(marks[2])(short_answer)
    fits: tuple[AnswerTest, AnswerTest] = (_holds(marks[0]), _is_cut_before(marks[0]))
    why = "max_tokens is not honoured, or the model does not repeat its code"
    may_reword = not session.promises.deterministic
    queries = [whole, limit(whole)]
    return RequestPair("max_tokens", queries, fits if is_honoured else None, why=why, may_reword=may_reword)


def _is_cut_before(mark: str) -> AnswerTest:
    """Whether the limit of tokens cut an answer before the mark: a model may also decline to repeat it."""

    def fits(exchange: Exchange) -> bool:
        return exchange.ok and exchange.answer is not None and is_cut(exchange.answer) and mark not in exchange.text

    return fits


def _make_stream_pair(session: Session, rows: Rows, generator: random.Random) -> RequestPair:
    """A prompt to be answered whole, and as a stream."""
    marks = [str(generator.randrange(10**7, 10**8)) for _ in range(2)]
    query, control = (rows.query([f"Repeat after me: {mark}"]) for mark in marks)
    can_stream = session.ask(replace(control, stream=True)).ok
    queries = [query, replace(query, stream=True)]
    fits = (_is_whole, _is_stream) if can_stream else None
    return RequestPair("stream", queries, fits=fits, why="no stream can be had")


def _has_stream_type(exchange: Exchange) -> bool:
    return exchange.response is not None and exchange.response.content_type in STREAM_TYPES


def _is_whole(exchange: Exchange) -> bool:
    return exchange.status == 200 and not _has_stream_type(exchange)


def _is_stream(exchange: Exchange) -> bool:
    return exchange.status == 200 and _has_stream_type(exchange)


_SENTENCE = (
    "On the second day of the long journey the old captain wrote in his book that {} had been seen near the {} {}."
)
_SIGHTS = ("dolphins", "pirates", "glaciers", "fires")
_PLACES = ("harbour", "village", "island", "bridge")


def ask_text_pairs(session: Session, rows: Rows) -> list[AskedPair]:
    """Texts to embed that differ in one word, in case, in a blank; batches that differ in their order.

    Two words of their own meaning have two vectors by construction; case and blanks may mean nothing to a model.
    """
    generator = random.Random(f"{session.settings.seed} pairs")
    sights, places = generator.sample(_SIGHTS, 4), generator.sample(_PLACES, 4)
    texts = {
        "its last word": [_SENTENCE.format(sights[0], places[0], last) for last in ("church", "prison")],
        "a word in its middle": [_SENTENCE.format(sight, places[1], "wall") for sight in sights[1:3]],
    }
    pairs = []
    for name, pair in texts.items():
        pairs.append(RequestPair(name, [rows.query([text]) for text in pair], must_differ=True))
    plain = _SENTENCE.format(sights[3], places[2], "gate")
    queries = [rows.query([plain]), rows.query([plain.upper()])]
    pairs.append(RequestPair("the case of its letters", queries, why="case may mean nothing to it"))
    if rows.batches:
        pairs.append(_make_order_pair(session, rows))
    return [*ask_pairs(session, pairs), *ask_model_pair(session, rows)]


def _make_order_pair(session: Session, rows: Rows) -> RequestPair:
    name, texts = "the order of its texts", rows.draw_distinct(2)
    exchanges = session.ask_many([rows.query([text]) for text in texts], concurrency=2)
    singles = [extract_vectors(exchange) for exchange in exchanges]
    queries = [rows.query(texts), rows.query(texts[::-1])]
    if not all(singles) or measure_distance(singles[0][0], singles[1][0]) <= 2 * SAME_VECTOR_DISTANCE:
        return RequestPair(name, queries, why="two texts have almost one vector")
    first, second = singles[0][0], singles[1][0]
    return RequestPair(name, queries, fits=(_has_vectors(first, second), _has_vectors(second, first)))


def _has_vectors(*expected: Sequence[float]) -> AnswerTest:
    """Whether an answer has these vectors in this order."""

    def fits(exchange: Exchange) -> bool:
        vectors = extract_vectors(exchange)
        if len(vectors) != len(expected):
            return False
        pairs = zip(expected, vectors, strict=True)
        return all(measure_distance(own, vector) <= SAME_VECTOR_DISTANCE for own, vector in pairs)

    return fits


def ask_model_pair(session: Session, rows: Rows) -> list[AskedPair]:
    """A request for the served model, and for one that does not exist, where that is refused.

    Empty where requests name no model.
    """
    endpoint = replace(session.endpoint, model=_NO_MODEL)
    fresh, used = rows.draw_fresh(2, "another model")
    encode = session.adapter.encode
    right = encode(session.endpoint, rows.query([used]), session.facts)
    wrong = encode(endpoint, rows.query([used]), session.facts)
    if right == wrong:
        return []
    control = session.send(encode(endpoint, rows.query([fresh]), session.facts))
    valid = session.send(encode(session.endpoint, rows.query([fresh]), session.facts))
    exchanges = tuple(session.send(request) for request in (right, wrong, right, wrong))
    is_refused = is_clear_refusal(control) and control.status != TOO_MANY_REQUESTS
    fits = (_is_ok, is_clear_refusal) if is_refused and _is_ok(valid) else None
    return [AskedPair("the model's name", exchanges, fits, why="a model that does not exist is served all the same")]


def _is_ok(exchange: Exchange) -> bool:
    return exchange.status == 200


def expect_content(expected: Any) -> AnswerTest:
    """Whether an answer is the expected one, in those of its outputs that are expected."""

    def fits(exchange: Exchange) -> bool:
        content = exchange.content if exchange.ok else None
        if isinstance(expected, dict) and isinstance(content, dict):
            content = {name: content[name] for name in expected if name in content}
        return content is not None and find_difference(expected, content) is None

    return fits
