"""Exact times of streams that are written by hand: what a chunk, a token and a first output are."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from harness.core.exchange import Answer, Exchange, Request, Response, Usage
from harness.core.load import LoadResult
from harness.core.metric import BY_TURN, LOAD_TIMES
from harness.core.objective import PROFILES
from harness.core.objective_parser import parse_objective
from harness.core.plan import PlannedCheck
from harness.core.verdict import Level, Status
from harness.load.answer_reader import AnswerReader, RawExchange
from harness.load.judging import judge_load
from harness.protocols.text.openai_chat import ADAPTER
from tests.load.test_figures import JOB, figures_of, make_failure, make_success, measure

ASKED = Request("POST", "/v1/chat/completions", (), b'{"max_tokens": 50}', stream=True)


def write_event(delta: dict[str, Any], reason: str | None = None, tokens: int | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    event: dict[str, Any] = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    if tokens is not None:
        usage = {"prompt_tokens": 3, "completion_tokens": tokens, "total_tokens": 3 + tokens}
        return f"data: {json.dumps({**event, 'choices': [], 'usage': usage})}\n\n".encode()
    return f"data: {json.dumps({**event, 'choices': [choice]})}\n\n".encode()


ROLE = write_event({"role": "assistant", "content": ""})
THOUGHT = write_event({"reasoning_content": "hm "})
WORD = write_event({"content": "word "})
CALL = write_event(
    {"tool_calls": [{"index": 0, "id": "t", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}
)
END = write_event({}, "stop")


def finish(tokens: int) -> bytes:
    return END + write_event({}, tokens=tokens) + b"data: [DONE]\n\n"


def read(*pieces: tuple[float, bytes], due: float = 0.0) -> Exchange:
    """The exchange that these reads make, of a request that was due at this moment."""
    raw = RawExchange(due, pieces[0][0], pieces[-1][0], Response(200, (("content-type", "text/event-stream"),)))
    raw.pieces = list(pieces)
    *_, exchange = AnswerReader(ADAPTER, JOB).read(ASKED, due, raw)
    assert exchange is not None
    assert exchange.ok, exchange.detail
    return exchange


def test_the_role_is_no_token() -> None:
    exchange = read((0.0, ROLE), (0.3, WORD), (0.35, WORD), (0.36, finish(2)))
    assert exchange.timing.ttft == exchange.timing.ttfot == 0.3
    assert exchange.timing.inter_token == pytest.approx([0.05])
    assert exchange.tpot == pytest.approx(0.05)


def test_fifty_tokens_in_ten_chunks_have_gaps_that_are_no_time_per_token() -> None:
    chunks = [(0.2 + i * 0.1, write_event({"content": "five tokens in one chunk "})) for i in range(10)]
    exchange = read((0.1, ROLE), *chunks, (1.2, finish(50)))
    assert exchange.timing.inter_token == pytest.approx([0.1] * 9)
    assert exchange.tpot == pytest.approx(0.9 / 49)


def test_several_events_in_a_read_have_its_stamp() -> None:
    exchange = read((0.1, ROLE + WORD), (0.2, WORD * 3), (0.3, WORD + finish(5)))
    assert exchange.timing.tokens == (0.1, 0.2, 0.2, 0.2, 0.3)
    assert exchange.tpot == pytest.approx(0.2 / 4)


def test_one_event_in_many_reads_has_the_stamp_of_the_last() -> None:
    parts = [(0.3 + i / 100, WORD[i : i + 1]) for i in range(len(WORD))]
    exchange = read((0.1, ROLE), *parts, (9.0, WORD), (9.5, finish(2)))
    assert exchange.timing.tokens == (parts[-1][0], 9.0)
    assert exchange.timing.ttft == parts[-1][0]


def test_reasoning_is_generated_and_the_output_comes_after_it() -> None:
    exchange = read((0.1, ROLE), (0.2, THOUGHT), (0.3, THOUGHT), (0.7, WORD), (0.8, WORD), (0.9, finish(4)))
    assert exchange.timing.ttft == 0.2
    assert exchange.timing.ttfot == 0.7
    assert exchange.tpot == pytest.approx(0.6 / 3)


def test_a_tool_call_is_an_output() -> None:
    exchange = read((0.1, ROLE), (0.4, CALL), (0.6, write_event({}, "tool_calls") + b"data: [DONE]\n\n"))
    assert exchange.timing.ttft == exchange.timing.ttfot == 0.4
    assert exchange.tpot is None, "no usage says how many tokens there were"


def test_one_chunk_has_no_time_per_token() -> None:
    assert read((0.1, ROLE), (0.4, WORD), (0.5, finish(9))).tpot is None


def test_the_figures_of_tokens_are_those_of_the_answers() -> None:
    """30 tokens in three chunks over 0.2 s; the pause of one answer is 10 times as long as others."""
    exchanges = [
        make_success(k / 10, 0.2, 0.21, 0.4) if k == 60 else make_success(k / 10, 0.2, 0.21, 0.22) for k in range(120)
    ]
    figures = figures_of(measure(exchanges))
    assert figures["tpot"].p50 == pytest.approx(0.02 / 29, rel=0.01)
    assert figures["tpot"].n == 100
    assert figures["stalls"].value == pytest.approx(1 / 200)
    assert "ttfot" not in figures, "it is the TTFT"
    assert figures["answer_speed"].value == pytest.approx(3000 / (99 * 0.21 + 0.39), rel=1e-3)


SHARE = parse_objective("load", "goodput", ">= 60%", PROFILES["release"])
CHECK = PlannedCheck("x", "load", Level.BLOCKER, "x", alpha_fail=0.05)


def measure_many(good: float, limits: dict[str, tuple[float, ...]]) -> LoadResult:
    """1,000 answers, of which this share is quick, spread evenly."""
    job = replace(JOB, limits=limits, load=replace(JOB.load, rate=100))
    quick = [int((k + 1) * good) > int(k * good) for k in range(1200)]
    return measure(
        [make_success(k / 100, 0.1, 0.2) if is_quick else make_failure(k / 100) for k, is_quick in enumerate(quick)],
        job,
    )


@pytest.mark.parametrize(("good", "status"), [(0.9, Status.PASS), (0.3, Status.FAIL)])
def test_goodput_is_judged_as_a_share(good: float, status: Status) -> None:
    verdict = judge_load(measure_many(good, {"latency": (1.0,)}), SHARE, CHECK)
    assert verdict.status is status, verdict
    assert "failed or broke a limit" in verdict.reason
    assert verdict.estimate == pytest.approx(good, abs=0.01)


def test_goodput_without_a_limit_is_not_judged() -> None:
    verdict = judge_load(measure_many(0.9, {}), SHARE, CHECK)
    assert verdict.status is Status.INCONCLUSIVE
    assert "no objective on a time" in verdict.reason


def test_every_time_is_counted() -> None:
    result = measure([make_success(k / 10, 0.2, 0.4) for k in range(120)])
    assert set(result.histograms) == {metric.name for metric in LOAD_TIMES} - set(BY_TURN)


def test_the_time_per_token_is_shown_by_the_length_of_the_prompt() -> None:
    """Long prompts take 0.4 s for 29 tokens, short ones 0.1 s for 9; the mean is over tokens."""
    short = Answer(text="a", usage=Usage(prompt_tokens=127, completion_tokens=10))
    long = Answer(text="a", usage=Usage(prompt_tokens=128, completion_tokens=30))
    exchanges = [make_success(k / 10, 0.1, 0.2, answer=short) for k in range(0, 120, 2)]
    exchanges += [make_success(k / 10, 0.1, 0.5, answer=long) for k in range(1, 120, 2)]
    result = measure(exchanges, processes=3)
    rows = [figure for figure in result.figures if figure.metric == "tpot_by_prompt"]
    assert [row.n for row in rows] == [50, 50]
    assert [row.value for row in rows] == pytest.approx([0.1 / 9, 0.4 / 29], rel=1e-3)
    assert [row.title.rpartition(", ")[2] for row in rows] == ["prompt under 128", "prompt from 128 to 511"]
