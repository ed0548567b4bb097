"""Pairs of requests that differ in one element, asked in turn, with what each is answered on its own.

Tested in tests/suites/integration/test_cache.py.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from harness.checks.answers.embeddings import extract_vectors
from harness.checks.common import is_clear_refusal
from harness.checks.comparison import SAME_VECTOR_DISTANCE, measure_distance
from harness.checks.isolation.cache import AnswerTest, AskedPair
from harness.core.exchange import Exchange, Query
from harness.io.response_reader import STREAM_TYPES
from harness.run.session import Session
from harness.run.valid_inputs import Rows

PROMPT_REQUESTS = (8 + 4 * 4) + (2 + 4) + (1 + 4) + 6
TEXT_REQUESTS = 3 * 4 + (2 + 4) + 6
_NO_MODEL = "aiharness-no-such-model"
_FRAMES = (
    (
        "The lines that follow were typed by hand and may be read aloud, slowly and clearly, by anyone who likes to.\n",
        "",
    ),
    ("", "\nWhat stands below that line is of no use at all, was left here by accident, and can be passed over."),
)
"""What stands before and after a request to repeat a code: a long shared beginning, a long shared end."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two queries to be asked in turn."""

    name: str
    queries: Sequence[Query]
    fits: tuple[AnswerTest, AnswerTest] | None = None
    unequal: bool = False
    why: str = ""


def play(session: Session, pairs: Sequence[Pair]) -> list[AskedPair]:
    """Ask all A side by side, then all B, and both again: pairs share nothing, and each is asked A, B, A, B."""
    if not pairs:
        return []
    rounds = [session.ask_many([pair.queries[half] for pair in pairs], concurrency=4) for half in (0, 1, 0, 1)]
    return [
        AskedPair(pair.name, tuple(each[at] for each in rounds), pair.fits, pair.unequal, pair.why)
        for at, pair in enumerate(pairs)
    ]


def prompts_apart(session: Session, rows: Rows) -> list[AskedPair]:
    """Prompts to repeat codes that differ in one character, in case, in a blank; and requests that differ in an option.

    A model that does not repeat the codes in the control's frame tells nothing apart.
    """
    chosen = random.Random(f"{session.settings.seed} pairs")
    pairs = [*coded(session, rows, chosen), _shorter(session, rows, chosen)]
    if session.capabilities.streaming:
        pairs.append(_streamed(session, rows, chosen))
    return [*play(session, pairs), *other_model(session, rows)]


def coded(session: Session, rows: Rows, chosen: random.Random) -> list[Pair]:
    """Prompts to repeat codes that differ in one character, in case, or in a blank."""
    codes = _codes(chosen)
    every = [code for pair in codes.values() for code in pair]
    controls = [f"Note {one}. Repeat after me: {code}\nEnd of note {two}." for code, one, two in _noted(every, chosen)]
    repeated = session.ask_many([rows.query([text]) for text in controls], concurrency=4)
    pairs: list[Pair] = []
    for number, (name, (one, other)) in enumerate(codes.items()):
        told = _holds(one, other)(repeated[2 * number]) and _holds(other, one)(repeated[2 * number + 1])
        fits = (_holds(one, other), _holds(other, one)) if told else None
        frame = 1 if name == "a character in its middle" else 0
        queries = [rows.query([f"Part {number}. {_framed(code, frame)}"]) for code in (one, other)]
        pairs.append(Pair(name, queries, fits=fits, why="the model does not repeat the code it is asked to"))
    return pairs


def _codes(chosen: random.Random) -> dict[str, tuple[str, str]]:
    """Two codes for each way in which prompts differ."""
    one, two, three = (str(chosen.randrange(10**7, 10**8)) for _ in range(3))
    word = "".join(chosen.sample("BCDFGHKLMNPQRSTVWXZ", 6))
    other = str((int(one[-1]) + 5) % 10)
    return {
        "the last character of its prompt": (one, one[:-1] + other),
        "a character in its middle": (two, two[:3] + str((int(two[3]) + 5) % 10) + two[4:]),
        "the case of its letters": (word, word.lower()),
        "a blank": (f"{three[:4]} {three[4:]}", three),
    }


def _noted(codes: Sequence[str], chosen: random.Random) -> list[tuple[str, int, int]]:
    """Each code with numbers to stand at both ends of its control: no two of these share a beginning or an end."""
    numbers = chosen.sample(range(100, 1000), 2 * len(codes))
    return list(zip(codes, numbers[::2], numbers[1::2], strict=True))


def _framed(code: str, frame: int) -> str:
    before, after = _FRAMES[frame]
    return f"{before}Repeat after me: {code}{after}"


def _holds(mark: str, but: str | None = None) -> AnswerTest:
    """Whether a text holds the mark, and not the other one's."""

    def fits(exchange: Exchange) -> bool:
        text = exchange.answer.text if exchange.ok and exchange.answer else None
        return text is not None and mark in text and (but is None or but not in text)

    return fits


def _shorter(session: Session, rows: Rows, chosen: random.Random) -> Pair:
    """A prompt for as many tokens as ever, and for one: a cut text lacks the code. The controls are other prompts."""
    marks = [str(chosen.randrange(10**7, 10**8)) for _ in range(3)]
    whole, long, short = (rows.query([f"Repeat after me: {mark}"]) for mark in marks)

    def cut(query: Query) -> Query:
        return replace(query, options={**query.options, "max_tokens": 1})

    found = session.ask_many([long, cut(short)], concurrency=2)
    honoured = _holds(marks[1])(found[0]) and found[1].ok and not _holds(marks[2])(found[1])
    held = _holds(marks[0])
    fits: tuple[AnswerTest, AnswerTest] = (held, lambda exchange: exchange.ok and not held(exchange))
    why = "max_tokens is not honoured, or the model does not repeat its code"
    return Pair("max_tokens", [whole, cut(whole)], fits=fits if honoured else None, why=why)


def _streamed(session: Session, rows: Rows, chosen: random.Random) -> Pair:
    """A prompt to be answered whole, and as a stream."""
    marks = [str(chosen.randrange(10**7, 10**8)) for _ in range(2)]
    query, control = (rows.query([f"Repeat after me: {mark}"]) for mark in marks)
    streams = session.ask(replace(control, stream=True)).ok

    def streamed(exchange: Exchange) -> bool:
        return exchange.response is not None and exchange.response.content_type in STREAM_TYPES

    def whole(exchange: Exchange) -> bool:
        return exchange.status == 200 and not streamed(exchange)

    def stream(exchange: Exchange) -> bool:
        return exchange.status == 200 and streamed(exchange)

    fits = (whole, stream) if streams else None
    return Pair("stream", [query, replace(query, stream=True)], fits=fits, why="no stream can be had")


_WORDED = (
    "On the second day of the long journey the old captain wrote in his book that {} had been seen near the {} {}."
)
_SEEN = ("dolphins", "pirates", "glaciers", "fires")
_PLACES = ("harbour", "village", "island", "bridge")


def texts_apart(session: Session, rows: Rows) -> list[AskedPair]:
    """Texts to embed that differ in one word, in case, in a blank; batches that differ in their order.

    Two words of their own meaning have two vectors by construction; case and blanks may mean nothing to a model.
    """
    chosen = random.Random(f"{session.settings.seed} pairs")
    seen, places = chosen.sample(_SEEN, 4), chosen.sample(_PLACES, 4)
    texts = {
        "its last word": (_WORDED.format(seen[0], places[0], "church"), _WORDED.format(seen[0], places[0], "prison")),
        "a word in its middle": (
            _WORDED.format(seen[1], places[1], "wall"),
            _WORDED.format(seen[2], places[1], "wall"),
        ),
    }
    plain = _WORDED.format(seen[3], places[2], "gate")
    ask: Callable[[str], Query] = lambda text: rows.query([text])  # noqa: E731
    pairs = [Pair(name, [ask(one), ask(two)], unequal=True) for name, (one, two) in texts.items()]
    pairs.append(Pair("the case of its letters", [ask(plain), ask(plain.upper())], why="case may mean nothing to it"))
    if rows.batches:
        pairs.append(_reordered(session, rows))
    return [*play(session, pairs), *other_model(session, rows)]


def _reordered(session: Session, rows: Rows) -> Pair:
    given = rows.distinct(2)
    singles = [
        extract_vectors(found) for found in session.ask_many([rows.query([each]) for each in given], concurrency=2)
    ]
    queries = [rows.query(given), rows.query(given[::-1])]
    if not all(singles) or measure_distance(singles[0][0], singles[1][0]) <= 2 * SAME_VECTOR_DISTANCE:
        return Pair("the order of its texts", queries, why="two texts have almost one vector")

    def ordered(*places: int) -> AnswerTest:
        def fits(exchange: Exchange) -> bool:
            got = extract_vectors(exchange)
            return len(got) == len(places) and all(
                measure_distance(singles[place][0], vector) <= SAME_VECTOR_DISTANCE
                for place, vector in zip(places, got, strict=True)
            )

        return fits

    return Pair("the order of its texts", queries, fits=(ordered(0, 1), ordered(1, 0)))


def other_model(session: Session, rows: Rows) -> list[AskedPair]:
    """A request for the served model, and for one that is not there, where that is refused; none: no model is named."""
    endpoint = replace(session.endpoint, model=_NO_MODEL)
    fresh, used = rows.fresh(2, "another model")
    encode = session.adapter.encode
    right = encode(session.endpoint, rows.query([used]), session.facts)
    wrong = encode(endpoint, rows.query([used]), session.facts)
    if right == wrong:
        return []
    control = session.send(encode(endpoint, rows.query([fresh]), session.facts))
    valid = session.send(encode(session.endpoint, rows.query([fresh]), session.facts))

    def given(exchange: Exchange) -> bool:
        return exchange.status == 200

    asked = tuple(session.send(request) for request in (right, wrong, right, wrong))
    fits = (given, is_clear_refusal) if is_clear_refusal(control) and control.status != 429 and given(valid) else None
    return [AskedPair("the model's name", asked, fits, why="a model that is not there is served all the same")]
