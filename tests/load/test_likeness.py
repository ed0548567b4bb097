"""Times of other answers than were asked for decide nothing: a stream that was held back, answers that end early."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.core.exchange import Answer, Exchange, Query, Request, Usage
from harness.core.load import LoadResult
from harness.core.objective import PROFILES
from harness.core.objective_parser import parse_objective
from harness.core.plan import PlannedCheck
from harness.core.verdict import Level, Status, Verdict
from harness.core.workload import Material, Spread
from harness.load.judging import judge_load
from tests.load.test_figures import JOB, make_success, measure

CHECK = PlannedCheck("x", "load", Level.BLOCKER, "x", alpha_fail=0.05)
LIMITS = {"latency": (5.0,), "ttft": (5.0,), "ttfot": (5.0,), "inter_token": (5.0,), "tpot": (5.0,)}
LIMITED = Request("POST", "/v1/chat/completions", (), b'{"messages": [], "max_tokens": 40}', stream=True)
FAST_JOB = replace(JOB, limits=LIMITS, load=replace(JOB.load, rate=100))
ASKING_JOB = replace(FAST_JOB, load=replace(FAST_JOB.load, output_tokens=Spread(mean=40)))


def measure_streams(
    stamps: list[float], tokens: int | None, request: Request = LIMITED, asks: bool = False
) -> LoadResult:
    """1,200 streams with chunks at these moments; `tokens` are what usage states."""
    answer = Answer(text="a", usage=None if tokens is None else Usage(completion_tokens=tokens))
    exchanges: list[Exchange] = []
    for k in range(1200):
        exchanges.append(replace(make_success(k / 100, *stamps, answer=answer), request=LIMITED))
    return measure(exchanges, ASKING_JOB if asks else FAST_JOB)


def judge(result: LoadResult, metric: str, limit: str = "<= 5s") -> Verdict:
    return judge_load(result, parse_objective("load", metric, limit, PROFILES["release"]), CHECK)


SPREAD = [0.1 + i * 0.01 for i in range(40)]
BURSTS = [0.1 + i // 8 * 0.08 for i in range(40)]
FEW_CHUNKS = [0.1 + i * 0.1 for i in range(10)]
AT_ONCE = [0.1 + i // 20 * 0.001 for i in range(40)]

FLUSHED = [0.4] * 40
FLUSHED_IN_TWO_READS = [0.4] * 30 + [0.401] * 10


@pytest.mark.parametrize("stamps", [BURSTS, FEW_CHUNKS, FLUSHED, FLUSHED_IN_TWO_READS])
def test_a_stream_that_is_held_back_and_flushed_shows_no_gaps(stamps: list[float]) -> None:
    result = measure_streams(stamps, 40)
    for metric in ("ttft p90", "ttfot p90", "inter_token p90"):
        verdict = judge(result, metric)
        assert verdict.status is Status.INCONCLUSIVE
        assert "held back and flushed" in verdict.reason
    assert judge(result, "goodput", ">= 90%").status is Status.INCONCLUSIVE
    assert judge(result, "latency p90").status is judge(result, "tpot p90").status is Status.PASS


@pytest.mark.parametrize(
    ("stamps", "tokens"), [(SPREAD, 40), (SPREAD, 70), (AT_ONCE, 40), ([0.1, 0.2], 5), (SPREAD, None)]
)
def test_a_healthy_stream_raises_no_alarm(stamps: list[float], tokens: int | None) -> None:
    """Words of several tokens, a service that is so fast that all comes at once, short answers, no usage."""
    result = measure_streams(stamps, tokens)
    assert (result.bursts, result.shortfall) == ("", "")
    assert judge(result, "inter_token p90").status is Status.PASS
    assert judge(result, "goodput", ">= 90%").status is Status.PASS


def test_a_flush_shows_without_usage() -> None:
    assert "held back and flushed" in measure_streams([0.4] * 6, None).bursts
    assert measure_streams([0.02] * 6, None).bursts == ""
    assert measure_streams([0.4] * 3, None).bursts == ""


def test_reasoning_that_is_not_streamed_is_not_held_back() -> None:
    answer = Answer(text="a", usage=Usage(completion_tokens=400, reasoning_tokens=360))
    result = measure([make_success(k / 100, *SPREAD, answer=answer) for k in range(1200)], FAST_JOB)
    assert result.bursts == ""


def test_answers_that_end_early_keep_no_limit() -> None:
    result = measure_streams(SPREAD[:12], 12, asks=True)
    for metric in ("latency p90", "ttft p90", "tpot p90"):
        verdict = judge(result, metric)
        assert verdict.status is Status.INCONCLUSIVE
        assert verdict.reason.startswith("answers had 30% of the tokens that output_tokens asked for")


def test_answers_that_end_early_still_break_a_limit() -> None:
    slow = replace(FAST_JOB, limits={"latency": (0.15,)}, load=ASKING_JOB.load)
    answer = Answer(text="a", usage=Usage(completion_tokens=12))
    exchanges = [replace(make_success(k / 100, 0.1, 0.4, answer=answer), request=LIMITED) for k in range(1200)]
    assert judge(measure(exchanges, slow), "latency p90", "<= 150ms").status is Status.FAIL


def test_a_model_may_stop_early_where_nobody_asked_for_a_length() -> None:
    assert judge(measure_streams(SPREAD[:12], 12), "latency p90").status is Status.PASS
    assert judge(measure_streams(SPREAD, 38, asks=True), "latency p90").status is Status.PASS


def test_a_time_per_token_needs_the_number_of_tokens() -> None:
    assert judge(measure_streams(SPREAD, None), "tpot p90").status is Status.INCONCLUSIVE


@pytest.mark.parametrize(("cut", "status"), [(0, Status.INCONCLUSIVE), (600, Status.PASS)])
def test_answers_that_reach_their_limit_without_load_reach_it_under_load(cut: int, status: Status) -> None:
    """No length was asked: what the service did without load is what it should do."""
    material = Material("text", Query("x"), reaches_limit=True)
    reasons = ["length" if k < cut else "stop" for k in range(1200)]
    answers = [Answer(text="a", finish_reason=reason, usage=Usage(completion_tokens=12)) for reason in reasons]
    exchanges = [make_success(k / 100, *SPREAD[:12], answer=answer) for k, answer in enumerate(answers)]
    job = replace(FAST_JOB, material=material)
    verdict = judge(measure(exchanges, job), "latency p90")
    assert verdict.status is status
    assert ("without load every answer reached its limit" in verdict.reason) == (status is not Status.PASS)
