"""A fault proxy that accepts connections and never answers costs its deadline once, not once a check."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.chaos import toxiproxy_api
from harness.core.endpoint import Endpoint
from harness.core.experiment import ExperimentPlan, Fault, Link
from harness.core.objective import PROFILES
from harness.core.settings import Settings
from harness.run.gate_run import GateRun
from tests.chaos.chaosparts import run_experiment


def test_a_silent_proxy_is_asked_once(tmp_path: Path, reference: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toxiproxy_api, "TIMEOUT", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(5)
        link = Link("model", f"http://127.0.0.1:{silent.getsockname()[1]}", "model")
        fault = Fault("model", "latency", {"latency": 10}, name="slow")
        settings: Any = Settings(
            Endpoint(reference, protocol="plain_json"), ("chaos",), (), PROFILES["pr"], run_dir=str(tmp_path / "run")
        )
        run = GateRun(replace(settings, links=(link,), experiments=(ExperimentPlan.of_fault(fault),)), [])
        run.start(lambda line: None)
        try:
            first = run_experiment(run.get_session("chaos"), run, fault)
            silent.accept()[0].close()
            silent.settimeout(0)
            assert run_experiment(run.get_session("chaos"), run, fault) == first
            with pytest.raises(BlockingIOError):
                silent.accept()
        finally:
            run.close()
    assert "no Toxiproxy or fault proxy answers" in first.broken
