"""Comparing with a saved run or a second endpoint, and the ways in which a comparison must not pass."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from harness.core.endpoint import Endpoint
from harness.core.objective import PROFILES, Objective
from harness.core.objective_parser import parse_objective
from harness.core.plan import Plan, PlannedCheck
from harness.core.settings import Settings
from harness.core.verdict import Level, Slice, Status, Verdict
from harness.reference.process import ReferenceProcess
from harness.reference.settings import ServiceSettings
from harness.run.baseline import BaselineSource, compare_with_baseline, judge_non_inferiority
from harness.run.objective import judge_objective
from harness.run.planning import WARM_UP_REQUESTS
from harness.stats.difference import PairCounts
from tests.conftest import GateOutcome, run_gate
from tests.services import QUICK, Answered, asking, serving

CONFIG = f"""
[endpoint]
protocol = "plain_json"
sample = {[[0.0] * 64]}
[run]
profile = "quick"
[profile.quick]
tolerance = 2.0
cap = 60
window = 0.5
[[objective]]
suite = "smoke"
metric = "error_rate"
limit = "<= 20%"
"""
ID = "ai-baseline/smoke/error_rate"
PROFILE = replace(PROFILES["pr"], quantile=0.8, cap=60, window=0.2)
ERRORS = parse_objective("smoke", "error_rate", "<= 20%", PROFILE)
LATENCY = parse_objective("smoke", "latency p80", "<= 4s", PROFILE)
CHECK = "ai-suite/smoke/test_objectives.py::test_objective"


def _run(folder: Path, url: str, *args: str, run: str) -> GateOutcome:
    (folder / "aiharness.toml").write_text(CONFIG)
    return run_gate(folder, f"--ai-endpoint={url}", "--ai-only-packaged", *args, run=run)


class Service:
    """Answers, and counts; `fails` says which requests it answers with 500, by their numbers from 1 on."""

    def __init__(self, fails: Callable[[int], bool] = lambda number: False) -> None:
        self.asked = 0
        self._fails = fails
        self._lock = threading.Lock()

    def __call__(self, path: str, body: object) -> Answered:
        with self._lock:
            self.asked += body is not None
            fails = body is not None and self._fails(self.asked)
        if fails:
            return 500, {"error": "out of memory"}
        return 200, {"predictions": [1]}


@pytest.mark.slow
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
    assert "Farrington" in row["method"]
    assert second.gate is not None
    shown = second.gate["distributions"][0]
    assert sum(shown["baseline"]["counts"]) > 60
    assert second.check(f"{CHECK}[error_rate]")["baseline"]["run"] == shown["baseline"]["run"] == "first"
    assert "Dashed: the baseline first" in (second.run_dir / "report.html").read_text()

    with serving(Service(lambda number: number > 10 and number % 5 in (2, 3, 4))) as url:
        worse = _run(tmp_path, url, "--ai-baseline=first", run="worse")
    assert worse.status == 1
    assert worse.check(ID)["verdict"] == "FAIL", worse.out

    bad = _run(tmp_path, reference, "--ai-baseline=worse", run="bad")
    assert bad.check(ID)["verdict"] == "INCONCLUSIVE"
    assert "only a PASS" in bad.check(ID)["reason"]


@pytest.mark.slow
def test_vacuous_05_no_previous_result_is_inconclusive(tmp_path: Path, reference: str) -> None:
    plain = _run(tmp_path, reference, run="plain")
    assert plain.status == 0, plain.out
    outcome = _run(tmp_path, reference, "--ai-baseline=plain", run="second")
    assert outcome.status == 20, outcome.out
    assert outcome.check(ID)["verdict"] == "INCONCLUSIVE"
    assert "no baseline" in outcome.check(ID)["reason"]


@pytest.mark.slow
def test_vacuous_10_a_candidate_compared_with_itself_is_refused(tmp_path: Path, reference: str) -> None:
    outcome = _run(tmp_path, reference, f"--ai-baseline={reference}/", run="itself")
    assert outcome.status == 4
    assert "the endpoint itself" in outcome.out + outcome.err


@pytest.mark.slow
def test_second_endpoint_as_baseline(tmp_path: Path, reference: str) -> None:
    with ReferenceProcess(ServiceSettings()) as other:
        same = _run(tmp_path, reference, f"--ai-baseline={other.url}", run="same")
    assert same.status == 0, same.out
    assert same.check(ID)["verdict"] == "PASS"
    assert "Tango" in same.check(ID)["method"]
    assert same.check(f"{CHECK}[error_rate]")["baseline"]["run"] == f"{other.url}"


@pytest.mark.slow
def test_a_dead_baseline_is_named_and_does_not_flatter_the_candidate(tmp_path: Path, reference: str) -> None:
    outcome = _run(tmp_path, reference, "--ai-baseline=http://127.0.0.1:1", run="dead")
    assert outcome.status == 20, outcome.out
    assert outcome.check(ID)["verdict"] == "INCONCLUSIVE"
    assert "http://127.0.0.1:1 cannot be compared with" in outcome.check(ID)["reason"]
    assert outcome.check(f"{CHECK}[error_rate]")["verdict"] == "PASS"


def compare(
    folder: Path, candidate: Service, baseline: Service | None, objective: Objective = ERRORS
) -> tuple[Verdict, Verdict]:
    """The objective's own verdict and that of the comparison, over two services; None: nobody listens."""
    check = PlannedCheck(
        f"{CHECK}[{objective.slug}]", "smoke", Level.BLOCKER, "x", "estimate", alpha_fail=objective.alpha
    )
    with ExitStack() as services:
        url = services.enter_context(serving(candidate))
        other = "http://127.0.0.1:1"
        if baseline is not None:
            other = services.enter_context(serving(baseline))
        settings = Settings(
            Endpoint(url, "plain_json", sample=[[1.0]], deadlines=QUICK),
            ("smoke",),
            profile=PROFILE,
            seed=1,
            baseline=other,
            objectives=(objective,),
        )
        session = services.enter_context(asking(settings, folder))
        there = replace(settings, endpoint=replace(settings.endpoint, url=other))
        verdict = judge_objective(session, objective, check, services.enter_context(asking(there, folder)))
    source = BaselineSource(other, url=other)
    compared = compare_with_baseline(source, settings, Plan(("smoke",), (check,)), {check.id: verdict}, "1")
    return verdict, next(iter(compared.values()))


@pytest.mark.parametrize("objective", [ERRORS, LATENCY], ids=["errors", "latency"])
def test_one_failed_request_of_the_baseline_voids_nothing(tmp_path: Path, objective: Objective) -> None:
    verdict, compared = compare(tmp_path, Service(), Service(lambda number: number == 70), objective)
    assert verdict.status is Status.PASS
    if not any("depend on one another" in note for note in compared.notes):  # the times on a busy machine may
        assert compared.status is Status.PASS
    assert compared.reason.startswith("0 of 60 against 1 of 60")
    assert any("failed 1 of 60 requests" in note and "500" in note for note in compared.notes)


@pytest.mark.parametrize("objective", [ERRORS, LATENCY], ids=["errors", "latency"])
def test_a_candidate_that_fails_is_worse(tmp_path: Path, objective: Objective) -> None:
    verdict, compared = compare(tmp_path, Service(lambda number: number % 5 in (1, 3, 4)), Service(), objective)
    assert verdict.status is compared.status is Status.FAIL
    assert compared.baseline is not None
    assert compared.baseline.estimate == 0


def test_a_degraded_baseline_lets_nothing_pass(tmp_path: Path) -> None:
    """Both fail three of five: no worse, and no good."""
    candidate, baseline = (Service(lambda number: number % 5 in (1, 3, 4)) for _ in range(2))
    verdict, compared = compare(tmp_path, candidate, baseline)
    assert verdict.status is Status.FAIL
    assert compared.status is Status.INCONCLUSIVE
    assert "the baseline itself breaks the budget of 0.2" in compared.reason


def test_a_baseline_that_dies_in_mid_run_lets_nothing_pass(tmp_path: Path) -> None:
    verdict, compared = compare(tmp_path, Service(), Service(lambda number: number > WARM_UP_REQUESTS + 5))
    assert verdict.status is Status.PASS
    assert compared.status is Status.INCONCLUSIVE
    assert any(re.search(r"failed [1-9]\d* of 60 requests", note) for note in compared.notes)


@pytest.mark.parametrize("is_there", [True, False])
def test_a_baseline_that_is_down_is_named_and_left_alone(tmp_path: Path, is_there: bool) -> None:
    baseline = Service(lambda number: True) if is_there else None
    verdict, compared = compare(tmp_path, Service(), baseline)
    assert verdict.status is Status.PASS
    assert compared.status is Status.INCONCLUSIVE
    assert re.search(r"the baseline answered none of \d+ warm-up requests", compared.reason)
    assert "127.0.0.1" in compared.reason
    if baseline is not None:
        assert baseline.asked == WARM_UP_REQUESTS


def test_one_episode_of_failures_decides_nothing(tmp_path: Path) -> None:
    """One episode of failures is one observation, however many requests it met."""
    _, compared = compare(tmp_path, Service(lambda number: number > WARM_UP_REQUESTS + 48), Service())
    assert compared.status is Status.INCONCLUSIVE
    assert any("depend on one another" in note for note in compared.notes)


def test_a_baseline_over_its_budget_is_mentioned() -> None:
    verdict = judge_non_inferiority(Slice("a", 1600, 0.0), Slice("b", 1600, 25 / 1600), 0.01, 0.05, "older")
    assert verdict.status is Status.PASS
    assert any("the baseline itself is over the budget of 0.01: 25 of 1600" in note for note in verdict.notes)


def test_pairs_are_judged_as_pairs() -> None:
    sides = Slice("a", 100, 0.05), Slice("b", 100, 0.05)
    assert judge_non_inferiority(*sides, 0.05, 0.05, "older").status is Status.INCONCLUSIVE
    paired = judge_non_inferiority(*sides, 0.05, 0.05, "older", pairs=PairCounts(100, 1, 1))
    assert paired.status is Status.PASS
    assert "of 100 pairs, in 1 only this endpoint was over the limit" in paired.notes[0]


def test_several_comparisons_share_their_alpha() -> None:
    """Twenty objectives do not raise twenty false alarms: what one comparison FAILs is not enough for twenty."""
    objectives = [replace(ERRORS, name=f"errors {number}") for number in range(20)]
    slices = (
        Slice("fixed sample", 60, 28 / 60),
        Slice("fixed sample of the baseline", 60, 6 / 60),
        Slice("pairs with only this endpoint over the limit", 60, 24 / 60),
    )
    verdict = Verdict(Status.FAIL, "x", slices=slices)
    statuses = []
    for chosen in (objectives[:1], objectives):
        checks = [PlannedCheck(f"{CHECK}[{o.slug}]", "smoke", Level.BLOCKER, "x", "estimate") for o in chosen]
        compared = [PlannedCheck(f"c{n}", "smoke", Level.BLOCKER, "x", "comparison") for n in range(len(chosen))]
        settings = Settings(Endpoint("http://127.0.0.1:2", "plain_json"), ("smoke",), objectives=tuple(chosen))
        plan = Plan(("smoke",), (*checks, *compared))
        source = BaselineSource("x", url="http://127.0.0.1:1")
        verdicts = compare_with_baseline(source, settings, plan, dict.fromkeys((c.id for c in checks), verdict), "1")
        assert len(verdicts) == len(chosen)
        statuses.append({compared.status for compared in verdicts.values()})
    assert statuses == [{Status.FAIL}, {Status.INCONCLUSIVE}]


def test_what_would_decide_is_said() -> None:
    undecided = judge_non_inferiority(Slice("a", 100, 0.1), Slice("b", 100, 0.1), 0.05, 0.05, "older")
    assert undecided.status is Status.INCONCLUSIVE
    assert undecided.n_needed is not None
    assert f"about {undecided.n_needed} requests each decide" in undecided.reason
    edge = judge_non_inferiority(Slice("a", 100, 0.1), Slice("b", 100, 0.05), 0.05, 0.05, "older")
    assert "too close to it for any number of requests" in edge.reason


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
