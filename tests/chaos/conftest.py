"""A real Toxiproxy before a reference deployment, and a run of the gate to hang experiments on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.chaos import judging, link_use
from harness.core.adapter import Facts
from harness.core.endpoint import Deadlines, Endpoint
from harness.core.experiment import ChaosSettings, Link
from harness.core.settings import Ceilings, Promises, Settings
from harness.io.client import Client
from harness.io.clock import Monotonic
from harness.io.ledger import Ledger
from harness.io.rundir import RunDir
from harness.protocols.text.openai_chat import ADAPTER
from harness.reference.deployment import Deployment
from harness.run.progress import Progress
from harness.run.series import Meter
from harness.run.session import Session
from harness.stats import recovery
from tests.chaos.chaosparts import Run, Toxiproxy


@pytest.fixture
def toxiproxy(reference: str) -> Iterator[Toxiproxy]:
    server = Toxiproxy(reference.removeprefix("http://"))
    yield server
    server.close()


@pytest.fixture(scope="module")
def naive() -> Iterator[Deployment]:
    """A deployment with the naive gateway, whose links our own proxy disturbs."""
    with Deployment("naive") as deployment:
        yield deployment


@pytest.fixture(scope="module")
def hardened_deployment() -> Iterator[Deployment]:
    """The same with the hardened gateway."""
    with Deployment("hardened") as deployment:
        yield deployment


@pytest.fixture
def quick_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look at a link in the shortest slots: for links that carry none of our requests, however many are sent."""
    monkeypatch.setattr(link_use, "_LOADS", (4, 4))


@pytest.fixture
def gate(tmp_path: Path, toxiproxy: Toxiproxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Run]]:
    """Makes a session with an endpoint (default: behind the Toxiproxy), and the run that it belongs to.

    Limits that judge speed are wide, since the machine may be busy; tests/chaos/test_judging.py tests them as they are.
    """
    monkeypatch.setattr(judging, "_MOST_LAG", 30.0)
    monkeypatch.setattr(recovery, "SLOW_SLACK", 60.0)
    clients: list[Client] = []

    def make(*links: Link, url: str | None = None, ceiling: int | None = None, **shorter: float) -> Run:
        limits = {"connect": 60.0, "first_byte": 60.0, "inter_token": 60.0, "total": 60.0} | shorter
        deadlines = Deadlines(**limits)
        endpoint = Endpoint(url or f"http://{toxiproxy.listen}", protocol="openai_chat", deadlines=deadlines)
        settings = Settings(endpoint, ("chaos",), links=links or (toxiproxy.link(),))
        chaos = ChaosSettings(rate=15.0, baseline=1.0, recovery=2.0)
        settings = replace(
            settings, sections={"chaos": chaos}, promises=Promises(deterministic=True), ceilings=Ceilings(ceiling)
        )
        started, run_dir = time.monotonic(), RunDir.create(tmp_path / f"run{len(clients)}")
        client = Client(endpoint, clock=Monotonic(started))
        clients.append(client)
        ledger, meter = Ledger(run_dir.path, settings.ceilings, started), Meter(run_dir)
        session = Session(settings, ADAPTER, Facts(models=("tiny-chat",)), client, ledger, meter)
        return session, SimpleNamespace(
            settings=settings,
            run_dir=run_dir,
            ledger=ledger,
            worker="main",
            planned={},
            progress=Progress(),
            now=client.clock.now,
        )

    yield make
    for client in clients:
        client.close()
