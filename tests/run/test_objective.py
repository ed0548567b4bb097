"""Sampling in open loop against real services: a pause costs every request that was due in it."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from harness.core.endpoint import Endpoint
from harness.core.objective import PROFILES, Objective
from harness.core.objective_parser import parse_objective
from harness.core.plan import PlannedCheck
from harness.core.settings import Settings
from harness.core.verdict import Level, Status, Verdict
from harness.run.objective import judge_objective, judge_sampled
from harness.run.open_loop import MOST_IN_FLIGHT, OpenLoop
from harness.run.planning import WARM_UP_REQUESTS
from tests.services import QUICK, Answered, asking, serving

PROFILE = replace(PROFILES["pr"], cap=300, window=3.0)
LIMIT = parse_objective("smoke", "latency p95", "<= 100ms", PROFILE)
ERRORS = parse_objective("smoke", "error_rate", "<= 5%", PROFILE)


def plan_check(objective: Objective) -> PlannedCheck:
    return PlannedCheck("ai-suite/x.py::test", "smoke", Level.BLOCKER, "x", alpha_fail=objective.alpha)


def judge(url: str, folder: Path, objective: Objective = LIMIT, seed: int = 1) -> Verdict:
    endpoint = Endpoint(url, "plain_json", sample=[[1.0]], deadlines=QUICK)
    settings = Settings(endpoint, ("smoke",), profile=PROFILE, seed=seed)
    with asking(settings, folder) as session:
        return judge_objective(session, objective, plan_check(objective))


class Frozen:
    """Answers at once, but in the first `share` of every second, in which all requests wait for its end."""

    def __init__(self, share: float) -> None:
        self.share = share

    def __call__(self, path: str, body: object) -> Answered:
        phase = time.monotonic() % 1.0
        if phase < self.share:
            time.sleep(self.share - phase)
        return 200, {"predictions": [1]}


class Counting:
    """Answers, and counts how many requests it has at once; from the first on, `broken` of them are answered 500."""

    def __init__(self, seconds: float = 0.0, broken: int = 0) -> None:
        self.seconds, self.broken = seconds, broken
        self.asked = self.most = self._busy = 0
        self._lock = threading.Lock()

    def __call__(self, path: str, body: object) -> Answered:
        with self._lock:
            self.asked += 1
            self._busy += 1
            self.most = max(self.most, self._busy)
            status = 500 if self.asked <= self.broken else 200
        time.sleep(self.seconds)
        with self._lock:
            self._busy -= 1
        return status, {"predictions": [1]}


@pytest.mark.parametrize("seed", [1, 2])
def test_a_service_that_stands_still_for_a_fifth_of_the_time_does_not_pass(tmp_path: Path, seed: int) -> None:
    """Asked in turn, it would be over the limit once a second: 3 of 300 requests."""
    with serving(Frozen(0.25)) as url:
        verdict = judge(url, tmp_path, seed=seed)
    assert verdict.status in (Status.FAIL, Status.INCONCLUSIVE)
    assert verdict.estimate is not None
    assert verdict.estimate > 0.05


def test_the_sentence_claims_its_own_window(tmp_path: Path) -> None:
    with serving(Counting()) as url:
        verdict = judge(url, tmp_path, ERRORS)
    assert verdict.status is Status.PASS
    assert verdict.n == 300
    assert " s of this sample failed" in verdict.reason
    assert any("may not be in it" in note for note in verdict.notes)
    seconds = float(verdict.reason.split(" s of this sample")[0].split()[-1])
    assert seconds > 1.5  # 300 random gaps with a mean of 10 ms


def test_a_cold_start_is_not_judged(tmp_path: Path) -> None:
    cold = Counting(broken=WARM_UP_REQUESTS)
    with serving(cold) as url:
        verdict = judge(url, tmp_path, ERRORS)
    assert verdict.status is Status.PASS
    assert verdict.estimate == 0
    assert f"{WARM_UP_REQUESTS} warm-up requests were not counted" in verdict.notes
    assert cold.asked == WARM_UP_REQUESTS + 300


def test_a_broken_service_fails_soon_and_is_never_crowded(tmp_path: Path) -> None:
    broken = Counting(seconds=0.02, broken=10**6)
    with serving(broken) as url:
        verdict = judge(url, tmp_path, ERRORS)
    assert verdict.status is Status.FAIL
    assert verdict.estimate == 1
    assert verdict.n == 12
    assert broken.most <= 8
    assert broken.asked <= WARM_UP_REQUESTS + 12 + 8


@pytest.mark.parametrize(
    ("service", "cause"),
    [
        (Counting(broken=10**6), "failed, which counts as over the limit (HTTP 500"),
        (Counting(seconds=0.15), "took longer than 100 ms: the budget"),
    ],
    ids=["failures", "slow"],
)
def test_the_headline_of_a_latency_says_what_happened(tmp_path: Path, service: Counting, cause: str) -> None:
    with serving(service) as url:
        verdict = judge(url, tmp_path)
    assert verdict.status is Status.FAIL
    assert cause in verdict.reason


def test_asked_in_turn_says_what_that_hides(tmp_path: Path) -> None:
    with serving(Counting()) as url:
        endpoint = Endpoint(url, "plain_json", sample=[[1.0]], deadlines=QUICK)
        with asking(Settings(endpoint, ("smoke",), profile=PROFILE), tmp_path) as session:
            verdict = judge_sampled(
                lambda: session.ask(again=False), session.client.clock, ERRORS, plan_check(ERRORS), session.show
            )
    assert verdict.status is Status.PASS
    assert any("asked one after the other" in note for note in verdict.notes)


class Held:
    """Answers nothing before as many as may be under way at once have come; from then on at once."""

    def __init__(self) -> None:
        self.asked = 0
        self._lock = threading.Lock()
        self._full = threading.Event()

    def __call__(self, path: str, body: object) -> Answered:
        with self._lock:
            self.asked += 1
            is_last = self.asked == MOST_IN_FLIGHT
        if is_last:
            time.sleep(0.3)  # until it is noticed
            self._full.set()
        self._full.wait(5)
        return 200, {"predictions": [1]}


@pytest.mark.parametrize("held", [0, 1])
def test_a_full_endpoint_does_not_cost_the_one_that_is_asked_beside_it(tmp_path: Path, held: int) -> None:
    """Only the side that is full has requests that were due before they could be sent."""
    services: list[Counting | Held] = [Counting(), Counting()]
    services[held] = Held()
    with serving(services[0]) as first, serving(services[1]) as second, ExitStack() as open_sessions:
        sessions = []
        for url in (first, second):
            endpoint = Endpoint(url, "plain_json", sample=[[1.0]], deadlines=QUICK)
            sessions.append(open_sessions.enter_context(asking(Settings(endpoint, ("smoke",)), tmp_path)))
        loop = OpenLoop(sessions, sessions[0].sample(), usual=0.001, requests=24, window=0.02, seed=1)
        due = [tuple(exchange.timing.intended for exchange in pair) for pair in loop.ask()]
    late = [pair[1 - held] - pair[held] for pair in due]
    assert len(due) == 24
    assert set(late[:MOST_IN_FLIGHT]) == {0.0}
    assert late[MOST_IN_FLIGHT] > 0
