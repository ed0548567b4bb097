from __future__ import annotations

import importlib.util
import time
from datetime import datetime
from pathlib import Path

import pytest

from harness.io import clock
from tests.conftest import run_gate

FREEZE = """
import pytest
from freezegun import freeze_time
@pytest.fixture(autouse=True)
def frozen():
    with freeze_time("2024-01-01"):
        yield
"""
TRAVEL = """
import pytest, time_machine
@pytest.fixture(autouse=True)
def frozen():
    with time_machine.travel(0, tick=False):
        yield
"""
STRICT = '[[objective]]\nsuite = "smoke"\nmetric = "latency p95"\nlimit = "<= 0.05ms"\n[run]\nprofile = "pr"\n'
TOOLS = {"freezegun": FREEZE, "time_machine": TRAVEL}


@pytest.mark.parametrize("tool", TOOLS)
def test_a_frozen_clock_passes_no_latency(tmp_path: Path, reference: str, tool: str) -> None:
    if importlib.util.find_spec(tool) is None:
        pytest.skip(f"{tool} is not installed")
    (tmp_path / "conftest.py").write_text(TOOLS[tool])
    (tmp_path / "aiharness.toml").write_text(STRICT)
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}", "-k", "objective or test_latency", timeout=300)
    assert outcome.status == 1, outcome.out + outcome.err
    assert outcome.gate is not None
    (row,) = [check for check in outcome.gate["checks"] if check["kind"] == "estimate"]
    assert (row["verdict"], row["estimate"] is not None) == ("FAIL", True)
    assert outcome.check("test_answer.py::test_latency")["verdict"] == "PASS"
    assert not outcome.gate["run"]["finished"].startswith(("1970", "2024-01-01"))


def test_functions_that_are_replaced_later_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("monotonic", "time", "perf_counter", "sleep"):
        monkeypatch.setattr(time, name, lambda *_: 0.0)
    assert clock.read_monotonic() > 0
    assert clock.read_epoch() > 1.7e9
    assert isinstance(clock.read_date(), datetime)


def test_a_clock_that_stands_still_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = clock.DriftWatch()
    assert watch.explain() is None
    monkeypatch.setattr(watch, "_began", (watch._began[0] - 10, watch._began[1]))
    assert "freezegun or time-machine" in str(watch.explain())
    monkeypatch.setattr(clock, "_REAL", (lambda: 0.0, *clock._REAL[1:]))
    assert "was replaced before aiharness was loaded" in str(watch.explain())
