from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from harness.core.verdict import Counterexample, Status
from harness.robustness.attack_result import AttackedInputs, InputOutcome
from harness.robustness.new_vulnerabilities import judge_new_vulnerabilities, read_saved_inputs


def make(broken: set[int], n: int = 200, lost: set[int] = frozenset()) -> AttackedInputs:  # type: ignore[assignment]
    outcomes = []
    for number in range(n):
        state = "confirmed" if number in broken else "robust"
        outcomes.append(InputOutcome(number, "lost" if number in lost else state))
    return AttackedInputs("a", "eps 1", "digest", tuple(outcomes))


@pytest.mark.parametrize(
    ("now", "before", "status"),
    [
        (set(), set(), "PASS"),
        (set(range(100)), set(range(100)), "PASS"),
        (set(range(40)), set(), "FAIL"),
        (set(range(10, 40)), set(range(30)), "PASS"),
        (set(range(12)), set(), "INCONCLUSIVE"),
    ],
)
def test_pairs_decide(now: set[int], before: set[int], status: str) -> None:
    verdict = judge_new_vulnerabilities(make(now), make(before), 0.05)
    assert verdict.status == status, verdict.reason


def test_counts_and_the_exact_test_of_pairs_are_told() -> None:
    verdict = judge_new_vulnerabilities(make({1, 2, 3, 4, 5, 6}), make(set()), 0.05)
    assert verdict.reason.startswith("6 of 200 inputs are newly broken, 0 are mended")
    assert verdict.notes[0] == "McNemar's exact test, one-sided: p = 0.0156"


def test_what_is_not_decided_is_no_pair() -> None:
    verdict = judge_new_vulnerabilities(make({1}, lost={2, 3}), make(set(), lost={4}), 0.05)
    assert verdict.n == 197


def test_other_inputs_or_another_limit_are_no_baseline() -> None:
    for saved in (replace(make(set()), digest="x"), replace(make(set()), limit="eps 2"), "the baseline holds no file"):
        verdict = judge_new_vulnerabilities(make(set()), saved, 0.05)
        assert verdict.status is Status.INCONCLUSIVE


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (replace(make(set()), budget=50), "the baseline searched with 0 rows an input, this run with 50"),
        (replace(make(set(range(200))), mismatch="the labels have another form"), "another form"),
        (replace(make(set()), masked="the scores are rounded"), "it proves nothing: the scores are rounded"),
    ],
)
def test_what_is_searched_otherwise_shows_nothing(now: AttackedInputs, words: str) -> None:
    verdict = judge_new_vulnerabilities(now, make(set()), 0.05)
    assert verdict.status is Status.INCONCLUSIVE
    assert words in verdict.reason


def test_a_new_finding_is_shown() -> None:
    examples = tuple(Counterexample(f"input {number}", request={"input": number}) for number in (0, 50))
    now = replace(make(set(range(40))), examples=examples)
    verdict = judge_new_vulnerabilities(now, make({50}), 0.05)
    assert [example.summary for example in verdict.counterexamples] == ["input 0"]


def test_a_saved_run_is_read_or_named(tmp_path: Path) -> None:
    folder = tmp_path / "adversarial"
    folder.mkdir()
    (folder / "rays.json").write_bytes(msgspec.json.encode(make({3})))
    assert read_saved_inputs(str(tmp_path), "adversarial/rays") == make({3})
    (tmp_path / "gate.json").touch()
    assert read_saved_inputs(str(tmp_path / "gate.json"), "adversarial/rays") == make({3})
    assert "holds no adversarial/square.json" in str(read_saved_inputs(str(tmp_path), "adversarial/square"))
    (folder / "square.json").write_text("[")
    assert "is not the result" in str(read_saved_inputs(str(tmp_path), "adversarial/square"))
