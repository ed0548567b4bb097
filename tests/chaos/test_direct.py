"""Clients that misbehave beside a steady load: whole experiments with real sockets."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from harness.chaos.judging import judge_integrity
from harness.chaos.others_judging import judge_others
from harness.chaos.recovery_judging import judge_recovery
from harness.core.disturbance import find_obstacle
from harness.core.endpoint import Endpoint
from harness.core.experiment import Experiment, Fault
from harness.core.fault import load_fault
from harness.core.registry import list_plugins
from harness.core.verdict import Status
from tests.catalogues import sample_cases
from tests.chaos.chaosparts import Run, run_experiment
from tests.chaos.chatserver import serve_chat

GENTLE = [name for name in list_plugins("disturbances") if load_fault(name).spares_others]  # type: ignore[attr-defined]


def disturb(run: Run, kind: str, expected: Status, **attributes: int | str) -> Experiment:
    """The experiment; at most twice again, for longer, where this machine was too busy: in a state that is not steady,
    or in one that became slower for all."""
    for factor in (1, 2, 4):
        duration = 3.0 * factor
        experiment = run_experiment(*run, Fault("", kind, attributes, duration=duration, name=f"{kind}{factor}"))
        if judge_others(experiment).status is expected:
            break
    return experiment


@pytest.mark.slow
@pytest.mark.parametrize("kind", sample_cases(GENTLE, "slow_reader"))
def test_a_sound_service_serves_others_under_each_gentle_disturbance(gate: Callable[..., Run], kind: str) -> None:
    with serve_chat() as url:
        run = gate(url=url)
        experiment = disturb(run, kind, Status.PASS)
    verdict = judge_others(experiment)
    assert verdict.status is Status.PASS, verdict.reason
    assert kind in verdict.reason
    assert experiment.proof.confirmed == "counter"
    assert (experiment.proof.affected or 0) > 0
    assert judge_integrity(experiment).status is Status.PASS, judge_integrity(experiment).reason
    assert judge_recovery(experiment).status is not Status.FAIL, judge_recovery(experiment).reason
    assert f"aiharness-{kind}" not in [thread.name for thread in threading.enumerate()]


@pytest.mark.slow
@pytest.mark.parametrize("kind", sample_cases(["slowloris", "half_open"], "slowloris"))
def test_a_single_worker_that_a_client_can_hold_is_named(gate: Callable[..., Run], kind: str) -> None:
    with serve_chat(workers=1) as url:
        run = gate(url=url, first_byte=4, total=5)
        attributes = {"during": "request"} if kind == "half_open" else {}
        experiment = disturb(run, kind, Status.FAIL, connections=2, **attributes)
    verdict = judge_others(experiment)
    assert verdict.status is Status.FAIL, verdict.reason
    assert f"{kind} keeps the service from others" in verdict.reason


def test_an_endpoint_that_is_not_allowed_is_never_disturbed() -> None:
    far = Endpoint("http://model.test:8000", protocol="openai_chat")
    assert "neither this machine nor on the allow-list" in (find_obstacle(far, ()) or "")
    assert find_obstacle(far, ("model.test",)) is None
    assert find_obstacle(replace(far, url="http://127.0.0.9:1"), ()) is None
    assert find_obstacle(replace(far, url="http://127.0.0.1.test:1"), ()) is not None
