"""Comparing with a saved run or a second endpoint, and the ways in which a comparison must not pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.core.verdict import Slice, Status
from harness.reference.process import ReferenceProcess
from harness.reference.settings import ServiceSettings
from harness.run.baseline import judge_non_inferiority
from tests.conftest import GateOutcome, run_gate

CONFIG = """
[endpoint]
protocol = "plain_json"
[run]
profile = "quick"
[profile.quick]
quantile = 0.8
tolerance = 2.0
cap = 60
[[objective]]
suite = "smoke"
metric = "latency"
limit = "<= 100ms"
"""
ID = "ai-baseline/smoke/latency-p80"

pytestmark = pytest.mark.slow  # gates of sixty requests each


def _run(folder: Path, url: str, *args: str, run: str) -> GateOutcome:
    (folder / "aiharness.toml").write_text(CONFIG)
    return run_gate(folder, f"--ai-endpoint={url}", "--ai-only-packaged", *args, run=run)


def test_saved_baseline(tmp_path: Path, reference: str) -> None:
    missing = _run(tmp_path, reference, "--ai-baseline=nowhere", run="missing")
    assert missing.status == 4
    assert "--ai-accept-first" in missing.out + missing.err

    first = _run(tmp_path, reference, "--ai-baseline=nowhere", "--ai-accept-first", run="first")
    assert first.status == 0, first.out
    assert first.check(ID)["verdict"] == "PASS"
    assert "first run" in first.check(ID)["reason"]
    assert "--ai-accept-first" in first.out

    second = _run(tmp_path, reference, "--ai-baseline=first", run="second")
    assert second.status == 0, second.out
    row = second.check(ID)
    assert row["baseline"]["run"] == "first"
    assert row["n"] == 60

    with ReferenceProcess(ServiceSettings(latency_ms=150)) as slow:
        worse = _run(tmp_path, slow.url, "--ai-baseline=first", run="worse")
    assert worse.status == 1
    assert worse.check(ID)["verdict"] == "FAIL"

    bad = _run(tmp_path, reference, "--ai-baseline=worse", run="bad")
    assert bad.check(ID)["verdict"] == "INCONCLUSIVE"
    assert "only a PASS" in bad.check(ID)["reason"]


def test_vacuous_05_no_previous_result_is_inconclusive(tmp_path: Path, reference: str) -> None:
    plain = _run(tmp_path, reference, run="plain")
    assert plain.status == 0, plain.out
    outcome = _run(tmp_path, reference, "--ai-baseline=plain", run="second")
    assert outcome.status == 20, outcome.out
    assert outcome.check(ID)["verdict"] == "INCONCLUSIVE"
    assert "no baseline" in outcome.check(ID)["reason"]


def test_vacuous_10_a_candidate_compared_with_itself_is_refused(tmp_path: Path, reference: str) -> None:
    outcome = _run(tmp_path, reference, f"--ai-baseline={reference}/", run="itself")
    assert outcome.status == 4
    assert "the endpoint itself" in outcome.out + outcome.err


def test_second_endpoint_as_baseline(tmp_path: Path, reference: str) -> None:
    with ReferenceProcess(ServiceSettings()) as other:
        same = _run(tmp_path, reference, f"--ai-baseline={other.url}", run="same")
    assert same.status == 0, same.out
    assert same.check(ID)["verdict"] == "PASS"
    with ReferenceProcess(ServiceSettings(latency_ms=150)) as slow:
        worse = _run(tmp_path, slow.url, f"--ai-baseline={reference}", run="worse")
    assert worse.check(ID)["verdict"] == "FAIL"


def test_a_dead_baseline_does_not_flatter_the_candidate(tmp_path: Path, reference: str) -> None:
    outcome = _run(tmp_path, reference, "--ai-baseline=http://127.0.0.1:1", run="dead")
    assert outcome.status in (20, 21), outcome.out
    assert outcome.check(ID)["verdict"] == "INCONCLUSIVE"
    with ReferenceProcess(ServiceSettings(defects=("error_500_for_everything",))) as broken:
        failing = _run(tmp_path, reference, f"--ai-baseline={broken.url}", run="failing")
    assert failing.check(ID)["verdict"] == "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("k1", "k0", "n", "status"),
    [
        (0, 0, 1000, Status.PASS),
        (10, 10, 2000, Status.PASS),
        (200, 10, 1000, Status.FAIL),
        (10, 10, 100, Status.INCONCLUSIVE),
        (0, 0, 10, Status.INCONCLUSIVE),
    ],
)
def test_no_worse(k1: int, k0: int, n: int, status: Status) -> None:
    verdict = judge_non_inferiority(Slice("a", n, k1 / n), Slice("b", n, k0 / n), 0.05, 0.05, "older")
    assert verdict.status is status
    assert verdict.ci is not None
    assert verdict.ci[0] is not None
    assert verdict.ci[1] is not None
    assert verdict.ci[0] <= (k1 - k0) / n <= verdict.ci[1]
