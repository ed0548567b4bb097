"""Gaps between groups are fairlearn's, count weights as repeats, and say why there are none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.metrics.answered_rows import AnsweredRows, make_answered_rows
from harness.metrics.families.fairness import find_groups
from harness.metrics.quality_metric import Aim, find_metric, list_metrics

BY_SEX = Aim(by=("sex",))
GAPS = [metric.metric.name for metric in list_metrics() if metric.compares_groups]


def draw_people(n: int = 600, seed: int = 7, shift: float = 0.4, classes: int = 2) -> AnsweredRows:
    """Rows of two sexes and three ages; men are given the last class more often by a moved threshold."""
    generator = np.random.default_rng(seed)
    sex, age = generator.choice(["f", "m"], n), generator.choice(["mid", "old", "young"], n)
    labels = generator.integers(0, classes, n)
    logits = generator.normal(size=(n, classes))
    logits[np.arange(n), labels] += 1.0
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    logits[:, -1] += shift * ((sex == "m") - 0.5)
    columns = {"sex": sex.astype(np.str_), "age": age.astype(np.str_)}
    names = ("no", "yes", "maybe")[:classes]
    return make_answered_rows(labels, logits.argmax(axis=1), classes=names, scores=scores, columns=columns)


PEOPLE = draw_people()
FAIRLEARN = {
    ("demographic_parity", "sex"): 0.112538471832,
    ("equal_opportunity", "sex"): 0.125292192613,
    ("equalized_odds", "sex"): 0.125292192613,
    ("disparate_impact", "sex"): 0.800071318198,
    ("predictive_parity", "sex"): 0.041833457969,
    ("demographic_parity", "age"): 0.033316062176,
    ("equal_opportunity", "age"): 0.075918367347,
    ("equalized_odds", "age"): 0.089223057644,
    ("disparate_impact", "age"): 0.936336633663,
    ("predictive_parity", "age"): 0.051525560719,
    ("demographic_parity", "sex and age"): 0.202319587629,
    ("equal_opportunity", "sex and age"): 0.282436378807,
    ("equalized_odds", "sex and age"): 0.282436378807,
    ("disparate_impact", "sex and age"): 0.676288659794,
    ("predictive_parity", "sex and age"): 0.161844863732,
}
"""What fairlearn 0.15.0 says of PEOPLE."""


@pytest.mark.parametrize(("name", "by"), FAIRLEARN)
def test_gaps_are_those_of_fairlearn(name: str, by: str) -> None:
    prepared = find_metric(name).prepare(PEOPLE, Aim(by=(by,), limit=0.8 if name == "disparate_impact" else 0.1))
    assert prepared.estimate == pytest.approx(FAIRLEARN[name, by], abs=1e-9)
    low, high = prepared.find_bounds((0.05, 0.05), 1)
    assert 0 <= low <= prepared.estimate < high <= 1 or name == "disparate_impact"
    assert low < prepared.estimate < high or low == 0


def test_calibration_of_groups_is_that_of_the_worst() -> None:
    groups, codes = find_groups(PEOPLE, "sex")
    ece = find_metric("ece")
    errors = [ece.prepare(PEOPLE.select(codes == place), Aim()).estimate for place in range(len(groups))]
    assert find_metric("group_calibration").prepare(PEOPLE, BY_SEX).estimate == pytest.approx(max(errors))


@pytest.mark.parametrize("name", GAPS)
def test_weights_count_a_row_as_often_as_they_say(name: str) -> None:
    weights = np.where(np.arange(len(PEOPLE)) % 3, 1.0, 2.0)
    repeated = PEOPLE.select(np.repeat(np.arange(len(PEOPLE)), weights.astype(int)))
    weighted = find_metric(name).prepare(replace(PEOPLE, weights=weights), BY_SEX)
    tolerance = 0.02 if name == "group_calibration" else 1e-9  # bins of weighted rows have other edges
    assert weighted.estimate == pytest.approx(find_metric(name).prepare(repeated, BY_SEX).estimate, abs=tolerance)


def test_every_class_of_several_is_compared_unless_one_is_asked_for() -> None:
    rows = draw_people(classes=3, shift=0.8)
    metric = find_metric("demographic_parity")
    results = [metric.prepare(rows, Aim(place, by=("sex",))).estimate for place in range(3)]
    assert metric.prepare(rows, BY_SEX).estimate == pytest.approx(max(results))
    assert np.argmax(results) == 2
    wide = metric.prepare(rows, BY_SEX).find_bounds((0.05, 0.05), 1)
    alone = metric.prepare(rows, Aim(2, by=("sex",))).find_bounds((0.05, 0.05), 1)
    assert wide[0] < alone[0], "three comparisons share the error rate"


def test_two_columns_are_compared_one_by_one_and_as_pairs() -> None:
    metric = find_metric("demographic_parity")
    both = metric.prepare(PEOPLE, Aim(by=("sex", "age"))).estimate
    assert both == pytest.approx(FAIRLEARN["demographic_parity", "sex"])
    groups, codes = find_groups(PEOPLE, "sex and age")
    assert groups[0] == "sex=f and age=mid"
    assert len(groups) == 6
    assert np.bincount(codes).sum() == len(PEOPLE)


@pytest.mark.parametrize("name", GAPS)
def test_what_has_no_gap_says_why(name: str) -> None:
    metric = find_metric(name)
    one = PEOPLE.select(PEOPLE.columns["sex"] == "f")
    assert "two groups" in metric.prepare(one, BY_SEX).unjudged
    few = PEOPLE.select(
        np.append(np.flatnonzero(PEOPLE.columns["sex"] == "f"), np.flatnonzero(PEOPLE.columns["sex"] == "m")[0])
    )
    assert "sex=m" in metric.prepare(few, replace(BY_SEX, smallest=30)).unjudged
    nameless = replace(PEOPLE, columns={"sex": np.full(len(PEOPLE), "")})
    assert "two groups" in metric.prepare(nameless, BY_SEX).unjudged
    if name != "group_calibration":
        constant = replace(PEOPLE, predictions=np.ones(len(PEOPLE), int))
        assert "every row is answered 'yes'" in metric.prepare(constant, BY_SEX).unjudged
        silent = replace(PEOPLE, predictions=np.full(len(PEOPLE), -1))
        assert "every row is answered nothing" in metric.prepare(silent, BY_SEX).unjudged


def test_a_group_with_one_label_has_no_recall_of_the_other() -> None:
    labels = np.where(PEOPLE.columns["sex"] == "f", 0, PEOPLE.labels)
    rows = replace(PEOPLE, labels=labels)
    unjudged = find_metric("equal_opportunity").prepare(rows, replace(BY_SEX, smallest=30)).unjudged
    assert "smaller are: sex=f: 0 (recall of yes)" in unjudged
    assert not find_metric("demographic_parity").prepare(rows, replace(BY_SEX, smallest=30)).unjudged
