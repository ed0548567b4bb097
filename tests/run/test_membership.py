"""Membership inference: who is told apart, on services that have learned rows by heart and on those that have not."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from harness.core.dataset import Dataset
from harness.core.plan import PlannedCheck
from harness.core.verdict import Level, Status
from harness.metrics.answered_rows import make_answered_rows
from harness.run.membership import MembershipRows, choose_members, judge_membership, measure_confidence

CHECK = PlannedCheck("ai-suite/adversarial/test_membership.py::test_membership", "adversarial", Level.INFO, "t")


def make_rows(members: np.ndarray, others: np.ndarray) -> MembershipRows:
    return MembershipRows((*members.tolist(), *others.tolist()), len(members), (len(members), len(others)), 0, True)


def judge(members: np.ndarray, others: np.ndarray) -> Status:
    return judge_membership(make_rows(members, others), CHECK, 0).status


@pytest.mark.parametrize("n", [100, 500, 2000])
def test_alike_rows_are_never_told_apart(n: int) -> None:
    draw = np.random.default_rng(n)
    verdicts = [judge(draw.normal(size=n), draw.normal(size=n)) for _ in range(60)]
    assert verdicts.count(Status.FAIL) == 0, "an area of .5 is far from the limit"
    if n >= 500:
        assert verdicts.count(Status.PASS) >= 57


def test_at_the_limit_few_fail_and_few_pass() -> None:
    """The distance of two normal distributions whose area is the limit: both errors stay under 5 %."""
    draw, shift, n = np.random.default_rng(3), 0.3583, 600
    verdicts = [judge(draw.normal(shift, size=n), draw.normal(size=n)) for _ in range(200)]
    assert verdicts.count(Status.FAIL) <= 17, "the binomial 99.5 % point of 5 % in 200"
    assert verdicts.count(Status.PASS) <= 17


def test_a_model_that_knows_its_rows_by_heart_fails() -> None:
    draw = np.random.default_rng(1)
    verdict = judge_membership(make_rows(draw.normal(1.0, size=800), draw.normal(size=800)), CHECK, 0)
    assert verdict.status is Status.FAIL
    assert verdict.estimate == pytest.approx(0.76, abs=0.02)
    assert "the answers tell the rows that the model learned from" in verdict.reason


def test_a_few_rows_that_are_surely_recognised_fail_under_a_small_area() -> None:
    draw = np.random.default_rng(2)
    members = draw.normal(size=1500)
    members[:250] = 9.0
    verdict = judge_membership(make_rows(members, draw.normal(size=1500)), CHECK, 0)
    assert verdict.status is Status.FAIL
    assert verdict.estimate is not None
    assert verdict.estimate < 0.6
    assert verdict.slices[0].estimate is not None
    assert verdict.slices[0].estimate > 0.15


def test_the_estimates_are_those_of_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    draw = np.random.default_rng(4)
    members, others = np.round(draw.normal(0.5, size=700), 1), np.round(draw.normal(size=500), 1)
    verdict = judge_membership(make_rows(members, others), CHECK, 0)
    truth = np.r_[np.ones(700), np.zeros(500)]
    assert verdict.estimate == pytest.approx(metrics.roc_auc_score(truth, np.r_[members, others]))
    positives, recognised, _ = metrics.roc_curve(truth, np.r_[members, others], drop_intermediate=False)
    assert verdict.slices[0].estimate == pytest.approx(max(recognised[positives <= 0.01]))


def test_few_rows_decide_nothing() -> None:
    verdict = judge_membership(make_rows(np.ones(99), np.zeros(5000)), CHECK, 0)
    assert verdict.status is Status.INCONCLUSIVE
    assert "at least 100 of each" in verdict.reason


def test_rows_of_both_files_are_left_out() -> None:
    inputs = [[float(number)] for number in range(300)]
    training = Dataset("train", inputs[:200], labels=["a"] * 200)
    data = replace(training, name="data", inputs=inputs[150:], labels=["a"] * 150)
    members, others = choose_members(data, training, 0)
    random.Random(0).shuffle(members)
    assert sorted(members) == list(range(150))
    assert sorted(others) == list(range(50, 150))


def test_confidence_is_in_the_true_label() -> None:
    rows = make_answered_rows(
        np.array([0, 1]), np.array([0, 0]), classes=("a", "b"), scores=np.array([[0.9, 0.1], [0.7, 0.3]])
    )
    values, has_scores = measure_confidence(rows)
    assert has_scores
    assert values == pytest.approx([0.8, -0.4])
    values, has_scores = measure_confidence(replace(rows, scores=None))
    assert not has_scores
    assert values == [1.0, 0.0]
