"""The run-wide check of plain valid requests that failed for no reason that a check confirmed."""

from __future__ import annotations

from pathlib import Path

import pytest

from detection.background_errors import SEED_VARIABLE
from harness.core.endpoint import Endpoint
from harness.core.settings import Promises, Settings
from harness.core.verdict import Counterexample, Level, Status, Verdict
from harness.io.rundir import EvidenceLine
from harness.reference.process import ReferenceProcess
from harness.reference.settings import ServiceSettings
from harness.run.unprovoked import CHECK_ID, judge_unprovoked, plan_unprovoked
from tests.conftest import run_gate

PASSED = Verdict(Status.PASS, "it holds", n=1)


def settings(limit: float | None = None) -> Settings:
    return Settings(Endpoint("http://127.0.0.1:1"), ("smoke",), promises=Promises(unprovoked_failures=limit))


def judge(limit: float | None, *counts: tuple[int, int]) -> Verdict:
    lines = []
    for number, (valid, strays) in enumerate(counts):
        example = Counterexample("HTTP 503") if strays else None
        lines.append(EvidenceLine(f"c{number}", PASSED, valid_requests=valid, strays=strays, stray=example))
    given = settings(limit)
    return judge_unprovoked(given, plan_unprovoked(given), lines)


def test_without_a_limit_it_is_information() -> None:
    assert plan_unprovoked(settings()).level is Level.INFO
    verdict = judge(None, (200, 1), (100, 2))
    assert verdict.status is Status.PASS
    assert (verdict.n, verdict.estimate) == (300, 0.01)
    assert len(verdict.counterexamples) == 2
    assert verdict.reason.startswith("3 of 300 plain valid requests failed")


def test_nothing_asked_decides_nothing() -> None:
    assert judge(None).status is Status.INCONCLUSIVE
    assert judge(0.01, (0, 0)).status is Status.INCONCLUSIVE


@pytest.mark.parametrize(("strays", "status"), [(0, Status.PASS), (8, Status.INCONCLUSIVE), (30, Status.FAIL)])
def test_with_a_limit_it_decides(strays: int, status: Status) -> None:
    assert plan_unprovoked(settings(0.01)).level is Level.BLOCKER
    assert judge(0.01, (400, strays)).status is status


@pytest.mark.slow
def test_strays_of_every_worker_are_counted_and_fail_no_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SEED_VARIABLE, "4")
    with ReferenceProcess(ServiceSettings(variants=("errors_1_in_100",))) as server:
        options = ("--ai-protocol=plain_json", "-n2")
        outcome = run_gate(tmp_path, f"--ai-endpoint={server.url}", *options, suite="smoke,integration")
    verdicts = outcome.verdicts()
    assert "FAIL" not in verdicts.values(), outcome.out
    assert verdicts[CHECK_ID] == "PASS"
    assert outcome.check(CHECK_ID)["n"] > 50
