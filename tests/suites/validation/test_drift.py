"""Drift on samples and through a gate: the same distribution passes, a moved column is named, few rows tell nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.core.dataset import Dataset
from harness.core.drift import DriftSettings
from harness.core.errors import ConfigError
from harness.core.objective import PROFILES
from harness.core.objective_parser import parse_objective
from harness.core.plan import PlannedCheck
from harness.core.verdict import Status, Verdict
from harness.io.dataset import read_dataset
from harness.metrics.answered_rows import AnsweredRows, make_answered_rows
from harness.run.answered_rows import build_answered_rows
from harness.run.drift import judge_answer_drift, judge_input_drift
from harness.run.labelled_rows import LabelledRows
from harness.run.quality import judge_quality
from harness.run.row_asking import RowBatch, RowState
from tests.conftest import run_gate
from tests.metrics.test_answered_rows import fail
from tests.services import Answered, serving


def draw_inputs(n: int, seed: int, moved: int = 0, width: int = 12, shift: float = 0.8) -> Dataset:
    """Rows of numbers, of which some columns are moved."""
    table = np.random.default_rng((n, seed)).normal(size=(n, width))
    table[:, :moved] += shift
    return Dataset("rows", tuple(table.tolist()), names=tuple(f"c{index}" for index in range(width)))


def judge_inputs(now: Dataset, reference: Dataset, **settings: Any) -> Verdict:
    return judge_input_drift(now, DriftSettings(reference, **settings), 1)


@pytest.mark.parametrize("measure", ["psi", "ks"])
def test_moved_columns_are_named_and_others_pass(measure: str) -> None:
    reference = draw_inputs(1000, 1)
    still = judge_inputs(draw_inputs(1000, 2), reference, measure=measure)
    assert still.status is Status.PASS, still.reason
    assert len(still.slices) == 12
    moved = judge_inputs(draw_inputs(1000, 2, moved=2), reference, measure=measure)
    assert moved.status is Status.FAIL
    assert moved.reason.startswith("the inputs have drifted in 2 of 12 columns: c")
    assert "median 0.8" in moved.reason or "median 0.7" in moved.reason
    assert {"c0", "c1"} == {part.name for part in moved.slices[:2]}
    few = judge_inputs(draw_inputs(90, 2), draw_inputs(90, 1), measure=measure)
    assert few.status is Status.INCONCLUSIVE, few.reason
    assert few.n_needed is None or few.n_needed > 90
    none = judge_inputs(draw_inputs(20, 2), reference, measure=measure)
    assert "20 rows are too few" in none.reason


def test_objects_texts_and_columns_that_are_missing() -> None:
    generator = np.random.default_rng(5)
    cities = [
        {"city": str(city), "age": float(age)}
        for city, age in zip(generator.choice(list("abc"), 600), generator.normal(size=600), strict=True)
    ]
    moved = [row if place % 2 else {**row, "city": "z"} for place, row in enumerate(cities)]
    verdict = judge_inputs(Dataset("now", tuple(moved)), Dataset("was", tuple(cities)))
    assert verdict.status is Status.FAIL
    assert "1 of 2 columns: city; PSI of city" in verdict.reason
    assert "'z' in 50 %, was 0 %" in verdict.reason
    missing = judge_inputs(Dataset("now", tuple(moved)), Dataset("was", tuple({"age": 1.0} for _ in range(60))))
    assert "the reference has no column 'city'; it has age" in missing.reason
    longer = tuple("word " * int(n) for n in generator.integers(5, 60, 400))
    shorter = tuple("word " * int(n) for n in generator.integers(5, 20, 400))
    texts = judge_inputs(Dataset("now", longer), Dataset("was", shorter))
    assert "words of the text" in texts.reason


def draw_answers(n: int, seed: int, share: float = 0.5, **given: Any) -> AnsweredRows:
    generator = np.random.default_rng((n, seed))
    predictions = (generator.random(n) < share).astype(int)
    return make_answered_rows(predictions, predictions, classes=("no", "yes"), **given)


def judge_answers(before: AnsweredRows, now: AnsweredRows) -> Verdict:
    return judge_answer_drift(before, now, DriftSettings(), 1, "the answers", ())


def test_answers_of_every_kind() -> None:
    before = draw_answers(800, 1)
    assert judge_answers(before, draw_answers(800, 2)).status is Status.PASS
    moved = judge_answers(before, draw_answers(800, 2, 0.8))
    assert moved.status is Status.FAIL
    assert "the answers have drifted in 1 of 1 columns: answer; PSI of answer" in moved.reason
    generator = np.random.default_rng(1)
    numbers = [
        make_answered_rows(values, values) for values in (generator.normal(size=500), generator.normal(0.9, 1, 500))
    ]
    assert judge_answers(numbers[0], numbers[1]).status is Status.FAIL
    vectors = generator.normal(size=(3, 300, 8))
    vectors[2, :, :2] += 1.5
    rows = [make_answered_rows(np.zeros(300, int), np.full(300, -1), vectors=part) for part in vectors]
    assert judge_answers(rows[0], rows[1]).status is Status.PASS
    verdict = judge_answers(rows[0], rows[2])
    assert verdict.status is Status.FAIL
    assert verdict.limit == 0.02
    wider = make_answered_rows(np.zeros(300, int), np.full(300, -1), vectors=np.ones((300, 9)))
    assert "vectors have 9 numbers, and had 8" in judge_answers(rows[0], wider).reason
    assert "too few" in judge_answers(rows[0], rows[1].select(np.arange(55))).reason


def test_a_higher_confidence_is_drift_though_the_classes_are_the_same() -> None:
    generator = np.random.default_rng(2)
    chance = generator.uniform(0.5, 0.8, (2, 800))
    scores = [np.column_stack([1 - part, part]) for part in (chance[0], chance[1] ** 0.3)]
    before, now = (draw_answers(800, seed, scores=part) for seed, part in enumerate(scores))
    verdict = judge_answers(before, now)
    assert verdict.status is Status.FAIL
    assert "columns: confidence; PSI of confidence" in verdict.reason


def test_failed_and_declined_rows() -> None:
    before = replace(draw_answers(800, 1), scores=np.full((800, 2), 0.5))
    failed = judge_answers(before, fail(before, np.arange(0, 800, 2)))
    assert failed.status is Status.FAIL
    assert "'no answer' in 50 %, was 0 %" in failed.reason
    declined = replace(fail(before, np.arange(0, 800, 2)), declined=np.arange(800) % 2 == 0)
    assert judge_answers(before, declined).status is not Status.FAIL
    assert "no row was answered" in judge_answers(before, fail(before, np.arange(800))).reason


@pytest.mark.simulation
@pytest.mark.parametrize("n", [100, 300, 1000])
@pytest.mark.parametrize("measure", ["psi", "ks"])
def test_no_drift_fails_and_drift_of_twice_the_limit_passes_in_at_most_five_of_a_hundred(n: int, measure: str) -> None:
    runs = 60
    still = [
        judge_inputs(draw_inputs(n, seed + 1, width=30), draw_inputs(n, -0 + seed + 500, width=30), measure=measure)
        for seed in range(runs)
    ]
    assert sum(verdict.status is Status.FAIL for verdict in still) <= 3
    shift = 0.46 if measure == "psi" else 0.51  # a PSI, or a distance, of .2
    moved = [
        judge_inputs(draw_inputs(n, seed + 1, 1, 30, shift), draw_inputs(n, seed + 500, width=30), measure=measure)
        for seed in range(runs)
    ]
    assert sum(verdict.status is Status.PASS for verdict in moved) <= 3 + 4


CONFIG = """
[endpoint]
protocol = "plain_json"
sample = [[0.0, 1.0]]
[data]
file = "now.csv"
time = "when"
[drift]
reference = "was.csv"
"""


def write_table(path: Path, n: int, seed: int, shift: float = 0.0, recorded: bool = False) -> None:
    generator = np.random.default_rng((n, seed))
    lines = ["size,weight,label,when" + ",answered" * recorded]
    for place in range(n):
        size, weight = generator.normal(shift), generator.normal()
        label = "big" if size > 0 else "small"
        day = f"2026-{1 + place * 12 // n:02d}-03T0{place % 9}:00:00"
        lines.append(f"{size:.4f},{weight:.4f},{label},{day}" + f",{label}" * recorded)
    path.write_text("\n".join(lines) + "\n")


def answer(path: str, body: Any) -> Answered:
    if body is None:
        return 404, {}
    return 200, {"label": ["big" if size > 0 else "small" for size, _ in body["instances"]]}


@pytest.mark.parametrize("recorded", [False, True])
def test_a_gate_names_the_column_that_has_drifted(tmp_path: Path, recorded: bool) -> None:
    write_table(tmp_path / "was.csv", 500, 1, recorded=recorded)
    write_table(tmp_path / "now.csv", 500, 2, shift=1.0)
    extra = 'prediction = "answered"\n' if recorded else ""
    (tmp_path / "aiharness.toml").write_text(CONFIG + extra)
    with serving(answer) as url:
        outcome = run_gate(
            tmp_path, f"--ai-endpoint={url}", "--ai-allow-partial", "-k", "drift or degradation", suite="validation"
        )
    assert outcome.status == 1, outcome.out + outcome.err
    inputs, answers = outcome.check("::test_inputs"), outcome.check("::test_answers")
    assert inputs["verdict"] == "FAIL"
    assert "in 1 of 2 columns: size" in inputs["reason"]
    assert answers["verdict"] == "FAIL"
    assert f"the answers to the reference are {'recorded' if recorded else 'asked in this run'}" in answers["notes"]
    assert outcome.check("::test_decline")["verdict"] == "PASS"
    assert outcome.check("::test_newest_answers")["verdict"] != "FAIL"


Change = Callable[[str], str]
MISTAKES: list[tuple[Change, str]] = [
    (lambda text: text.replace("was.csv", "gone.csv"), "does not exist"),
    (lambda text: text + 'prediction = "answer"', "there is no such column"),
    (lambda text: text.replace('reference = "was.csv"', 'prediction = "answered"'), "give its file with reference"),
    (lambda text: text + "limit = 0", "limit"),
    (lambda text: text + "vector_limit = 0.7", "must be a distance under 0.5"),
    (lambda text: text + 'measure = "jensen"', "measure"),
    (lambda text: text.replace('time = "when"', 'time = "label"'), "is no time; give ISO 8601"),
    (lambda text: text.replace('time = "when"', 'time = "then"'), "there is no such column"),
    (
        lambda text: text.replace('time = "when"', 'time = "when"\ntime_margin = 0.6'),
        "a difference of shares over 0 and under 0.5",
    ),
    (lambda text: text.replace("was.csv", "narrow.csv"), "there is no such column"),
]


@pytest.mark.parametrize(
    ("change", "words"), MISTAKES, ids=[f"{place}-{words}" for place, (_, words) in enumerate(MISTAKES)]
)
def test_mistakes_in_the_configuration_are_one_clear_line(tmp_path: Path, change: Change, words: str) -> None:
    write_table(tmp_path / "was.csv", 60, 1)
    write_table(tmp_path / "now.csv", 60, 2)
    (tmp_path / "narrow.csv").write_text("size,label\n1,big\n")
    (tmp_path / "aiharness.toml").write_text(change(CONFIG))
    outcome = run_gate(tmp_path, "--ai-endpoint=http://127.0.0.1:9", suite="validation")
    assert outcome.status == 4, outcome.out
    assert words in outcome.out + outcome.err
    assert "Traceback" not in outcome.out + outcome.err


UNLABELLED = """
[endpoint]
url = "{url}"
protocol = "plain_json"
sample = [[0.5, 0.5]]
[data]
file = "today.{ending}"
labelled = false
[drift]
reference = "before.csv"
prediction = "answered"
"""


def write_unlabelled(folder: Path, ending: str, share: float) -> None:
    """What was answered before, and rows of today without labels, of which a share is over .5 in the first column."""
    before, today = (np.random.default_rng(seed).random((600, 2)) for seed in (1, 2))
    lines = [f"{a},{b},{int(a > 0.5)}" for a, b in before]
    (folder / "before.csv").write_text("\n".join(["a,b,answered", *lines]) + "\n")
    today[:, 0] = np.where(np.random.default_rng(3).random(600) < share, 0.5, 0.0) + today[:, 0] / 2
    lines = [f"{a},{b}" for a, b in today]
    if ending == "jsonl":
        lines = [json.dumps({"input": row}) for row in today.tolist()]
    head = [] if ending == "jsonl" else ["a,b"]
    (folder / f"today.{ending}").write_text("\n".join([*head, *lines]) + "\n")


@pytest.mark.parametrize(("share", "status"), [(0.5, "PASS"), (0.9, "FAIL")])
def test_the_answers_to_rows_without_labels_are_compared_and_nothing_that_needs_labels_is_judged(
    tmp_path: Path, share: float, status: str
) -> None:
    write_unlabelled(tmp_path, "csv", share)
    with serving(lambda path, body: (200, {"predictions": [int(row[0] > 0.5) for row in body["instances"]]})) as url:
        (tmp_path / "aiharness.toml").write_text(UNLABELLED.format(url=url, ending="csv"))
        outcome = run_gate(tmp_path, "-k", "drift or baseline or slice", "--ai-allow-partial", suite="validation")
    for check in ("test_drift.py::test_answers", "test_drift.py::test_inputs"):
        assert outcome.check(check)["verdict"] == status, outcome.out
    assert outcome.gate
    assert not [row["id"] for row in outcome.gate["checks"] if "trivial" in row["id"] or "slice" in row["id"]]
    assert "the data have no labels ([data] labelled)" in (outcome.run_dir / "report.html").read_text()


def test_figures_of_rows_without_labels_are_not_judged(tmp_path: Path) -> None:
    write_unlabelled(tmp_path, "jsonl", 0.5)
    data = read_dataset(tmp_path / "today.jsonl", label="")
    assert (data.labels, data.answers, data.asked_for) == (None, "", "classes")
    rows = build_answered_rows(data, (0, 1), (0, 1), [RowBatch((0,), RowState.ANSWERED, ("7",))])
    assert (rows.classes, rows.predictions.tolist(), rows.label_count) == (("7",), [0, -1], 0)
    numbers = build_answered_rows(replace(data, task="regression"), (0,), (), [])
    assert numbers.failed.tolist() == [True]
    objective = parse_objective("validation", "macro_f1", ">= 0.9", PROFILES["release"])
    check = PlannedCheck("x", "validation", objective.level, "x", "estimate", alpha_fail=0.05)
    verdict = judge_quality(rows, LabelledRows(asked=(0, 1)), data, 1, objective, check)
    assert verdict.status is Status.INCONCLUSIVE
    assert "no labels" in verdict.reason
    np.savez(tmp_path / "x.npz", x=np.ones((3, 2)))
    with pytest.raises(ConfigError, match="rows without labels are read from"):
        read_dataset(tmp_path / "x.npz", label="")
