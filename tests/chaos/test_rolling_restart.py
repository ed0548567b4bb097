"""A rolling restart under a steady load: two processes on one socket, one of which is asked to end."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from harness.chaos.drain_judging import judge_drain
from harness.core.experiment import Experiment, Fault
from harness.core.platform_action import Replica
from harness.core.verdict import Status
from tests.chaos.chaosparts import Run, run_experiment

ROOT = Path(__file__).parents[2]


@contextmanager
def serve(manner: str) -> Iterator[tuple[str, int]]:
    """The URL of a service of two replicas, and the process id of the first one."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        listener.set_inheritable(True)
        command = [sys.executable, "-m", "tests.chaos.chatserver", str(listener.fileno()), manner]
        replicas = [subprocess.Popen(command, cwd=ROOT, pass_fds=[listener.fileno()]) for _ in range(2)]
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", replicas[0].pid
        finally:
            for process in replicas:
                process.kill()
                process.wait()


def restart(gate: Callable[..., Run], manner: str, status: Status) -> Experiment:
    """The experiment; again, with a fresh service, while this machine was too busy for a steady state, or the replica
    that ends had no answer on its way: both accept from one socket."""
    for number in range(3):
        with serve(manner) as (url, pid):
            session, run = gate(url=url)
            replica = Replica("a", {"start": (sys.executable, "-c", "")}, pid=pid, serves=0.5)
            session.settings = run.settings = replace(run.settings, platform=(replica,))
            experiment = run_experiment(session, run, Fault("", "stop", name=f"s{number}", platform="a", duration=4.0))
        if judge_drain(experiment).status in (status, Status.FAIL):
            break
    return experiment


@pytest.mark.slow
@pytest.mark.parametrize(("manner", "status"), [("drains", Status.PASS), ("drops", Status.FAIL)])
def test_a_replica_that_drains_passes_and_one_that_drops_is_named(
    gate: Callable[..., Run], manner: str, status: Status
) -> None:
    experiment = restart(gate, manner, status)
    verdict = judge_drain(experiment)
    assert verdict.status is status, verdict.reason
    assert "stop" in verdict.reason
    assert experiment.proof.exit == "in time"
    if status is Status.FAIL:
        assert "were lost" in verdict.reason
        assert " 0 of " not in verdict.reason.partition("were lost")[0]
        assert verdict.counterexamples
