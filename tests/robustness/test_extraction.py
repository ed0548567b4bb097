"""Copies of models: of services whose answers give much away, and of some whose answers add nothing."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from harness.core.dataset import Dataset
from harness.core.plan import PlannedCheck
from harness.core.verdict import Level, Status
from harness.robustness.extraction import Copy, Extraction, explain_uncopied
from harness.robustness.extraction_judging import judge_extraction
from harness.stats.intervals import clopper_pearson_lower
from tests.conftest import run_gate
from tests.services import Digits, digits, serving

HAS_TORCH = importlib.util.find_spec("torch") is not None
CHECK = PlannedCheck("ai-suite/adversarial/test_extraction.py::test_extraction", "adversarial", Level.INFO, "t")
CONFIG = """
[endpoint]
protocol = "plain_json"
[data]
file = "digits.csv"
[adversarial]
eps = 1.0
high = 16.0
extraction = 300
"""


def judge(*copies: Copy, declined: int = 0) -> tuple[Status, str]:
    verdict = judge_extraction(Extraction(copies, 1000, 60, declined), CHECK)
    return verdict.status, " ".join((verdict.reason, *verdict.notes))


def make_copy(agreed: int, control: int, gained: int, *, kind: str = "natural", queries: int = 1000) -> Copy:
    return Copy(kind, queries, 500, agreed, control, gained, gained - (agreed - control))


def test_a_close_copy_fails_where_the_answers_add_to_it() -> None:
    status, words = judge(make_copy(480, 400, 90))
    assert status is Status.FAIL
    assert "after 1000 natural rows a copy agrees on 96.0% of 500 unseen rows" in words
    assert "nothing noticed it" in words


def test_a_close_copy_that_is_as_close_without_a_question_passes() -> None:
    assert judge(make_copy(485, 484, 3))[0] is Status.PASS
    assert judge(make_copy(485, 470, 20))[0] is not Status.FAIL or clopper_pearson_lower(20, 25, 0.05) > 0.5


def test_a_copy_far_from_the_model_passes_and_one_at_the_limit_is_not_decided() -> None:
    assert judge(make_copy(400, 100, 320, kind="random"))[0] is Status.PASS
    assert judge(make_copy(450, 100, 370, kind="random"))[0] is Status.INCONCLUSIVE


def test_the_copy_after_the_most_rows_of_each_kind_is_judged_and_all_are_shown() -> None:
    few, many = make_copy(300, 250, 80, queries=100), make_copy(480, 400, 90)
    mixed = make_copy(460, 455, 10, kind="mixed")
    verdict = judge_extraction(Extraction((few, many, mixed), 2000, 100, 7), CHECK)
    assert verdict.status is Status.FAIL
    assert [part.name for part in verdict.slices] == ["natural, 100 rows", "natural, 1000 rows", "mixed, 1000 rows"]
    assert "natural rows: 90 % agreement after 1000" in verdict.notes
    assert any("7 of 100 requests were declined" in note for note in verdict.notes)


def test_no_copy_and_few_rows_decide_nothing() -> None:
    assert judge()[0] is Status.INCONCLUSIVE
    assert judge(Copy("natural", 100, 40, 40, 10, 30, 0))[0] is Status.INCONCLUSIVE
    assert judge_extraction(Extraction(problem="one answer"), CHECK).status is Status.SKIPPED


def test_only_classifiers_of_rows_are_copied() -> None:
    assert explain_uncopied(Dataset("a", [[1.0], [2.0]], ["x", "y"])) == ""
    assert explain_uncopied(Dataset("a", ["a text", "another"], ["x", "y"]))
    assert explain_uncopied(None)


@pytest.mark.simulation
def test_at_the_limit_few_fail() -> None:
    """Copies that truly agree on 90 %, with a control far below: the share of FAILs stays under 5 % a kind."""
    draw = np.random.default_rng(5)
    failed = 0
    for _ in range(2000):
        agreed = int(draw.binomial(500, 0.9))
        failed += judge(Copy("random", 1000, 500, agreed, 100, agreed - 100, 0))[0] is Status.FAIL
    assert failed <= 2000 * 0.05


def write_digits(folder: Path) -> None:
    data = digits(800)
    lines = [",".join(["label", *(f"p{number}" for number in range(64))])]
    for row, label in zip(data.inputs, data.labels or (), strict=True):
        lines.append(",".join([str(label), *map(str, np.ravel(row))]))
    (folder / "digits.csv").write_text("\n".join(lines) + "\n")
    (folder / "aiharness.toml").write_text(CONFIG)


@pytest.mark.skipif(HAS_TORCH, reason="torch is installed")
def test_without_torch_the_gate_says_what_to_install(tmp_path: Path, reference: str) -> None:
    write_digits(tmp_path)
    options = (f"--ai-endpoint={reference}", "--ai-allow-partial", "-k", "extraction")
    outcome = run_gate(tmp_path, *options, suite="adversarial")
    assert outcome.gate is not None
    assert "copies of the model are made with torch: pip install 'aiharness[torch]'" in str(outcome.gate)


@pytest.mark.torch
@pytest.mark.skipif(not HAS_TORCH, reason="needs torch")
def test_copies_of_a_real_service_come_closer_with_each_row(tmp_path: Path) -> None:
    write_digits(tmp_path)
    with serving(Digits()) as url:
        options = (f"--ai-endpoint={url}", "--ai-allow-partial", "-k", "extraction")
        outcome = run_gate(tmp_path, *options, suite="adversarial", timeout=300)
    row = outcome.check("test_extraction")
    assert row["verdict"] in ("PASS", "INCONCLUSIVE", "FAIL"), row["reason"]
    assert row["level"] == "info"
    agreement = {part["name"]: part["estimate"] for part in row["slices"]}
    assert agreement["natural, 300 rows"] > 0.85
    assert agreement["natural, 300 rows"] >= agreement["natural, 100 rows"] - 0.03
    assert row["n"] == 266
