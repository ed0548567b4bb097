"""The requests of a chaos load: distinct ones, marked as ours, and what is known of their right answers. Pure.

One repeated request hides a stale answer. So some queries take turns, streamed and whole, and where the service repeats
what it is given, or remembers what was said before, others ask for a code of their own. Both hold the mark of the run,
which the fault proxy counts.

Tested in tests/chaos/test_queries.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from harness.checks.comparison import compare_contents
from harness.core.exchange import Answer, EventKind, Exchange, Headers, Query
from harness.core.json_path import map_leaves
from harness.load.forms import TEXT_MARK, make_digits

_ECHO_STEP, _ECHO_STEP_REWORDED = 4, 2
"""Of so many requests one asks for a code: where the right answers of the others are known, and where they are not."""


REPEATED, RECALLED = -1, -2
"""The numbers of queries whose answer holds a code: one to repeat, or one of an earlier message of a conversation."""


@dataclass(frozen=True, slots=True)
class KnownQuery:
    """A query that takes turns with others. `reference` is its right answer, None where it is not known; `streamed` is
    the text that its stream delivered, None where it was not streamed, or thinks.
    """

    query: Query
    reference: Answer | None = None
    streamed: str | None = None


@dataclass(frozen=True, slots=True)
class EchoForm:
    """A query with `TEXT_MARK` in place of a code that the answer must hold, beside `ending`; its `number`."""

    query: Query
    ending: str = ""
    number: int = REPEATED


@dataclass(frozen=True, slots=True)
class Turn:
    """One request of the load: query number `number` of the pool, or one that must be answered with `code`."""

    query: Query
    number: int
    code: str = ""
    ending: str = ""

    def is_answered_by(self, answer: Answer | None) -> bool:
        """Whether an answer holds the code and the ending."""
        text = answer.text if answer is not None else None
        return text is not None and self.code in text and self.ending in text


@dataclass(frozen=True, slots=True)
class QueryPool:
    """The queries of a load. `is_promised`: the service promises that each is always answered alike.

    `latency` is the median time of an answer before the load, in seconds; `models` are those that the answers stated.
    """

    mark: str
    known: tuple[KnownQuery, ...]
    echoes: tuple[EchoForm, ...] = ()
    is_promised: bool = False
    latency: float = 0.0
    seed: int = 0
    models: frozenset[str] = frozenset()

    def choose(self, index: int, *, streams: bool, only_streams: bool = False) -> Turn:
        """Request `index` of the load; half of the requests are streamed where `streams`."""
        step = _ECHO_STEP
        if self.known[0].reference is None:
            step = _ECHO_STEP_REWORDED
        turn, is_echo = index, False
        if self.echoes:
            turn, is_echo = index - index // step, index % step == step - 1
        if is_echo:
            turn = index // step
            form = self.echoes[turn % len(self.echoes)]
            code = make_digits(self.seed, index)
            picked = Turn(fill_code(form.query, code), form.number, code, form.ending)
        else:
            number = turn % len(self.known)
            picked = Turn(self.known[number].query, number)
        is_stream = only_streams or (streams and (turn + turn // len(self.known)) % 2 == 0)
        return replace(picked, query=replace(picked.query, stream=is_stream))

    def find_code_of_another(self, code: str, text: str, count: int) -> str:
        """A code in the text that another of the first `count` requests asked for; empty where there is none."""
        for index in range(count):
            other = make_digits(self.seed, index)
            if other != code and other in text:
                return other
        return ""

    def find_owner(self, content: Any, number: int) -> int | None:
        """The number of another query of the pool whose right answer equals this content; None if no answer does."""
        for other, known in enumerate(self.known):
            reference = known.reference
            if other == number or reference is None:
                continue
            if compare_contents(reference.content, content) is None:
                return other
        return None


def mark_request(mark: str, index: int) -> Headers:
    """The header lines of request `index`: a trace context (W3C), which services pass on to what they call."""
    return (("traceparent", f"00-{mark}{index:016x}-{index + 1:016x}-01"),)


def fill_code(query: Query, code: str) -> Query:
    """The query with the code in place of `TEXT_MARK`."""

    def fill(leaf: Any) -> Any:
        return leaf.replace(TEXT_MARK, code) if isinstance(leaf, str) else leaf

    return replace(query, inputs=map_leaves(query.inputs, fill))


def join_text(exchange: Exchange) -> str:
    """The text of the first choice that a stream has delivered so far."""
    deltas = [event for event in exchange.events if event.kind is EventKind.DELTA and event.index == 0]
    return "".join(event.text for event in deltas)
