"""Objectives on requests, tokens and rows per second: what passes, fails, and cannot be shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.core.adapter import Facts
from harness.core.exchange import Answer, Exchange, Query, Response, Timing
from harness.core.load import LoadResult
from harness.core.load_settings import LoadSettings
from harness.core.objective import PROFILES, Objective
from harness.core.objective_parser import parse_objective
from harness.core.plan import PlannedCheck
from harness.core.report import Generator
from harness.core.verdict import Level, Status, Verdict
from harness.core.workload import Material
from harness.load.judging import judge_load
from tests.conftest import run_gate
from tests.load.loads import result_of
from tests.load.test_figures import ASKED, JOB, STATED, make_failure, measure

CHECK = PlannedCheck("ai-suite/load/x.py::test", "load", Level.BLOCKER, "x", alpha_fail=0.05)
LOAD = LoadSettings(rate=50, duration=32, warm_up=2)
STEADY_JOB = replace(JOB, load=LOAD)
KEPT_UP = Generator(target_rate=50, achieved_rate=50, lag_p99=0.001, cpu=0.2)


def make_objective(metric: str, limit: str) -> Objective:
    return parse_objective("load", metric, limit, PROFILES["release"])


def serve(capacity: float, *, answer: Answer = STATED, takes: float = 0.1, load: LoadSettings = LOAD) -> LoadResult:
    """A load on a service that answers so many requests per second, in their order, each `takes` seconds at least."""
    exchanges, free = [], 0.0
    for k in range(int(load.rate * load.duration)):
        due = k / load.rate
        free = max(free + 1 / capacity, due)
        ends = free + takes
        exchanges.append(Exchange(ASKED, Timing(due, due, ends, (ends,), ends, ends), Response(200), answer))
    return clear(measure(exchanges, replace(STEADY_JOB, load=load, material=make_material(load, 3))))


def make_material(load: LoadSettings, rows: int) -> Material:
    return Material("numbers", Query([[1.0]] * max(1, rows)), load, Facts(), row_count=rows)


def clear(result: LoadResult) -> LoadResult:
    """The result without what the load generator of this test would have to show."""
    rate = result.generator.target_rate
    return replace(result, generator=replace(KEPT_UP, target_rate=rate), client_bound=(), late=())


def judge(result: LoadResult, metric: str, limit: str) -> Verdict:
    return judge_load(result, make_objective(metric, limit), CHECK)


@pytest.mark.parametrize(
    ("metric", "kept", "broken"),
    [("request_rate", ">= 40", ">= 45/s"), ("token_rate", ">= 1200", ">= 1350"), ("row_rate", ">= 120/s", ">= 135")],
)
def test_what_ends_per_second_decides(metric: str, kept: str, broken: str) -> None:
    """Of 50 requests/s, 42 are answered: with 30 tokens and 3 rows each."""
    slow = serve(42)
    verdict = judge(slow, metric, kept)
    assert verdict.status is Status.PASS, verdict.reason
    assert verdict.ci is not None
    assert verdict.ci[0] is not None
    assert verdict.ci[0] <= (verdict.estimate or 0.0) <= {"token_rate": 1260, "row_rate": 126}.get(metric, 42) + 0.5
    refuted = judge(slow, metric, broken)
    assert refuted.status is Status.FAIL, refuted.reason
    assert judge(serve(500), metric, broken).status is Status.PASS


@pytest.mark.parametrize(
    ("metric", "limit"), [("request_rate", ">= 60"), ("token_rate", ">= 1600"), ("row_rate", ">= 151")]
)
def test_a_load_cannot_show_more_than_it_asks_for(metric: str, limit: str) -> None:
    for capacity in (20, 500):
        verdict = judge(serve(capacity), metric, limit)
        assert verdict.status is Status.INCONCLUSIVE
        assert "the load asks 50 requests/s" in verdict.reason
        assert f"{metric} {limit.removesuffix('/s')}/s cannot be shown" in verdict.reason


def test_a_backlog_of_the_warm_up_does_not_lift_the_rate_over_the_offered_one() -> None:
    flushed = serve(500)
    ended = (300, *flushed.blocks["request_rate"].n[1:])
    flushed = replace(
        flushed, blocks={**flushed.blocks, "request_rate": replace(flushed.blocks["request_rate"], n=ended)}
    )
    verdict = judge(flushed, "request_rate", ">= 50.5")
    assert verdict.status is Status.INCONCLUSIVE
    lenient_verdict = judge(flushed, "request_rate", ">= 40")
    assert lenient_verdict.ci is not None
    assert (lenient_verdict.ci[0] or 0.0) <= 50


def test_slow_answers_that_all_come_are_no_slow_service() -> None:
    """Each answer takes 8 s, of a schedule of 32 s: in the first seconds nothing ends, and then as much as is sent."""
    assert judge(serve(500, takes=8.0), "request_rate", ">= 45").status is not Status.FAIL
    unsettled = judge(serve(500, takes=25.0), "request_rate", ">= 45")
    assert unsettled.status is Status.INCONCLUSIVE
    assert "longer [load] duration" in unsettled.reason


def test_failures_are_no_answers() -> None:
    exchanges = [make_failure(k / 50) for k in range(1600)]
    nothing = clear(measure(exchanges, STEADY_JOB))
    assert judge(nothing, "request_rate", ">= 1").status is Status.FAIL
    for metric in ("token_rate", "row_rate"):
        assert judge(nothing, metric, ">= 1").status is Status.INCONCLUSIVE


def test_tokens_that_nobody_states_and_rows_that_are_not_there_are_not_judged() -> None:
    silent = judge(serve(500, answer=Answer(text="a b c")), "token_rate", ">= 1")
    assert silent.status is Status.INCONCLUSIVE
    assert "usage" in silent.reason
    exchanges = [
        Exchange(ASKED, Timing(k / 50, k / 50, k / 50, (), k / 50 + 0.1), Response(200), STATED) for k in range(1600)
    ]
    uneven = clear(measure(exchanges, replace(STEADY_JOB, material=make_material(LOAD, 0))))
    assert judge(uneven, "row_rate", ">= 1").status is Status.INCONCLUSIVE


def test_a_load_generator_that_was_the_limit_decides_nothing() -> None:
    bound = replace(serve(42), client_bound=("40 of 50 requests/s were sent",))
    for limit in (">= 40", ">= 45"):
        assert judge(bound, "request_rate", limit).status is Status.INCONCLUSIVE
    late = replace(serve(42), late=("requests were sent late",))
    assert judge(late, "request_rate", ">= 45").status is Status.INCONCLUSIVE
    assert judge(late, "request_rate", ">= 40").status is Status.PASS


def test_callers_who_wait_for_answers_show_what_is_reached_and_not_what_could_be() -> None:
    waiting = replace(serve(42), loop="closed", generator=replace(KEPT_UP, target_rate=None))
    assert judge(waiting, "request_rate", ">= 40").status is Status.PASS
    slow = judge(waiting, "request_rate", ">= 60")
    assert slow.status is Status.INCONCLUSIVE
    assert "callers" in slow.reason


def test_a_rate_that_changes_and_a_run_cut_off_pass_nothing() -> None:
    fast = serve(500)
    assert judge(replace(fast, shape="ramp"), "request_rate", ">= 40").status is Status.INCONCLUSIVE
    assert judge(replace(fast, finished=False), "request_rate", ">= 40").status is Status.ERROR
    assert judge(replace(fast, gone="no answer for 5 s"), "request_rate", ">= 40").status is Status.FAIL
    cached = replace(fast, cache="repeats are quicker", sent=1600, repeated=1500)
    assert judge(cached, "request_rate", ">= 40").status is Status.INCONCLUSIVE


def test_a_whole_load_judges_requests_and_rows_per_second(reference: str, tmp_path: Path) -> None:
    limits = {"request_rate": ">= 20/s", "row_rate": ">= 20"}
    objectives = [
        f'[[objective]]\nsuite = "load"\nmetric = "{metric}"\nlimit = "{limit}"\n' for metric, limit in limits.items()
    ]
    text = '[endpoint]\nprotocol = "plain_json"\n[load]\nrate = 40\nduration = 4\nwarm_up = 1\narrivals = "constant"\n'
    (tmp_path / "aiharness.toml").write_text(text + "".join(objectives))
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}", suite="load")
    result = result_of(outcome.run_dir)
    shown = {figure["metric"]: figure["value"] for figure in result["figures"]}
    assert shown["row_rate"] >= shown["request_rate"] > 0
    for metric in limits:
        row = outcome.check(f"test_objective[{metric}]")
        assert row["kind"] == "estimate", "it shares the error of a false FAIL with the other objectives"
        assert row["verdict"] == "PASS" or result["client_bound"] or result["stall"] > 0.1, outcome.out
