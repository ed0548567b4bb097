"""Sessions and a closed loop against the reference deployment: what was planned is sent or counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.core.load_settings import LoadSettings
from harness.core.settings import DEFAULT_SEED
from harness.core.workload import Spread
from harness.load.sessions import SessionPlan
from tests.catalogues import sample_cases
from tests.conftest import run_gate
from tests.load.loads import CONFIG
from tests.load.test_scenarios import load, result_of

CHAT = ("--protocol=openai_chat", "--model=tiny-chat", "--run-dir=run", "--stream", "--duration=2", "--warm-up=0.2")


FEW, SHORT = Spread(mean=3), Spread(mean=0.3)


def check_accounts(result: dict[str, Any], output: str) -> None:
    assert result["sent"] == result["completed"] == result["intended"] - result["unreached"] > 0, output
    assert result["failed"] == 0, output
    assert result["judged"] == sum(result["blocks"]["latency"]["n"])


@pytest.mark.parametrize("processes", sample_cases([1, 2], 2))
def test_each_planned_turn_is_sent_or_counted_on_any_number_of_workers(
    reference: str, tmp_path: Path, processes: int
) -> None:
    keys = ("--workload=sessions", "--rate=6", "--session-turns=3", "--think=0.3")
    more = (f"--processes={processes}",) if processes > 1 else ()
    status, output = load(tmp_path, "steady", reference, *CHAT, *keys, *more)
    result = result_of(tmp_path, "steady")
    check_accounts(result, output)
    settings = LoadSettings(workload="sessions", rate=6, duration=2, warm_up=0.2, session_turns=FEW, think=SHORT)
    plan, pacer = SessionPlan(settings, DEFAULT_SEED), settings.make_pacer(DEFAULT_SEED)
    planned = sum(plan.count_planned(session, pacer.get_arrival_time(session)) for session in range(12))
    assert (result["intended"], result["loop"]) == (planned, "sessions")
    assert 12 < planned < 36
    figures = {figure["metric"]: figure["n"] for figure in result["figures"]}
    assert figures["ttft_first_turn"] + figures["ttft_later_turns"] == result["judged"]
    assert "open loop for the first turns, closed for the later ones" in output
    assert status in (0, 20), output  # 20: a busy machine


@pytest.mark.catalogue
def test_the_reference_deployment_takes_the_sessions_of_an_agent(reference: str, tmp_path: Path) -> None:
    status, output = load(tmp_path, "steady", reference, *CHAT, "--workload=agent", "--rate=3", "--scale=0.02")
    result = result_of(tmp_path, "steady")
    check_accounts(result, output)
    assert status in (0, 20), output


def test_the_gate_judges_a_closed_loop_and_says_what_it_leaves_out(reference: str, tmp_path: Path) -> None:
    keys = 'arrivals = "closed"\nconcurrency = 4\nthink = { mean = 0.05 }\nwarm_up'
    config = CONFIG.format(rate=10, duration=3, processes=1).replace("warm_up", keys)
    (tmp_path / "aiharness.toml").write_text(config)
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}", suite="load")
    assert outcome.status in (0, 20), outcome.out
    result = result_of(outcome.run_dir.parent, "steady")
    check_accounts(result, outcome.out)
    assert (result["loop"], result["generator"]["target_rate"]) == ("closed", None)
    gate = json.loads((outcome.run_dir / "gate.json").read_text())
    notes = [note for check in gate["checks"] for note in check["notes"] if "coordinated omission" in note]
    assert any("4 callers, each asks again 0.05 s after its answer" in note for note in notes)


def test_a_capacity_of_a_closed_loop_is_refused(reference: str, tmp_path: Path) -> None:
    config = '[endpoint]\nprotocol = "plain_json"\n[load]\narrivals = "closed"\n[capacity]\ntarget_rate = 20\n'
    (tmp_path / "aiharness.toml").write_text(
        config + '[[objective]]\nsuite = "capacity"\nmetric = "latency p90"\nlimit = "<= 2s"\n'
    )
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}", suite="capacity")
    assert outcome.status not in (0, 1), outcome.out
    assert "must have no sessions and no closed loop" in " ".join(outcome.out.split())


def test_what_no_session_can_be_is_one_message(reference: str, tmp_path: Path) -> None:
    status, output = load(tmp_path, "ramp", reference, *CHAT, "--arrivals=closed")
    assert status == 4
    assert "--arrivals: a closed loop has no rate that a ramp could change" in output
    assert "Traceback" not in output
