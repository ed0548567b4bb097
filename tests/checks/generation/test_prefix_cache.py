"""When a prefix counts as cached, by stated counts and by times."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from harness.checks.generation.prefix_cache import Conversation, TurnTriple, judge_cached_times, judge_cached_tokens
from harness.core.errors import ErrorClass
from harness.core.exchange import Answer, Exchange, Request, Response, Timing, Usage
from harness.core.verdict import Counterexample, Status

PROMPTS = [f"{'a word or two ' * 80}{'and more ' * 30 * turn}" for turn in range(5)]


def show(summary: str, exchange: Exchange) -> Counterexample:
    return Counterexample(summary)


def hold(*cached: int | None, error: ErrorClass | None = None, prompts: Sequence[int | None] = ()) -> Conversation:
    tokens = prompts or [1200 + 200 * turn for turn in range(5)]
    exchanges = [
        Exchange(
            Request("POST", "/"), Timing(0.0), Response(200), Answer(text="Yes", usage=Usage(n, 4, cached_tokens=c))
        )
        for n, c in zip(tokens, (0, *cached), strict=True)
    ]
    if error is not None:
        exchanges[3] = Exchange(Request("POST", "/"), Timing(0.0), None, None, error=error)
    return Conversation(PROMPTS, exchanges)


KEPT = hold(1200, 1392, 1600, 1792)
MOVED = hold(16, 16, 16, 16)


@pytest.mark.parametrize(
    ("conversations", "status", "words"),
    [
        ([KEPT], Status.PASS, "finds its prefix cached"),
        ([hold(1072, 1272, 1472, 1672)], Status.PASS, "a block less"),
        ([hold(1071, 1271, 1471, 1671)] * 3, Status.FAIL, "turn 2: 1071 tokens were cached of the 1200"),
        ([MOVED] * 3, Status.FAIL, "at its beginning: a date or an id"),
        ([hold(0, 0, 0, 0)] * 3, Status.FAIL, "the prefix cache is off"),
        ([hold(1200, 1392, 800, 1792)] * 2, Status.FAIL, "turn 4: 800 tokens were cached of the 1600"),
        ([MOVED, KEPT, KEPT], Status.PASS, "crowded out once"),
        ([MOVED, KEPT, hold(1200, 0, 1600, 1792)], Status.FAIL, "turn 3: 0 tokens"),
        ([hold(None, None, None, 1792)], Status.INCONCLUSIVE, "not every turn states"),
        ([hold(1, 1, 1, 1, prompts=[None] * 5)], Status.INCONCLUSIVE, "usage.prompt_tokens"),
        ([hold(1200, 1392, 1600, 1792, error=ErrorClass.STATUS)], Status.INCONCLUSIVE, "was not answered"),
    ],
)
def test_stated_counts_decide(conversations: list[Conversation], status: Status, words: str) -> None:
    verdict = judge_cached_tokens(conversations, show)
    assert verdict.status is status, verdict.reason
    shown = [verdict.reason, *(example.summary for example in verdict.counterexamples)]
    if status is not Status.PASS:
        assert any(words in line for line in shown), shown


def test_the_place_where_a_prefix_moves_is_quoted() -> None:
    verdict = judge_cached_tokens([hold(700, 700, 700, 700)] * 3, show)
    assert "at about token 700, near 'ord or two a word or" in verdict.counterexamples[0].summary


def test_a_conversation_without_counts_is_known_as_one() -> None:
    assert not Conversation(PROMPTS, hold(*[None] * 4).exchanges[1:]).states_cached
    assert KEPT.states_cached
    assert KEPT.list_misses() == [None] * 4


def time_triples(kept: float, fresh: float, short: float, *, n: int = 12, seed: int = 1) -> list[TurnTriple]:
    generator = random.Random(seed)

    def make(seconds: float) -> Exchange:
        at = seconds * generator.uniform(0.8, 1.25)
        timing = Timing(0.0, 0.0, at, (at, at + 1), at + 2)
        return Exchange(Request("POST", "/", stream=True), timing, Response(200), Answer(text="a"))

    return [TurnTriple(make(kept), make(fresh), make(short)) for _ in range(n)]


@pytest.mark.parametrize(
    ("triples", "status", "words"),
    [
        (time_triples(0.02, 0.2, 0.02), Status.PASS, "finds its prefix cached: first token after"),
        (time_triples(0.2, 0.2, 0.02), Status.FAIL, "do not find their prefix cached"),
        (time_triples(0.11, 0.2, 0.02), Status.INCONCLUSIVE, "not decided"),
        (time_triples(0.02, 0.02, 0.02), Status.INCONCLUSIVE, "takes no time that could be saved"),
        (time_triples(0.02, 0.2, 0.02, n=7), Status.INCONCLUSIVE, "7 of 7 turns were answered"),
    ],
)
def test_times_decide_where_reading_costs_some(triples: list[TurnTriple], status: Status, words: str) -> None:
    verdict = judge_cached_times(triples, show)
    assert verdict.status is status, verdict.reason
    assert words in verdict.reason


def test_equal_times_are_rarely_an_alarm() -> None:
    """A quick model reads a prompt in no time: over 400 seeds it neither fails nor passes often by chance."""
    verdicts = [judge_cached_times(time_triples(0.02, 0.02, 0.02, seed=seed), show).status for seed in range(400)]
    assert verdicts.count(Status.FAIL) <= 2
    assert verdicts.count(Status.PASS) <= 4
