"""Labelled rows against a baseline: seeded losses fail, equal models pass, what proves nothing is inconclusive."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from harness.core.dataset import Dataset
from harness.core.gate import Policy
from harness.core.objective import PROFILES
from harness.core.objective_parser import parse_objective
from harness.core.plan import Plan, PlannedCheck
from harness.core.report import Report
from harness.core.tolerance import Tolerance
from harness.core.verdict import Level, Status, Verdict
from harness.io.rundir import SavedRun
from harness.metrics.answered_rows import AnsweredRows, make_answered_rows
from harness.run.answered_rows import build_answered_rows
from harness.run.flips import judge_changed, list_flips
from harness.run.labelled_rows import LabelledRows, compute_label_digest
from harness.run.paired_rows import PairedRows, find_mismatch, pair_rows
from harness.run.report_building import build_report
from harness.run.row_asking import RowBatch, RowState
from harness.run.row_comparison import compare_objective, judge_right

CHECK = PlannedCheck("x", "validation", Level.BLOCKER, "x", "estimate", alpha_fail=0.05)
CLASSES = ("cat", "dog", "fox")


def make_data(n: int) -> Dataset:
    labels = tuple(CLASSES[i % 3] for i in range(n))
    return Dataset("d", tuple([float(i)] for i in range(n)), labels, columns={"region": ["north", "south"] * (n // 2)})


def answer(data: Dataset, wrong: Iterable[int] = (), **more: Any) -> list[RowBatch]:
    """A batch for each row, answered with its label unless its number is among the wrong."""
    wrong_rows = set(wrong)
    labels = data.labels or ()
    return [
        RowBatch((i,), RowState.ANSWERED, (CLASSES[(i + (i in wrong_rows)) % 3],), **more) for i in range(len(labels))
    ]


def pair(
    folder: Path, ours: list[RowBatch], theirs: list[RowBatch], data: Dataset, cuts: Iterable[int] = ()
) -> PairedRows:
    path = folder / "theirs.jsonl"
    path.write_bytes(b"".join(msgspec.json.encode(batch) + b"\n" for batch in theirs))
    numbers = range(len(data.inputs))
    rows = build_answered_rows(data, numbers, numbers, ours)
    return pair_rows("old", rows, data, path, set(cuts), seed=1)


def judge(pairs: PairedRows, margin: float = 0.02) -> Verdict:
    flips = None if pairs.problem else list_flips(pairs)
    return judge_right(pairs, flips, margin, CHECK, seed=1)


def test_equal_models_pass_and_a_loss_over_the_margin_fails_and_says_which_rows(tmp_path: Path) -> None:
    data = make_data(600)
    same = judge(pair(tmp_path, answer(data, range(30)), answer(data, range(2, 32)), data))
    assert (same.status, same.limit, same.direction) == (Status.PASS, -0.02, ">="), same.reason
    worse = pair(tmp_path, answer(data, range(60)), answer(data, range(10)), data)
    verdict = judge(worse)
    assert verdict.status is Status.FAIL
    assert verdict.reason.startswith("worse than the baseline by over 0.02: of 600 rows 50 are newly wrong and 0 newly")
    assert verdict.estimate == pytest.approx(-50 / 600)
    assert any("rows 10, 11, 12" in note for note in verdict.notes)
    flips = list_flips(worse)
    assert flips.write_csv().splitlines()[:2] == [
        b"row,label,baseline,endpoint,change",
        b"10,dog,dog,fox,newly wrong",
    ]
    assert (
        "row 10, labelled 'dog', was answered 'dog' by the baseline and is answered 'fox'"
        in flips.show(data)[0].summary
    )


def test_the_smallest_loss_that_such_a_sample_shows_is_stated(tmp_path: Path) -> None:
    data = make_data(120)
    verdict = judge(pair(tmp_path, answer(data, range(10)), answer(data, range(5, 15)), data))
    assert verdict.status is Status.INCONCLUSIVE
    assert verdict.n_needed
    assert any(note.endswith("would FAIL in 8 of 10 samples of this size") for note in verdict.notes)


def test_slices_are_shown_with_their_own_difference(tmp_path: Path) -> None:
    data = make_data(600)
    wrong = [i for i in range(200) if i % 2]
    slices = {part.name: part for part in judge(pair(tmp_path, answer(data, wrong), answer(data), data)).slices}
    assert slices["region=north"].estimate == 0
    assert slices["region=south"].estimate == pytest.approx(-1 / 3)


@pytest.mark.parametrize(
    ("state", "expected"),
    [(RowState.FAILED, Status.FAIL), (RowState.UNLABELLED, Status.FAIL), (RowState.DECLINED, Status.INCONCLUSIVE)],
)
def test_our_failures_count_as_wrong_and_declined_rows_show_nothing(
    state: RowState, expected: Status, tmp_path: Path
) -> None:
    data = make_data(600)
    ours = [RowBatch(b.rows, state) if b.rows[0] < 60 else b for b in answer(data)]
    assert judge(pair(tmp_path, ours, answer(data), data)).status is expected


def test_a_baseline_that_fails_compares_nothing_and_is_no_reason_to_pass(tmp_path: Path) -> None:
    data = make_data(600)
    failing = [RowBatch(b.rows, RowState.FAILED) if b.rows[0] < 100 else b for b in answer(data)]
    compared = pair(tmp_path, answer(data, range(90)), failing, data)
    assert len(compared) == 500
    assert judge(compared).status is Status.PASS  # the rows that we have wrong are those that it failed on
    assert "the baseline failed on 100 rows" in compared.notes[0]
    dead = pair(tmp_path, answer(data), [RowBatch(b.rows, RowState.FAILED) for b in answer(data)], data)
    half = pair(tmp_path, answer(data), answer(data)[:250], data)
    nothing = pair(tmp_path, answer(data), [], data)
    for pairs, words in ((dead, "none of the 600"), (half, "only 250 of the 600"), (nothing, "none of the 600")):
        verdict = judge(pairs)
        assert (verdict.status, verdict.n) == (Status.INCONCLUSIVE, 0)
        assert words in verdict.reason


def test_a_baseline_that_reads_no_input_proves_nothing(tmp_path: Path) -> None:
    data = make_data(600)
    constant = [RowBatch(b.rows, RowState.ANSWERED, ("cat",)) for b in answer(data)]
    verdict = judge(pair(tmp_path, answer(data, range(200)), constant, data))
    assert verdict.status is Status.INCONCLUSIVE
    assert "no better than if nobody read the input" in verdict.reason
    foreign = [RowBatch(b.rows, RowState.ANSWERED, ("LABEL_1",)) for b in answer(data)]
    verdict = judge(pair(tmp_path, answer(data), foreign, data))
    assert verdict.status is Status.INCONCLUSIVE
    assert "do not name the classes alike" in verdict.reason


def test_answers_that_the_limit_of_tokens_cuts_on_one_side_alone_are_not_compared(tmp_path: Path) -> None:
    data = make_data(300)
    verdict = judge(pair(tmp_path, answer(data), answer(data), data, cuts=range(30)))
    assert verdict.status is Status.INCONCLUSIVE
    assert "cuts 30 of 300 answers here and 0 of the baseline's" in verdict.reason
    assert judge(pair(tmp_path, answer(data), answer(data, cut=True), data, cuts=range(300))).status is Status.PASS


def test_answers_that_are_all_the_same_are_said_to_be(tmp_path: Path) -> None:
    data = make_data(300)
    verdict = judge(pair(tmp_path, answer(data, [3]), answer(data, [3]), data))
    assert verdict.status is Status.PASS
    assert any("is it another model at all?" in note for note in verdict.notes)
    assert not any("another model" in note for note in pair(tmp_path, answer(data, [3]), answer(data), data).notes)


def test_a_shift_of_the_predictions_is_described(tmp_path: Path) -> None:
    data = make_data(300)
    shifted = answer(data, [i for i in range(90) if i % 3 == 0])
    verdict = judge(pair(tmp_path, shifted, answer(data), data))
    assert any("30 of 300 predictions differ; the shares of the classes shift by 10 points" in n for n in verdict.notes)


def make_numbers(n: int, noise: float, seed: int) -> AnsweredRows:
    labels = np.random.default_rng(3).normal(50, 10, n)
    return make_answered_rows(labels, labels + np.random.default_rng(seed).normal(0, noise, n))


def test_numbers_are_compared_by_r2_and_by_the_objectives(tmp_path: Path) -> None:
    old, same, worse = make_numbers(500, 2, 1), make_numbers(500, 2, 2), make_numbers(500, 5, 2)
    assert judge_right(PairedRows("old", same, old), None, 0.02, CHECK, 1).status is Status.PASS
    assert judge_right(PairedRows("old", worse, old), None, 0.02, CHECK, 1).status is Status.FAIL
    objective = parse_objective("validation", "mae", "<= 6", PROFILES["release"], margin=1.0)
    assert compare_objective(PairedRows("old", same, old), objective, CHECK, 1).status is Status.PASS
    verdict = compare_objective(PairedRows("old", worse, old), objective, CHECK, 1)
    assert (verdict.status, verdict.limit, verdict.direction) == (Status.FAIL, 1.0, "<=")


def test_changed_answers_are_counted_right_or_wrong(tmp_path: Path) -> None:
    data = make_data(300)
    pairs = pair(tmp_path, answer(data, range(40)), answer(data, range(20, 60)), data)
    for limit, expected in ((0.0, Status.FAIL), (0.05, Status.FAIL), (0.2, Status.PASS)):
        check = replace(CHECK, limit=limit)
        verdict = judge_changed(pairs, limit, Tolerance(), check, PROFILES["release"])
        assert verdict.status is expected, (limit, verdict.reason)
    same = pair(tmp_path, answer(data), answer(data), data)
    assert judge_changed(same, 0.0, Tolerance(), CHECK, PROFILES["release"]).status is Status.PASS
    old = make_numbers(100, 2, 1)
    close = replace(old, predictions=old.predictions * (1 + 1e-8))
    assert (
        judge_changed(PairedRows("o", close, old), 0.0, Tolerance(), CHECK, PROFILES["release"]).status is Status.PASS
    )
    far = replace(old, predictions=old.predictions + 0.01)
    assert judge_changed(PairedRows("o", far, old), 0.0, Tolerance(), CHECK, PROFILES["release"]).status is Status.FAIL


def test_other_labels_or_names_of_classes_have_another_digest() -> None:
    data = make_data(30)
    digests = {compute_label_digest(data)}
    digests.add(compute_label_digest(replace(data, labels=CLASSES[::-1] * 10)))
    digests.add(compute_label_digest(replace(data, classes=CLASSES)))
    assert len(digests) == 3
    assert compute_label_digest(make_data(30)) in digests


def test_a_saved_run_is_a_baseline_where_it_passed_with_the_same_data_and_parameters(tmp_path: Path) -> None:
    policy = {"data": "digest", "options": '{"validation": {"temperature": 0}, "smoke": {"n": 1}}'}
    good = build_report(SavedRun(Plan((), (), policy=tuple(policy.items())), {}), policy=Policy())
    version = {"aiharness": importlib.metadata.version("aiharness")}
    good = replace(good, run=replace(good.run, verdict=Status.PASS), environment=version)
    answers = tmp_path / "answers.jsonl"
    answers.write_text("")
    (tmp_path / "accuracy.json").write_bytes(msgspec.json.encode(LabelledRows(label_digest="one")))

    def find(report: Report = good, digest: str = "one", **other: str) -> str:
        return find_mismatch(report, policy | other, LabelledRows(label_digest=digest), answers)

    assert find() == ""
    assert find(options='{"validation": {"temperature": 0}}') == ""
    assert "only a PASS" in find(replace(good, run=replace(good.run, verdict=Status.FAIL)))
    assert "another version" in find(replace(good, environment={"aiharness": "0.0"}))
    assert "other data" in find(data="other")
    assert "{'temperature': 0} there, {'temperature': 1} here" in find(options='{"validation": {"temperature": 1}}')
    assert "other labels" in find(digest="two")


@pytest.mark.simulation
@pytest.mark.parametrize("n", [100, 1000])
@pytest.mark.parametrize("true_loss", [0.0, 0.05])
def test_an_equal_model_seldom_fails_and_one_at_the_margin_seldom_passes(n: int, true_loss: float) -> None:
    """A model that loses `true_loss` of the rows: of 200 samples at most 5 %, and sampling error, may be wrong."""
    generator, verdicts, labels = np.random.default_rng(7), [], np.zeros(n, np.int64)
    labels[n // 2 :] = 1
    for _ in range(200):
        draw = generator.random(n)
        old = np.where(draw < 0.1, 1 - labels, labels)
        flipped = generator.random(n) < np.where(draw < 0.1, 0.3, 0.03 / 0.9 + true_loss / 0.9)
        new = np.where(flipped, 1 - old, old)
        ours, theirs = (make_answered_rows(labels, x, classes=("a", "b")) for x in (new, old))
        verdicts.append(
            judge_right(
                PairedRows("old", ours, theirs), list_flips(PairedRows("o", ours, theirs)), 0.05, CHECK, 1
            ).status
        )
    wrong = Status.FAIL if true_loss == 0 else Status.PASS
    assert verdicts.count(wrong) <= 17
