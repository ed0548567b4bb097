"""The newest rows against those before: a step and a slow decline are named, a steady quality passes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.core.dataset import Dataset
from harness.core.drift import DriftSettings
from harness.core.verdict import Status, Verdict
from harness.metrics.answered_rows import AnsweredRows, make_answered_rows
from harness.run.degradation import find_newest, judge_decline, judge_newest_answers
from harness.run.labelled_rows import LabelledRows
from tests.metrics.test_families import draw_vectors


def draw_over_time(
    n: int = 1000, step: float = 0.0, decline: float = 0.0, seed: int = 0
) -> tuple[AnsweredRows, Dataset]:
    """Rows in a random order of times, wrong in 10 %; by `step` more in the newest fifth, by `decline` to the end."""
    generator = np.random.default_rng((n, seed))
    times = generator.permutation(n).astype(float)
    wrong = generator.random(n) < 0.1 + step * (times >= 0.8 * n) + decline * times / n
    labels = generator.integers(0, 2, n)
    rows = make_answered_rows(labels, np.where(wrong, 1 - labels, labels), classes=("no", "yes"))
    return rows, Dataset("rows", tuple([t] for t in times.tolist()), times=tuple(times.tolist()))


def judge(rows: AnsweredRows, data: Dataset, margin: float = 0.1) -> Verdict:
    return judge_decline(rows, LabelledRows(asked=(0,)), data, margin)


def test_a_steady_quality_passes_and_a_fall_is_named() -> None:
    steady = judge(*draw_over_time())
    assert steady.status is Status.PASS, steady.reason
    assert steady.slices[0].name == "part 1 of 5"
    step = judge(*draw_over_time(step=0.25))
    assert step.status is Status.FAIL
    assert step.reason.startswith("the newest rows are answered over 10 points worse")
    slow = judge(*draw_over_time(n=2000, decline=0.25))
    assert slow.status is Status.FAIL, slow.reason
    better = judge(*draw_over_time(step=-0.09))
    assert better.status is Status.PASS
    few = judge(*draw_over_time(n=300, step=0.1))
    assert few.status is Status.INCONCLUSIVE
    assert few.n_needed is not None


def test_numbers_are_followed_by_their_large_errors() -> None:
    _, data = draw_over_time()
    labels = np.random.default_rng(1).normal(size=1000)
    noise = np.random.default_rng(2).normal(size=1000)
    newest = find_newest(np.array(data.times))
    for scale, status in ((1.0, Status.PASS), (4.0, Status.FAIL)):
        numbers = make_answered_rows(labels, labels + noise * np.where(newest, scale, 1.0))
        assert judge(numbers, data).status is status


def test_what_has_no_newest_rows_is_inconclusive() -> None:
    rows, data = draw_over_time(200)
    assert "all rows have one time" in judge(rows, replace(data, times=(5.0,) * 200)).reason
    assert "40 newest rows and 160 before are too few" in judge(rows, data).reason
    assert "every row was declined" in judge(replace(rows, declined=np.ones(200, bool)), data).reason
    assert "embeddings" in judge(draw_vectors(), replace(data, times=tuple(range(120)))).reason
    tied = find_newest(np.array([1.0] * 60 + [2.0] * 5))
    assert tied.sum() == 5, "rows of one time are not torn apart"


def test_newest_answers_that_are_distributed_otherwise() -> None:
    rows, data = draw_over_time()

    def judge_answers(answered: AnsweredRows) -> Verdict:
        return judge_newest_answers(answered, LabelledRows(asked=(0,)), data, DriftSettings(), 1)

    assert judge_answers(rows).status is Status.PASS
    newest = find_newest(np.array(data.times))
    moved = judge_answers(replace(rows, predictions=np.where(newest, 1, rows.predictions)))
    assert moved.status is Status.FAIL
    assert "the newest answers have drifted" in moved.reason


@pytest.mark.simulation
@pytest.mark.parametrize("n", [300, 1000, 5000])
def test_at_most_five_in_a_hundred_are_wrong(n: int) -> None:
    runs = min(200, 100_000 // n)
    steady = [judge(*draw_over_time(n, seed=seed)).status for seed in range(runs)]
    at_margin = [judge(*draw_over_time(n, step=0.1, seed=seed)).status for seed in range(runs)]
    twice = [judge(*draw_over_time(n, step=0.2, seed=seed)).status for seed in range(runs)]
    assert steady.count(Status.FAIL) <= 0.05 * runs
    assert at_margin.count(Status.FAIL) <= 0.05 * runs + 9
    assert twice.count(Status.PASS) <= 0.05 * runs
