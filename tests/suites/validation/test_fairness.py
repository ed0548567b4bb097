"""Gaps between groups judged on answered rows and through a gate: fair answers pass, a shifted threshold is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.core.dataset import Dataset
from harness.core.objective import PROFILES
from harness.core.objective_parser import parse_objective
from harness.core.plan import PlannedCheck
from harness.core.settings import DataSettings
from harness.core.verdict import Status, Verdict
from harness.metrics.answered_rows import AnsweredRows
from harness.run.fairness import judge_group_gap
from harness.run.labelled_rows import LabelledRows
from tests.conftest import run_gate
from tests.metrics.test_fairness import draw_people
from tests.services import Answered, serving


def judge(
    rows: AnsweredRows, metric: str, limit: str, left_out: tuple[str, ...] = (), sensitive: Any = ("sex",), **given: Any
) -> Verdict:
    """The verdict on rows whose data hold the same columns."""
    data = Dataset(
        "people",
        tuple([float(number)] for number in range(len(rows))),
        tuple(rows.labels.tolist()),
        columns={name: values.tolist() for name, values in rows.columns.items()},
        sensitive=sensitive,
    )
    objective = replace(parse_objective("validation", metric, limit, PROFILES["release"], **given), cap=len(rows))
    check = PlannedCheck("x", "validation", objective.level, "x", "estimate", alpha_fail=objective.alpha)
    settings = DataSettings(data, left_out=left_out)
    return judge_group_gap(rows, LabelledRows(asked=tuple(range(len(rows)))), settings, 1, objective, check)


LIMITS = [
    ("demographic_parity", "<= 0.1"),
    ("equal_opportunity", "<= 0.1"),
    ("equalized_odds", "<= 0.1"),
    ("disparate_impact", ">= 0.8"),
]
FAIR, SHIFTED = draw_people(6000, shift=0.0), draw_people(6000, shift=1.5)


@pytest.mark.parametrize(("metric", "limit"), LIMITS)
def test_fair_answers_pass_and_a_shifted_threshold_is_named(metric: str, limit: str) -> None:
    fair = judge(FAIR, metric, limit)
    assert fair.status is Status.PASS, fair.reason
    assert {part.name.partition(":")[0] for part in fair.slices} == {"sex=f", "sex=m"}
    assert all(part.n > 1000 for part in fair.slices)
    shifted = judge(SHIFTED, metric, limit)
    assert shifted.status is Status.FAIL
    assert " rows of sex=f " in shifted.reason.partition(":")[0]
    assert shifted.reason.partition(":")[0].endswith(" of sex=m")
    assert shifted.ci is not None
    assert any("speaks of the population" in note for note in shifted.notes)


def test_predictions_of_one_group_that_are_less_often_right() -> None:
    labels = FAIR.labels.copy()
    swapped = (FAIR.columns["sex"] == "f") & (FAIR.predictions == 1) & (np.arange(6000) % 3 == 0)
    labels[swapped] = 0
    assert judge(FAIR, "predictive_parity", "<= 0.1").status is Status.PASS
    verdict = judge(replace(FAIR, labels=labels), "predictive_parity", "<= 0.1")
    assert verdict.status is Status.FAIL
    assert "rows of sex=f answered 'yes' are labelled so, " in verdict.reason


def test_one_group_that_is_over_confident_is_named() -> None:
    generator = np.random.default_rng(3)
    chance = generator.uniform(0.1, 0.9, 6000)
    rows = replace(
        FAIR,
        labels=(generator.random(6000) < chance).astype(int),
        predictions=(chance > 0.5).astype(int),
        scores=np.column_stack([1 - chance, chance]),
    )
    healthy = judge(rows, "group_calibration", "<= 0.05")
    assert healthy.status is Status.PASS, healthy.reason
    logits = np.log(chance / (1 - chance)) * np.where(rows.columns["sex"] == "m", 3, 1)
    stated = 1 / (1 + np.exp(-logits))
    verdict = judge(replace(rows, scores=np.column_stack([1 - stated, stated])), "group_calibration", "<= 0.05")
    assert verdict.status is Status.FAIL
    assert "rows of sex=m have an ECE of" in verdict.reason


def test_an_intersection_shows_what_single_columns_hide() -> None:
    rows = draw_people(8000, shift=0.0)
    young_women = (rows.columns["sex"] == "f") == (rows.columns["age"] == "young")
    predictions = np.where(young_women & (np.arange(8000) % 5 == 0), 0, rows.predictions)
    rows = replace(rows, predictions=predictions)
    alone = judge(rows, "demographic_parity", "<= 0.08", sensitive=("sex",))
    assert alone.status is not Status.FAIL, alone.reason
    pairs = judge(rows, "demographic_parity", "<= 0.02", sensitive=("sex", "age"), by="sex and age")
    assert pairs.status is Status.FAIL
    assert "and age=" in pairs.reason
    assert len(pairs.slices) == 6


def test_small_groups_forbid_a_pass_unless_they_are_left_out() -> None:
    sex = FAIR.columns["sex"].copy()
    sex[5] = "x"
    rows = replace(FAIR, columns={"sex": sex})
    verdict = judge(rows, "demographic_parity", "<= 0.1")
    assert verdict.status is Status.INCONCLUSIVE
    assert "1 groups have fewer than the 30 rows that a share needs: sex=x (1)" in verdict.reason
    without = judge(rows, "demographic_parity", "<= 0.1", left_out=("sex=x",))
    assert without.status is Status.PASS
    assert any("left out by [data] leave_out: sex=x" in note for note in without.notes)
    assert judge(replace(SHIFTED, columns={"sex": sex}), "demographic_parity", "<= 0.01").n


def test_a_group_that_was_never_asked_forbids_a_pass() -> None:
    asked = FAIR.columns["sex"] != "f"
    asked[: np.flatnonzero(~asked)[40]] = True
    rows = FAIR.select(asked)
    known = replace(rows, columns={"sex": np.where(rows.columns["sex"] == "f", "m", "d")})
    assert judge(known, "demographic_parity", "<= 0.1").status is not Status.PASS


def test_failed_and_declined_rows() -> None:
    women = FAIR.columns["sex"] == "f"
    failed = replace(FAIR, failed=women, predictions=np.where(women, -1, FAIR.predictions))
    assert judge(failed, "demographic_parity", "<= 0.1").status is Status.FAIL
    declined = judge(replace(failed, declined=women), "demographic_parity", "<= 0.1")
    assert declined.status is Status.INCONCLUSIVE, declined.reason


def test_numbers_have_no_groups_of_classes() -> None:
    numbers = replace(FAIR, labels=FAIR.labels.astype(float), predictions=FAIR.labels.astype(float))
    assert "needs classes as labels" in judge(numbers, "demographic_parity", "<= 0.1").reason


@pytest.mark.simulation
@pytest.mark.parametrize("n", [100, 300, 1000, 10_000])
def test_fair_data_fail_in_at_most_five_of_a_hundred_runs(n: int) -> None:
    for metric, limit in (*LIMITS, ("predictive_parity", "<= 0.1"), ("group_calibration", "<= 0.05")):
        verdicts = [judge(draw_people(n, seed, shift=0.0), metric, limit).status for seed in range(100)]
        if metric != "group_calibration":  # of scores that are no true probabilities
            assert verdicts.count(Status.FAIL) <= 5, metric


def make_table(folder: Path, n: int = 1000) -> list[tuple[str, str, int]]:
    """A file of people whose label follows `x` alone."""
    generator = np.random.default_rng(4)
    people = [
        (str(generator.choice(["f", "m"])), str(generator.choice(["old", "young"])), int(generator.integers(0, 100)))
        for _ in range(n)
    ]
    lines = ["id,x,label,sex,age"]
    for number, (sex, age, x) in enumerate(people):
        lines.append(f"{number},{x},{'yes' if x >= 50 else 'no'},{sex},{age}")
    (folder / "people.csv").write_text("\n".join(lines) + "\n")
    return people


CONFIG = """
[endpoint]
protocol = "plain_json"
sample = [[0.0, 1.0]]
[data]
file = "people.csv"
sensitive = ["sex", "age"]
classes = ["no", "yes"]
[[objective]]
suite = "validation"
metric = "demographic_parity"
by = "sex"
limit = "<= 0.1"
[[objective]]
suite = "validation"
metric = "equal_opportunity"
by = "sex and age"
class = "no"
limit = "<= 0.1"
[[objective]]
suite = "validation"
metric = "disparate_impact"
limit = ">= 0.8"
margin = 0.1
"""


def test_a_gate_names_the_group_whose_threshold_is_shifted(tmp_path: Path) -> None:
    people = make_table(tmp_path)
    (tmp_path / "aiharness.toml").write_text(CONFIG)

    def answer(path: str, body: Any) -> Answered:
        if body is None:
            return 404, {}
        return 200, {
            "label": [
                "yes" if x >= 50 + 30 * (people[int(number)][0] == "f") else "no" for number, x in body["instances"]
            ]
        }

    with serving(answer) as url:
        outcome = run_gate(tmp_path, f"--ai-endpoint={url}", "--ai-allow-partial", "-k", "fairness", suite="validation")
    assert outcome.status == 1, outcome.out + outcome.err
    checks = [outcome.check(name) for name in ("[demographic_parity-sex]", "[disparate_impact]")]
    assert {row["verdict"] for row in checks} == {"FAIL"}
    assert outcome.check("[equal_opportunity-no-sex-and-age]")["verdict"] == "PASS"
    assert " rows of sex=f are answered 'yes', " in checks[0]["reason"]


Change = Callable[[str], str]
MISTAKES: list[tuple[Change, str]] = [
    (lambda text: text.replace('by = "sex"', 'by = "sexx"'), "unknown sensitive column 'sexx'"),
    (lambda text: text.replace('by = "sex"', 'by = "sex and sex"'), "must be one sensitive column or two"),
    (lambda text: text.replace('sensitive = ["sex", "age"]', 'slices = ["sex", "age"]'), "with [data] sensitive"),
    (
        lambda text: text.replace('sensitive = ["sex", "age"]', 'sensitive = ["sex", "ages"]'),
        "ages: there is no such column",
    ),
    (lambda text: text.replace('classes = ["no"', 'leave_out = ["sex=q"]\nclasses = ["no"'), "unknown group 'sex=q'"),
    (lambda text: text.replace('limit = "<= 0.1"', 'limit = ">= 0.1"', 1), "an upper bound between 0 and 1"),
    (lambda text: text.replace('metric = "disparate_impact"', 'metric = "mcc"\nby = "sex"'), "mcc takes no by"),
]


@pytest.mark.parametrize(("change", "words"), MISTAKES, ids=[words for _, words in MISTAKES])
def test_mistakes_in_the_configuration_are_one_clear_line(tmp_path: Path, change: Change, words: str) -> None:
    make_table(tmp_path, 60)
    (tmp_path / "aiharness.toml").write_text(change(CONFIG))
    outcome = run_gate(tmp_path, "--ai-endpoint=http://127.0.0.1:9", suite="validation")
    assert outcome.status == 4
    assert words in outcome.out + outcome.err
    assert "Traceback" not in outcome.out + outcome.err
