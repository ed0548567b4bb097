"""What the tests of the chaos suite share: a real Toxiproxy, and faults in one line."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness.chaos.judging import judge_integrity
from harness.chaos.recovery_judging import judge_recovery
from harness.chaos.run_experiment import EXPERIMENT
from harness.core.experiment import Experiment, ExperimentPlan, Fault, Link
from harness.core.measurement import Scope
from harness.core.plan import PlannedCheck
from harness.core.verdict import Level, Status
from harness.run.measurements import Measurements
from harness.run.session import Session

TOXIPROXY = "github.com/Shopify/toxiproxy/v2/cmd/server@v2.12.0"
ROOT = Path(os.environ.get("AIHARNESS_SERVERS_CACHE", Path.home() / ".cache" / "aiharness-servers"))
CACHE = ROOT / "toxiproxy-2.12.0"

Run = tuple[Session, Any]


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def eventually(holds: Callable[[], bool], seconds: float = 8.0) -> bool:
    """Whether it came to hold within that time."""
    ends = time.monotonic() + seconds
    while not (holds_now := holds()) and time.monotonic() < ends:
        time.sleep(0.05)
    return holds_now


def built() -> Path:
    """The server, built once and kept outside the work tree."""
    server, go = CACHE / "server", shutil.which("go")
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not server.exists() and go is None:
            pytest.skip(f"Toxiproxy is not built: GOBIN={CACHE} go install {TOXIPROXY}")
        if not server.exists():
            command = [str(go), "install", TOXIPROXY]
            subprocess.run(command, env={**os.environ, "GOBIN": str(CACHE)}, check=True, timeout=300)
    return server


class Toxiproxy:
    """A running server; its proxy `model` leads to `upstream` and listens at `listen`."""

    def __init__(self, upstream: str) -> None:
        port = free_port()
        self.api = f"http://127.0.0.1:{port}"
        self.child = subprocess.Popen([built(), "-port", str(port)], stdout=subprocess.DEVNULL)
        self.http = httpx.Client(base_url=self.api, trust_env=False, timeout=5)
        assert eventually(self.answers)
        self.listen = self.add("model", upstream)

    def answers(self) -> bool:
        try:
            return self.http.get("/version").is_success
        except httpx.TransportError:
            return False

    def add(self, name: str, upstream: str) -> str:
        response = self.http.post("/proxies", json={"name": name, "listen": "127.0.0.1:0", "upstream": upstream})
        return str(response.json()["listen"])

    def toxic(self, name: str, kind: str = "latency") -> None:
        body = {"name": name, "type": kind, "attributes": {}}
        assert self.http.post("/proxies/model/toxics", json=body).is_success

    def state(self, name: str = "model") -> tuple[bool, list[str]]:
        """Whether the proxy is enabled, and the names of its toxics."""
        data = self.http.get(f"/proxies/{name}").json()
        return data["enabled"], [toxic["name"] for toxic in data["toxics"]]

    def link(self, name: str = "model") -> Link:
        return Link(name, self.api, name)

    def close(self) -> None:
        self.http.close()
        self.child.kill()
        self.child.wait()


def run_experiment(session: Session, run: Any, fault: Fault) -> Experiment:
    """What a check of the suite gets that measures with this fault."""
    return run_plan(session, run, ExperimentPlan.of_fault(fault, run.settings.chaos))


def run_plan(session: Session, run: Any, plan: ExperimentPlan) -> Experiment:
    """What a check of the suite gets that measures with this experiment."""
    planned = EXPERIMENT.plan(Scope(run.settings, "chaos", plan))
    check = PlannedCheck("x", "chaos", Level.BLOCKER, "x", measures=(planned.id,))
    return Measurements(session, run, check)(EXPERIMENT, plan)


def assert_recovered(experiment: Experiment) -> None:
    """It recovered; on a machine too busy to send many requests after the lift, that may be uncertain."""
    verdict = judge_recovery(experiment)
    if verdict.status is Status.INCONCLUSIVE:
        assert "which is not certain" in verdict.reason, verdict.reason
        return
    assert verdict.status is Status.PASS, verdict.reason


def run_until_decided(session: Session, run: Any, disturbance: Fault) -> Experiment:
    """The experiment; again with a longer fault while the machine was too busy to send and to strike requests."""
    for factor in (1, 3, 9):
        again = replace(disturbance, name=f"{disturbance.name}{factor}", duration=disturbance.duration * factor)
        experiment = run_experiment(session, run, again)
        if judge_integrity(experiment).status is not Status.INCONCLUSIVE:
            break
    return experiment


def fault(kind: str, name: str = "f", link: str = "model", duration: float = 0.8, **attributes: int | str) -> Fault:
    return Fault(link, kind, attributes, duration=duration, name=name)
