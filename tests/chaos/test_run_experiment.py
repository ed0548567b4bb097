"""Whole experiments with real processes: reference deployment, Toxiproxy, guardian."""

from __future__ import annotations

import json
import math
import re
import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from harness.chaos import judging
from harness.chaos.judging import judge_integrity, judge_validity
from harness.chaos.recovery_judging import judge_recovery
from harness.core.errors import BudgetExhausted, UsageError
from harness.core.experiment import Experiment, Fault, Sample
from harness.core.verdict import Status
from harness.io.rundir import FAULTS
from harness.reference.deployment import Deployment
from harness.run.session import Session
from tests.chaos.chaosparts import Run, Toxiproxy, assert_recovered, eventually, fault, free_port, run_experiment


def rows(run: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run.run_dir.path / FAULTS).read_text().splitlines()]


def list_sent(experiment: Experiment) -> list[Sample]:
    """The samples that were sent in the first half of the fault: a busy machine sends late."""
    applied, lifted = experiment.applied or 0.0, experiment.lifted or 0.0
    return [s for s in experiment.samples if applied <= s.intended and s.intended + s.lag < (applied + lifted) / 2]


def run_until_sent(session: Session, run: Any, disturbance: Fault) -> Experiment:
    """The experiment; again with a longer fault while the machine was too busy to send requests, or to show it."""
    for factor in (1, 4, 16):
        again = replace(disturbance, name=f"{disturbance.name}{factor}", duration=disturbance.duration * factor)
        experiment = run_experiment(session, run, again)
        if len(list_sent(experiment)) >= 5 and judge_integrity(experiment).status is not Status.INCONCLUSIVE:
            break
    return experiment


def test_a_slow_link_lands_and_is_lifted(gate: Callable[..., Run], toxiproxy: Toxiproxy) -> None:
    session, run = gate()
    slow = fault("latency", latency=1500)
    experiment = run_until_sent(session, run, slow)
    assert judge_integrity(experiment).status is Status.PASS, judge_integrity(experiment).reason
    assert_recovered(experiment)
    lines = rows(run)[-3:]
    row = lines[-1]
    assert experiment.proof.confirmed == row["confirmed"] == "probe"
    assert experiment.proof.affected == row["affected"]
    sent = [sample for sample in experiment.fault_samples if sample.intended + sample.lag < (experiment.lifted or 0.0)]
    assert row["affected"] == len(sent)
    assert len(experiment.fault_samples) >= 12
    assert list_sent(experiment)
    assert all((sample.latency or 0.0) >= 0.7 for sample in list_sent(experiment)), (
        "a lift releases the second half early"
    )
    assert all(sample.is_good for sample in experiment.samples)
    assert toxiproxy.state() == (True, [])
    assert run_experiment(session, run, experiment.plan.faults[0]) == experiment, (
        "a second caller reads the first one's result"
    )
    assert rows(run)[-3:] == lines
    assert row["lifted_at"] - row["applied_at"] >= 0.8
    assert row["recovered_at"] == pytest.approx(experiment.recovered, abs=1e-4)
    assert [line["state"] for line in lines] == ["on", "lifted", "judged"]
    assert len({line["applied_at"] for line in lines}) == 1


def test_a_dead_backend(gate: Callable[..., Run], toxiproxy: Toxiproxy) -> None:
    session, run = gate()
    answered: list[float] = []
    run.progress.count_answer = lambda: answered.append(run.now())
    experiment = run_until_sent(session, run, fault("down"))
    assert len(answered) >= len(experiment.samples) > 0, "a watcher sees that requests go on"
    assert judge_integrity(experiment).status is Status.PASS, judge_integrity(experiment).reason
    sent = list_sent(experiment)
    assert sum(not sample.is_good for sample in sent) >= 0.8 * len(sent) > 0
    assert_recovered(experiment)
    assert toxiproxy.state() == (True, [])


def test_a_fault_on_a_link_that_nobody_uses_decides_nothing(
    gate: Callable[..., Run], toxiproxy: Toxiproxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "shows_effect", lambda _, latencies: math.inf in latencies)  # on a busy machine, too
    toxiproxy.add("idle", toxiproxy.listen)
    session, run = gate(toxiproxy.link("idle"))
    experiment = run_experiment(session, run, fault("latency", link="idle", latency=1500))
    assert judge_integrity(experiment).status is Status.INCONCLUSIVE
    assert "whether the service uses the link" in judge_integrity(experiment).reason, judge_integrity(experiment).reason
    assert judge_recovery(experiment).status is Status.INCONCLUSIVE


def test_a_sick_service_is_not_disturbed(gate: Callable[..., Run], toxiproxy: Toxiproxy) -> None:
    toxiproxy.add("dead", f"127.0.0.1:{free_port()}")
    session, run = gate(toxiproxy.link("dead"), url=f"http://127.0.0.1:{free_port()}")
    experiment = run_experiment(session, run, fault("latency", link="dead", latency=200))
    counts = re.match(r"no steady state: (\d+) of (\d+) baseline requests failed", judge_integrity(experiment).reason)
    assert counts
    assert counts[1] == counts[2]
    assert int(counts[2]) >= 10
    assert judge_integrity(experiment).status is Status.INCONCLUSIVE
    assert not rows(run)


def test_requests_that_wait_for_the_harness_itself_are_bound_by_the_client(
    gate: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pool with a single place, which a silent peer holds, stands for an event loop that does not come to connect."""
    limits = httpx.Limits(max_connections=1)
    monkeypatch.setattr(httpx, "Limits", lambda **_: limits)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        session, run = gate(url=f"http://127.0.0.1:{silent.getsockname()[1]}", connect=0.2, first_byte=3)
        experiment = run_experiment(session, run, fault("latency", latency=200))
    assert experiment.unsent > len(experiment.samples)
    assert all(sample.error != "harness" for sample in experiment.samples)
    verdict = judge_integrity(experiment)
    assert verdict.status is Status.INCONCLUSIVE
    assert "bound by the client" in verdict.reason
    assert any("left out" in note for note in experiment.notes)


def test_a_proxy_that_dies_is_an_error_of_this_experiment_alone(gate: Callable[..., Run], toxiproxy: Toxiproxy) -> None:
    session, run = gate()

    def kill_when_on() -> None:
        assert eventually(lambda: bool(rows(run)))
        toxiproxy.child.kill()

    threading.Thread(target=kill_when_on, daemon=True).start()
    experiment = run_experiment(session, run, fault("latency", duration=60.0, latency=10))
    assert judge_integrity(experiment).status is Status.ERROR
    assert "no Toxiproxy or fault proxy answers" in judge_integrity(experiment).reason
    assert [line["state"] for line in rows(run)] == ["on", "proxy gone"]
    assert rows(run)[-1]["lifted_at"] is None


def test_what_the_proxy_refuses_is_an_error(gate: Callable[..., Run]) -> None:
    session, run = gate()
    experiment = run_experiment(session, run, fault("latency", latency="soon"))
    verdict = judge_validity(experiment)
    assert verdict is not None
    assert verdict.status is Status.ERROR
    assert "refused with 400" in verdict.reason


def test_a_ceiling_ends_the_experiment_and_lifts(gate: Callable[..., Run], toxiproxy: Toxiproxy) -> None:
    session, run = gate(ceiling=25)
    for _ in range(2):  # it is not repeated, and ends the same for every check
        with pytest.raises(BudgetExhausted):
            run_experiment(session, run, fault("latency", latency=10))
        assert toxiproxy.state() == (True, [])
        assert not list((run.run_dir.path / "chaos").glob("*.json"))


def test_truncation_is_refused_on_a_plain_toxiproxy(gate: Callable[..., Run]) -> None:
    session, run = gate()
    with pytest.raises(UsageError, match="needs the harness's own fault proxy"):
        run_experiment(session, run, fault("truncate_stream", events=2))


def test_a_link_behind_a_gateway(gate: Callable[..., Run], toxiproxy: Toxiproxy) -> None:
    with Deployment("naive", proxy_api=toxiproxy.api) as deployment:
        session, run = gate(toxiproxy.link("backend-a"), url=deployment.url)
        experiment = run_until_sent(session, run, replace(fault("down", link="backend-a"), duration=3.0))
    verdict = judge_integrity(experiment)
    # A stream that was on its way when the link went down is cut, and this gateway hands it on as it is.
    assert verdict.status is Status.PASS or "its stream was cut off" in verdict.reason, verdict.reason
    assert (experiment.proof.confirmed, experiment.proof.affected) == ("probe", None)
    assert {s.error for s in list_sent(experiment)} == {None, "http_status"}
    assert toxiproxy.state("backend-a") == (True, [])
