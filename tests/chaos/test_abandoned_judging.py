"""The verdict on the work of clients that left, on figures made by hand, and on a gauge that falls."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from harness.chaos import abandoned_judging
from harness.chaos.abandoned_judging import await_idle, judge_abandoned
from harness.core.experiment import Proof
from harness.core.verdict import Status
from tests.chaos.test_judging import build_experiment

LEFT = Proof("counter", 40, "abort_storm: 40 answers aborted")


@pytest.mark.parametrize(
    ("in_flight", "left", "status"),
    [
        ((0.0, 0.0), 40, Status.PASS),
        ((3.0, 2.0), 40, Status.PASS),
        ((0.0, 2.0), 40, Status.INCONCLUSIVE),  # somebody else may be asking
        ((0.0, 3.0), 40, Status.FAIL),
        ((5.0, 40.0), 40, Status.FAIL),
        ((0.0, 0.0), 9, Status.INCONCLUSIVE),
        ((0.0, 9.0), 9, Status.INCONCLUSIVE),
        (None, 40, Status.INCONCLUSIVE),
    ],
)
def test_what_stays_in_flight_counts(in_flight: tuple[float, float] | None, left: int, status: Status) -> None:
    verdict = judge_abandoned(build_experiment(in_flight=in_flight, proof=replace(LEFT, affected=left)))
    assert verdict.status is status, verdict.reason


def test_a_storm_that_was_stopped_or_did_nothing_does_not_pass() -> None:
    assert (
        judge_abandoned(build_experiment(in_flight=(0.0, 0.0), proof=LEFT, stopped="x")).status is Status.INCONCLUSIVE
    )
    assert judge_abandoned(build_experiment(in_flight=(0.0, 0.0), proof=Proof())).status is Status.INCONCLUSIVE


@pytest.mark.parametrize(
    ("readings", "idle"), [([5.0, None, 1.0, 0.0], 0.0), ([5.0, 3.0, 4.0], 3.0), ([None], None), ([0.0], 0.0)]
)
def test_the_end_of_requests_is_awaited(
    monkeypatch: pytest.MonkeyPatch, readings: list[float | None], idle: float | None
) -> None:
    left, clock = list(readings), iter(range(1000))
    monkeypatch.setattr(abandoned_judging, "read_in_flight", lambda *_: left.pop(0) if left else readings[-1])
    monkeypatch.setattr(abandoned_judging, "read_monotonic", lambda: float(next(clock)))
    monkeypatch.setattr(abandoned_judging, "sleep_real", lambda _: None)
    session: Any = SimpleNamespace(client=None, settings=SimpleNamespace(load=None))
    assert await_idle(session, 0.0) == idle
