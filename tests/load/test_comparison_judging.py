"""Verdicts on a load beside a baseline's, from what both sides counted."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from harness.core.history import HistoryLine, RunFigure
from harness.core.load import LoadResult
from harness.core.report import Load, PlanInfo, Report, RunInfo, Target
from harness.core.run_comparison import TimesComparison
from harness.core.verdict import Status, Verdict
from harness.load.comparison import make_contrasts
from harness.load.comparison_judging import judge_saved, judge_turns
from harness.load.counts import WorkerCounts
from harness.load.load_result import make_load_result
from harness.run.run_times import compare_times
from tests.load.test_comparison import JOB, count

URL = "http://old.example"


@cache
def count_once(**changed: Any) -> WorkerCounts:
    return count(**changed)


def compare(ours: dict[str, Any], theirs: dict[str, Any] | None = None, pairs: int = 30, **changed: Any) -> LoadResult:
    candidate, baseline = count_once(**ours), count_once(**theirs or {})
    results = [make_load_result(JOB, side, 1.0, finished=True) for side in (candidate, baseline)]
    contrasts = make_contrasts(candidate, baseline, pairs, has_limits=False)
    result = replace(results[0], baseline=results[1], baseline_url=URL, contrasts=contrasts, client_bound=(), late=())
    return replace(result, **changed)


def judge(ours: dict[str, Any], theirs: dict[str, Any] | None = None, **changed: Any) -> Verdict:
    return judge_turns(compare(ours, theirs, **changed), 0.1)


def test_the_same_service_is_no_worse() -> None:
    verdict = judge({})
    assert verdict.status is Status.PASS, verdict
    assert URL in verdict.reason
    assert len(verdict.slices) == len(compare({}).contrasts)
    assert any(note.startswith("PASS: latency p50: ") and " against " in note for note in verdict.notes)


@pytest.mark.parametrize("factor", [0.5, 1.02])
def test_a_quicker_one_or_one_within_the_margin_is_no_worse(factor: float) -> None:
    assert judge({"factor": factor}).status is Status.PASS


def test_a_slower_one_is_worse_and_the_metric_is_named() -> None:
    verdict = judge({"factor": 1.3})
    assert verdict.status is Status.FAIL
    assert "latency p50" in verdict.reason
    assert "1.3" in verdict.reason
    assert judge_turns(compare({"factor": 1.3}), 0.5).status is Status.PASS, "another margin"


@pytest.mark.parametrize("factor", [1.0, 1.3])
def test_fewer_than_thirty_pairs_decide_no_time_and_say_what_is_needed(factor: float) -> None:
    verdict = judge_turns(compare({"factor": factor}, pairs=20), 0.1)
    assert verdict.status is Status.INCONCLUSIVE
    assert "20 pairs of turns, and 30 are needed: 27 s after the warm-up, or shorter turns" in verdict.reason
    broken = judge_turns(compare({"fail_every": 10}, pairs=20), 0.1)
    assert broken.status is Status.FAIL, "failures are counted, and their test holds with few pairs"


def test_times_that_a_client_cannot_tell_apart_fail_nothing() -> None:
    """As gaps of 20 and 30 µs, between chunks that one read brings."""
    outcome = judge({"factor": 1.3e-5}, {"factor": 1e-5})
    lines = [note for note in outcome.notes if "latency p50" in note]
    assert lines
    assert all(note.startswith("INCONCLUSIVE") for note in lines), outcome.notes
    assert "100 µs apart" in lines[0]


def test_more_failures_are_worse_and_shown() -> None:
    verdict = judge({"fail_every": 20})
    assert verdict.status is Status.FAIL
    assert "error rate: 0.05 against 0" in verdict.reason
    assert verdict.counterexamples


def test_to_be_no_worse_than_a_broken_baseline_proves_nothing() -> None:
    verdict = judge({"fail_every": 20}, {"fail_every": 20})
    assert verdict.status is not Status.PASS
    quick = judge({}, {"fail_every": 20})
    assert quick.status is Status.INCONCLUSIVE
    assert "to be no worse proves nothing" in quick.reason


def test_answers_of_other_lengths_have_no_latency_in_common() -> None:
    """Half as many tokens take half as long: neither better nor worse."""
    verdict = judge({"tokens": 5})
    assert verdict.status is not Status.PASS
    assert any("not judged, an answer has 5 tokens in the mean, and 10" in note for note in verdict.notes)


def test_a_client_bound_load_decides_nothing_and_says_what_it_saw() -> None:
    verdict = judge({"factor": 1.3}, client_bound=("the load generator used 97 % of its core",))
    assert verdict.status is Status.INCONCLUSIVE
    assert "97 %" in verdict.reason
    assert "otherwise the verdict would be FAIL" in verdict.notes[0]


def test_late_sends_matter_where_they_change_the_verdict() -> None:
    late = ("requests were sent late",)
    assert judge({}, late=late).status is Status.PASS
    result = compare({"factor": 1.3})
    innocent = {part.label: part for part in compare({}).contrasts}
    held_up = tuple(
        replace(part, least_worse=innocent[part.label].worse, least_left_out=innocent[part.label].left_out)
        for part in result.contrasts
    )
    verdict = judge_turns(replace(result, contrasts=held_up, late=late), 0.1)
    speed = next(note for note in verdict.notes if "latency p50" in note)
    assert speed.startswith("INCONCLUSIVE")
    assert "sent late" in speed


def test_who_disappears_is_named() -> None:
    assert judge({}, gone="no request was answered").status is Status.FAIL
    other = replace(compare({}).baseline or LoadResult("steady", "v2", 0), gone="no request was answered")
    verdict = judge({}, baseline=other)
    assert verdict.status is Status.INCONCLUSIVE
    assert "the baseline disappeared" in verdict.reason


@pytest.mark.parametrize("changed", [{"finished": False}, {"problem": "a worker died"}])
def test_an_unfinished_load_is_an_error(changed: dict[str, Any]) -> None:
    assert judge({}, **changed).status is Status.ERROR


def test_nothing_to_compare_is_no_pass() -> None:
    assert judge({}, baseline=None).status is Status.INCONCLUSIVE
    assert judge({}, contrasts=()).status is not Status.PASS


def save(**load: Any) -> Report:
    old = Load("steady", **{"intended": 1000, "sent": 1000, "completed": 1000, "judged": 900, **load})
    run = RunInfo("old", "", "", 0, Status.PASS, "", partial=False)
    return Report(run, Target("http://old", "openai_chat"), PlanInfo("", 1, 1), (), loads=(old,))


def test_with_one_saved_run_failures_are_compared_and_times_never() -> None:
    verdict = judge_saved(compare({}), save(), "monday")
    assert verdict.status is Status.INCONCLUSIVE
    assert "26 %" in verdict.reason
    worse = judge_saved(compare({"fail_every": 20}), save(), "monday")
    assert worse.status is Status.FAIL
    assert "50 of 1000 requests failed, 0 of 1000 in monday" in worse.reason
    assert judge_saved(compare({}), save(completed=0), "monday").status is Status.INCONCLUSIVE


def make_times(**values: float) -> TimesComparison:
    """Six saved runs of five days and one of today, by the figures of a load."""
    lines = []
    for day in range(1, 8):
        spread = 1 + 0.01 * (day % 3)
        figures = {f"steady: {name}": RunFigure(0.3 * spread, "s", "<=") for name in values}
        if day == 7:
            figures = {f"steady: {name}": RunFigure(value, "s", "<=") for name, value in values.items()}
        lines.append(HistoryLine(f"r{day}", f"2026-01-{day:02}", Status.PASS, "h", "1", "same", figures))
    return compare_times(lines, lines[-2], lines[-1], 0.1)


@pytest.mark.parametrize(
    ("value", "status", "words"),
    [
        (0.31, Status.PASS, "no worse than monday and the runs before it by more than 10% in any of 2 figures"),
        (0.5, Status.FAIL, "worse than monday and the runs before it: steady: p95: 500 ms"),
        (0.33, Status.INCONCLUSIVE, "not decided beside the saved runs: steady: p95"),
        (0.1, Status.PASS, "no worse than monday"),
    ],
)
def test_several_saved_runs_decide_times(value: float, status: Status, words: str) -> None:
    verdict = judge_saved(compare({}), save(), "monday", make_times(p50=0.3, p95=value))
    assert (verdict.status, words in verdict.reason) == (status, True), verdict.reason
    assert any("have a look" in note for note in verdict.notes) is (value == 0.1)


def test_times_of_another_load_decide_nothing() -> None:
    times = make_times(p50=0.5)
    others = replace(times, figures=tuple(replace(f, what=f"soak: {f.what}") for f in times.figures))
    assert judge_saved(compare({}), save(), "monday", others).status is Status.INCONCLUSIVE
    cached = replace(compare({}), cache="it answers at once")
    assert judge_saved(cached, save(), "monday", make_times(p50=0.3)).status is Status.INCONCLUSIVE
