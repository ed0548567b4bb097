"""Findings: kept, made smaller, sent again first in later runs, and each by itself without a search."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from harness.attacks import rays, square
from harness.core.errors import UsageError
from harness.core.stored_finding import StoredFinding
from harness.core.verdict import Status
from harness.io.finding_file import read_findings
from harness.robustness.attack_inputs import attack_inputs
from harness.robustness.attacked_input import REPLAYS
from harness.robustness.finding_replay import replay_stored_finding
from tests.services import Digits, asking, digits, serving, settings

N, BUDGET = 8, 60


def run(
    service: Digits, folder: Path, known: tuple[StoredFinding, ...] = (), attack: Any = rays.ATTACK
) -> tuple[Any, list[StoredFinding]]:
    findings: list[StoredFinding] = []
    with serving(service) as url:
        given = replace(settings(url, digits(N), eps=2.0, budget=BUDGET), known_findings=known)
        with asking(given, folder) as session:
            return attack_inputs(session, attack, keep=findings.append), findings


def replay(service: Digits, folder: Path, finding: StoredFinding, eps: float = 2.0) -> Any:
    with serving(service) as url, asking(settings(url, digits(N), eps=eps), folder) as session:
        return replay_stored_finding(session, finding)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, list[StoredFinding]]:
    return run(Digits(), tmp_path_factory.mktemp("first"))


def test_each_finding_is_kept_with_all_that_sends_it_again(first: tuple[Any, list[StoredFinding]]) -> None:
    result, findings = first
    assert len(findings) == result.count()["confirmed"] >= 3
    data, model = digits(N), Digits().model
    for finding in findings:
        row, original = np.array(finding.row), np.array(data.inputs[finding.input])
        assert str(model.predict_proba(row[None]).argmax()) == finding.answered != finding.label
        assert np.abs(row - original).max() == pytest.approx(finding.distance)
        assert finding.distance <= 2.0 + 1e-9
        assert (finding.attack, finding.norm, finding.state, finding.seed) == ("rays", "linf", "confirmed", 3)


def test_those_that_are_shown_are_as_small_as_rows_allow(first: tuple[Any, list[StoredFinding]]) -> None:
    result, findings = first
    assert result.rows["shrink"] > 0
    data = digits(N)
    changed = [int((np.array(finding.row) != data.inputs[finding.input]).sum()) for finding in findings]
    assert min(changed) < 40, "no finding is smaller than what RayS changes"


def test_known_findings_come_first_and_need_no_search(first: tuple[Any, list[StoredFinding]], tmp_path: Path) -> None:
    _, findings = first
    service = Digits()
    result, again = run(service, tmp_path, tuple(findings), square.ATTACK)
    broken = {finding.input for finding in findings}
    assert result.rows["known"] == len(findings)
    by_number = {outcome.number: outcome for outcome in result.outcomes}
    assert all(by_number[number].state == "confirmed" and by_number[number].queries == 1 for number in broken)
    assert {finding.input for finding in again} >= broken
    assert f"{len(findings)} inputs are still broken by findings of earlier runs, without a search" in result.notes


def test_each_known_finding_of_an_input_is_tried(first: tuple[Any, list[StoredFinding]], tmp_path: Path) -> None:
    finding = first[1][0]
    mended = replace(finding, attack="square", row=list(digits(N).inputs[finding.input]))
    result, _ = run(Digits(), tmp_path, (finding, mended), square.ATTACK)
    assert result.rows["known"] == 2
    assert "1 inputs are still broken by findings of earlier runs, without a search" in result.notes


def test_a_finding_is_sent_again_without_a_search(first: tuple[Any, list[StoredFinding]], tmp_path: Path) -> None:
    finding = first[1][0]
    service = Digits()
    verdict = replay(service, tmp_path, finding)
    assert verdict.status is Status.FAIL
    assert "still succeeds" in verdict.reason
    assert verdict.counterexamples[0].curl
    assert len(service.requests) == REPLAYS


def test_a_mended_one_passes_a_flaky_or_lost_one_decides_nothing(
    first: tuple[Any, list[StoredFinding]], tmp_path: Path
) -> None:
    finding = first[1][0]
    right = np.eye(10)[int(finding.label)]
    assert replay(Digits(lambda rows, scores: right[None]), tmp_path, finding).status is Status.PASS
    turns = iter(range(100))
    flaky = Digits(lambda rows, scores: right[None] if next(turns) % 2 else scores)
    verdict = replay(flaky, tmp_path, finding)
    assert verdict.status is Status.INCONCLUSIVE
    assert "flaky" in verdict.reason
    verdict = replay(Digits(lambda rows, scores: (500, {})), tmp_path, finding)
    assert verdict.status is Status.INCONCLUSIVE
    assert "no valid answer (HTTP 500" in verdict.reason


def test_a_finding_for_another_input_is_out_of_date(first: tuple[Any, list[StoredFinding]], tmp_path: Path) -> None:
    for finding in (replace(first[1][0], original="0"), replace(first[1][0], input=10_000)):
        verdict = replay(Digits(), tmp_path, finding)
        assert verdict.status is Status.INCONCLUSIVE
        assert "out of date" in verdict.reason


def test_a_finding_beyond_the_limit_is_not_sent(first: tuple[Any, list[StoredFinding]], tmp_path: Path) -> None:
    finding, service = max(first[1], key=lambda finding: finding.distance), Digits()
    for other in (finding, replace(finding, norm="l2")):
        verdict = replay(service, tmp_path, other, eps=0.1)
        assert verdict.status is Status.INCONCLUSIVE
        assert verdict.reason.startswith(f"out of constraint: the rays finding for input {finding.input} ")
    assert "no limit is configured" in verdict.reason
    assert not service.requests


def test_a_file_of_findings_holds_the_last_confirmed_of_each(tmp_path: Path) -> None:
    one = StoredFinding("rays", 3, "digest", [1.0], "1", "2")
    lines = [one, replace(one, answered="7"), replace(one, input=4, state="flaky")]
    path = tmp_path / "corpus.jsonl"
    path.write_bytes(b"\n".join(map(msgspec.json.encode, lines)) + b"\n\n")
    assert read_findings(path) == (replace(one, answered="7"),)
    assert one.slug == "rays-3"


@pytest.mark.parametrize(
    ("content", "words"), [(b'{"attack": "rays"}\n', ":1 is not a valid finding"), (None, "cannot")]
)
def test_a_file_that_is_none_is_refused(content: bytes | None, words: str, tmp_path: Path) -> None:
    path = tmp_path / "corpus.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=words):
        read_findings(path)
