"""The model card: figures with bounds by part, and what was not decided or assessed; nothing of other suites."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from harness.core.report import CheckRow, Report
from harness.core.verdict import Level, Slice, Status

if TYPE_CHECKING:
    from tests.reports.conftest import Render


def make_row(
    file: str, title: str, verdict: Status = Status.PASS, suite: str = "validation", **more: object
) -> CheckRow:
    estimate: dict[str, Any] = {
        "metric": "accuracy", "estimate": 0.91, "ci": (0.88, 0.93), "limit": 0.9, "direction": ">=", "n": 500,
        "method": "Clopper-Pearson",
    }  # fmt: skip
    row = CheckRow(f"ai-suite/{suite}/{file}.py::test_x", suite, Level.BLOCKER, title, "estimate", verdict, "because")
    return replace(row, **{**estimate, **more})


ROWS = (
    make_row("test_accuracy", "accuracy >= 90 %", slices=(Slice("region=north", 120, 0.87, (0.8, 0.92)),)),
    make_row("test_quality", "ece <= 0.05", Status.FAIL, metric="ECE"),
    make_row("test_fairness", "equalized odds by sex", metric="gap"),
    make_row("test_baseline", "as often right as the baseline", notes=("it speaks of the population",)),
    make_row("test_leakage", "no leak", Status.INCONCLUSIVE, estimate=None, ci=None, limit=None),
    make_row("test_square", "robust accuracy", suite="adversarial"),
    make_row("test_baseline", "the attack is better than noise", suite="adversarial"),
    make_row("test_latency", "latency p95", suite="load"),
    make_row("test_golden", "golden", Status.SKIPPED),
    make_row("test_baseline", "no worse than the baseline: ece", metric="difference of ECE"),
    replace(make_row("x", "unprovoked failures"), id="ai-run/unprovoked_failures"),
    replace(
        make_row("x", "answers read the input"), id="ai-suite/validation/test_worst_slice.py::test_trivial_baseline"
    ),
)


@pytest.fixture
def card(sample: Report, render: Render) -> str:
    plan = replace(sample.plan, policy=(("data", "0123abcd"), ("seed", "7")), not_judged=("drift: no data",))
    return render("card", replace(sample, checks=ROWS, plan=plan))


def cut_part(card: str, name: str) -> str:
    return card.partition(f"### {name}\n")[2].partition("### ")[0]


def test_each_figure_stands_in_its_part_with_bounds_limit_and_n(card: str) -> None:
    assert card.startswith("## FAIL: model card of ")
    assert "SHA-256 0123abcd, seed 7" in card
    plain = card.replace("\\", "").replace("&#8203;", "")
    assert "| PASS | accuracy &gt;= 90 % | 91 % | 88 % to 93 % | ≥ 90 % | 500 |" in plain
    for part, title in (
        ("Calibration", "ece"),
        ("Fairness", "equalized odds by sex"),
        ("Against the baseline", "as often right as the baseline"),
        ("Robustness", "robust accuracy"),
        ("Robustness", "the attack is better than noise"),
        ("Leakage", "no leak: because"),
        ("Against the baseline", "no worse than the baseline: ece"),
        ("Quality", "answers read the input"),
    ):
        assert title in cut_part(card, part), part
    assert "ece" not in cut_part(card, "Quality")
    assert "answers read the input" not in cut_part(card, "Slices")
    assert "region=north" in cut_part(card, "Figures of slices").replace("\\", "")
    assert "latency p95" not in card
    assert "unprovoked" not in card
    assert "golden" not in card


def test_what_is_open_and_what_was_not_assessed_is_said(card: str) -> None:
    undecided = cut_part(card, "Not decided")
    assert "INCONCLUSIVE: no leak" in undecided
    assert "FAIL: ece" in undecided
    assert "drift: no data" in cut_part(card, "Not assessed")
    assert "it speaks of the population" in card
    assert "are no part of a test" in card


def test_a_run_without_checks_of_the_model_says_so(empty: Report, render: Render) -> None:
    assert "No check of the model was run" in render("card", empty)


def test_what_a_service_names_itself_is_no_markup(hostile: Report, render: Render) -> None:
    page = render("card", hostile)
    assert "<script" not in page
    assert len(page.encode()) < 65_536
