"""The requests of a chaos load: distinct, marked, streamed and whole, with right answers of their own."""

from __future__ import annotations

from collections import Counter

import pytest

from harness.chaos.queries import (
    EchoForm,
    KnownQuery,
    QueryPool,
    mark_request,
)
from harness.core.exchange import Answer, Query
from harness.load.forms import TEXT_MARK

ECHO = EchoForm(Query(f"Repeat after me: {TEXT_MARK}"))
KNOWN = tuple(KnownQuery(Query(f"query {i}"), Answer(f"answer {i}")) for i in range(4))


@pytest.mark.parametrize(("known", "step"), [(KNOWN, 4), (tuple(KnownQuery(k.query) for k in KNOWN), 2)])
def test_queries_take_turns_streamed_and_whole_and_codes_are_asked_for(
    known: tuple[KnownQuery, ...], step: int
) -> None:
    pool = QueryPool("mark", known, (ECHO,), seed=3)
    turns = [pool.choose(i, streams=True) for i in range(400)]
    counts = Counter((turn.number, turn.query.stream) for turn in turns)
    assert {number for number, _ in counts} == {-1, 0, 1, 2, 3}
    assert all(abs(counts[number, True] - counts[number, False]) <= 2 for number in range(-1, 4))
    codes = [turn.code for turn in turns if turn.code]
    assert len(codes) == len(set(codes)) == 400 / step
    assert all(turn.code in turn.query.inputs for turn in turns)


def test_streams_only_where_they_are_wanted() -> None:
    pool = QueryPool("mark", KNOWN, (ECHO,))
    assert not any(pool.choose(i, streams=False).query.stream for i in range(40))
    assert all(pool.choose(i, streams=True, only_streams=True).query.stream for i in range(40))


def test_a_mark_is_a_trace_context_of_its_own() -> None:
    ((name, value),) = mark_request("0a1b2c3d4e5f6071", 7)
    version, trace, span, flags = value.split("-")
    assert name == "traceparent"
    assert (version, flags, len(trace), len(span)) == ("00", "01", 32, 16)
    assert trace.startswith("0a1b2c3d4e5f6071")
    assert int(span, 16) != 0
    assert mark_request("0a1b2c3d4e5f6071", 8) != mark_request("0a1b2c3d4e5f6071", 7)
