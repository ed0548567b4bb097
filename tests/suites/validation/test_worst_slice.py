"""A slice that is much worse is found and named, equal slices are not; answers that ignore the input fail."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.core.verdict import Status, Verdict
from harness.metrics.answered_rows import AnsweredRows, make_answered_rows
from harness.run.labelled_rows import LabelledRows
from harness.run.trivial_baseline import judge_trivial_baseline
from harness.run.worst_slice import judge_worst_slice
from tests.metrics.test_answered_rows import fail, make_flawless
from tests.metrics.test_families import BINARY, NUMBERS, ROWS, draw_vectors

COLUMNS = ("region", "age")


def draw_sliced(n: int = 1000, worse: float = 0.0, seed: int = 0, only: str = "") -> AnsweredRows:
    """Rows of four regions and three ages, right in 90 %, and by `worse` less in the south (of an age)."""
    generator = np.random.default_rng((n, seed))
    region, age = generator.choice(list("nesw"), n), generator.choice(["young", "mid", "old"], n)
    bad = (region == "s") & ((age == only) if only else True)
    labels = generator.integers(0, 3, n)
    predictions = np.where(generator.random(n) < 0.9 - worse * bad, labels, (labels + 1) % 3)
    columns = {"region": region.astype(np.str_), "age": age.astype(np.str_)}
    return make_answered_rows(labels, predictions, classes=tuple("abc"), columns=columns)


def judge(rows: AnsweredRows, margin: float = 0.1, **labelled: tuple[int, ...]) -> Verdict:
    return judge_worst_slice(rows, LabelledRows(asked=(0,), **labelled), COLUMNS, margin)  # type: ignore[arg-type]


def test_equal_slices_pass_and_a_bad_one_is_named() -> None:
    healthy = judge(draw_sliced())
    assert healthy.status is Status.PASS, healthy.reason
    assert healthy.limit_loosened == 0.2
    bad = judge(draw_sliced(worse=0.35))
    assert bad.status is Status.FAIL
    assert bad.reason.startswith("region=s")
    assert bad.p_adj is not None
    assert bad.p_adj < 0.05
    pair = judge(draw_sliced(2000, worse=0.5, only="old"))
    assert pair.status is Status.FAIL
    assert "region=s and age=old" in pair.reason
    small = judge(draw_sliced(150, worse=0.1))
    assert small.status is Status.INCONCLUSIVE
    assert "no slice of region has enough rows" in small.reason
    assert any("are not judged" in note for note in small.notes)


def test_what_cannot_be_compared_is_inconclusive() -> None:
    assert "no slice of region has enough rows" in judge(draw_sliced(60)).reason
    refused = judge(draw_sliced(100), refused=tuple(range(100)))
    assert "every row was refused" in refused.reason
    vectors = replace(draw_vectors(), columns={name: np.full(120, "x") for name in COLUMNS})
    assert "embeddings" in judge(vectors).reason


def test_rows_declined_with_429_make_no_slice_bad() -> None:
    rows = draw_sliced()
    south = rows.columns["region"] == "s"
    declined = replace(fail_rows(rows, south), declined=south)
    assert judge(declined).status is not Status.FAIL
    assert judge(fail_rows(rows, south)).status is Status.FAIL


def fail_rows(rows: AnsweredRows, which: np.ndarray) -> AnsweredRows:
    return replace(rows, failed=which, predictions=np.where(which, -1, rows.predictions))


def test_large_errors_of_numbers_are_compared() -> None:
    generator = np.random.default_rng(1)
    labels = generator.normal(0, 1, 1200)
    region = generator.choice(list("ns"), 1200)
    columns = {"region": region, "age": generator.choice(["mid", "old"], 1200)}
    for scale, status in ((1.0, Status.PASS), (4.0, Status.FAIL)):
        noise = generator.normal(0, 1, 1200) * np.where((region == "s"), scale, 1.0)
        rows = make_answered_rows(labels, labels + noise, columns=columns)
        assert judge(rows).status is status


@pytest.mark.simulation
def test_at_most_five_in_a_hundred_searches_are_wrong() -> None:
    """A slice that is worse by the margin is no FAIL, one that is worse by twice the margin no PASS."""
    runs = 200
    failed = sum(judge(draw_sliced(800, 0.1, seed)).status is Status.FAIL for seed in range(runs))
    passed = sum(judge(draw_sliced(800, 0.2, seed)).status is Status.PASS for seed in range(runs))
    assert failed <= 0.05 * runs + 7
    assert passed <= 0.05 * runs + 7


@pytest.mark.parametrize(
    "rows", [ROWS, BINARY, NUMBERS, draw_vectors()], ids=["classes", "binary", "numbers", "vectors"]
)
def test_a_model_beats_what_needs_no_input(rows: AnsweredRows) -> None:
    verdict = judge_trivial_baseline(rows, LabelledRows(asked=(1,)), 1)
    assert verdict.status is Status.PASS, verdict.reason
    all_failed = judge_trivial_baseline(fail(rows, np.arange(len(rows))), LabelledRows(asked=(1,)), 1)
    assert all_failed.status is Status.FAIL, all_failed.reason
    assert judge_trivial_baseline(make_flawless(rows).select(np.arange(48)), LabelledRows(asked=(1,)), 1).limit


def test_constant_and_random_answers_fail() -> None:
    generator = np.random.default_rng(1)
    rare = make_answered_rows((generator.random(1000) < 0.02).astype(int), np.zeros(1000, int), classes=("ok", "bad"))
    constant = judge_trivial_baseline(rare, LabelledRows(asked=(1,)), 1)
    assert rare.right.mean() > 0.95
    assert constant.status is not Status.PASS
    even = make_answered_rows(np.arange(2000) % 4, generator.integers(0, 4, 2000), classes=tuple("abcd"))
    assert judge_trivial_baseline(even, LabelledRows(asked=(1,)), 1).status is not Status.PASS
    always = replace(even, predictions=np.zeros(2000, int))
    assert judge_trivial_baseline(always, LabelledRows(asked=(1,)), 1).status is Status.FAIL
    one_class = replace(even, labels=np.zeros(2000, int))
    assert "all labels are one class" in judge_trivial_baseline(one_class, LabelledRows(asked=(1,)), 1).reason
    mean = replace(NUMBERS, predictions=np.full(len(NUMBERS), NUMBERS.labels.mean()))
    assert judge_trivial_baseline(mean, LabelledRows(asked=(1,)), 1).status is not Status.PASS
