"""Each seeded defect of a model is named by its check, and the healthy model passes the same configuration.

A sample of `python -m benchmarks.model_detection`, which serves all of them, and 50 healthy models.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks._detection import CheckRow, RunOutcome
from benchmarks.model_detection import find_naming_row, run_trial
from detection.model_defect import load_model_defects
from tests.catalogues import sample_cases

DEFECTS = load_model_defects()


@pytest.mark.slow
@pytest.mark.parametrize("name", sample_cases(DEFECTS, "missing_filled"))
def test_a_model_defect_is_named_and_its_healthy_twin_passes(name: str) -> None:
    outcome = run_trial(DEFECTS[name], 0, is_broken=True)
    assert find_naming_row(DEFECTS[name], outcome), (outcome.rows, outcome.trouble)
    twin = run_trial(DEFECTS[name], 0, is_broken=False)
    assert (twin.status, twin.find_failures()) == (0, ()), (twin.rows, twin.trouble)


def test_every_model_defect_names_a_check_that_exists() -> None:
    known = Path("tests/data/checks.txt").read_text("utf-8")
    assert len(DEFECTS) >= 20
    for defect in DEFECTS.values():
        assert f"ai-suite/validation/{defect.caught_by.partition('[')[0]}" in known, defect.name
        assert defect.words
        assert defect.n > 0


def test_only_a_failure_of_the_named_check_in_the_named_words_counts() -> None:
    defect = DEFECTS["slice_lower"]
    row = CheckRow(f"ai-suite/validation/{defect.caught_by}", "blocker", "FAIL", "region=2: 157 of 483 rows are wrong")
    assert find_naming_row(defect, RunOutcome("x", "", 1, 1.0, 6, (row,))) == row
    for other in (replace(row, reason="region=1"), replace(row, verdict="INCONCLUSIVE"), replace(row, id="other")):
        assert find_naming_row(defect, RunOutcome("x", "", 1, 1.0, 6, (other,))) is None


@pytest.mark.parametrize("name", ["labels_permuted", "slice_lower", "biased", "loops"])
def test_a_seed_draws_the_same_trial_each_time_and_another_seed_another_one(name: str) -> None:
    trial = DEFECTS[name].trial
    assert trial(3).files == trial(3).files
    assert trial(3).files != trial(4).files
