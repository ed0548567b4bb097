"""Each scenario against the reference deployment: in the gate, with stock locust, and as `aiharness load`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from harness.core.arrival_settings import ArrivalSettings
from harness.core.registry import list_plugins
from tests.catalogues import sample_cases
from tests.conftest import ROOT, run_gate
from tests.load.loads import CONFIG, environment
from tests.programs import run_module

PLAIN = ("--protocol=plain_json", "--run-dir=run", "-u60", "-r1000")
GIVEN: dict[str, tuple[str, ...]] = {
    "ramp": ("--from-rate=0", "--rate=40"),
    "steps": ("--steps=10,40,20", "--arrivals=gamma", "--burstiness=0.5"),
    "spike": ("--rate=20", "--peak=60"),
    "stress": ("--rate=20", "--peak=60", "--recovery=0.5"),
    "replay": ("--dataset=trace.jsonl", "--speed=2"),
    "soak": ("--rate=40", "--pauses=2", "--pause=0.25s"),
}
PLANNED = {"ramp": 40, "steps": 46, "spike": 56, "stress": 56, "replay": 30, "soak": 60}


def write_trace(folder: Path) -> Path:
    rows = [{"timestamp": 9000 + 100 * k, "input_length": 20 + k, "output_length": 4} for k in range(30)]
    (folder / "trace.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    return folder


def load(folder: Path, *arguments: str) -> tuple[int, str]:
    done = run_module("harness", "load", *arguments, cwd=folder, timeout=240)
    return done.returncode, done.stdout + done.stderr


def result_of(folder: Path, scenario: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((folder / "run" / "load" / f"{scenario}.json").read_text())
    return result


def test_every_scenario_but_steady_is_tried_here_and_has_its_own_shape() -> None:
    assert {*GIVEN, "steady", "sweep"} == set(list_plugins("scenarios"))
    assert all(ArrivalSettings(scenario=name).shape_name == name for name in GIVEN)


@pytest.mark.parametrize("scenario", sample_cases(GIVEN, "steps", "replay", "soak"))
def test_the_command_sends_exactly_what_the_scenario_plans(reference: str, tmp_path: Path, scenario: str) -> None:
    chat = ("--protocol=openai_chat", "--model=tiny-chat") if scenario == "replay" else ()
    common = ("--duration=2", "--warm-up=0.2", f"--csv={tmp_path / 'table'}")
    status, output = load(write_trace(tmp_path), scenario, reference, *PLAIN, *common, *GIVEN[scenario], *chat)
    result = result_of(tmp_path, scenario)
    assert result["sent"] == result["completed"] == result["intended"] == PLANNED[scenario], output
    assert (result["shape"], result["failed"]) == (scenario, 0)
    assert result["judged"] == sum(result["blocks"]["latency"]["n"])
    assert (tmp_path / "run" / "gate.json").exists()
    assert (tmp_path / "table_stats.csv").exists()
    assert status in (0, 20), output  # 20: a busy machine


@pytest.mark.parametrize("scenario", sample_cases(["ramp", "stress", "replay"], "stress"))
def test_the_gate_sends_and_judges_what_the_scenario_plans(reference: str, tmp_path: Path, scenario: str) -> None:
    times = [k / 25 for k in range(100)]
    keys = {"ramp": "from_rate = 10", "stress": "peak = 100\nrecovery = 0.5", "replay": f"times = {times}"}[scenario]
    config = CONFIG.format(rate=50, duration=4, processes=1)
    config = config.replace("warm_up", f'scenario = "{scenario}"\n{keys}\nwarm_up')
    (tmp_path / "aiharness.toml").write_text(config)
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}", suite="load")
    assert outcome.status in (0, 20), outcome.out
    result = result_of(outcome.run_dir.parent, scenario)
    assert result["sent"] == result["completed"] == result["intended"], outcome.out
    assert result["seconds"] == {"ramp": 3.5, "stress": pytest.approx(1.9), "replay": 3.5}[scenario]
    assert result["schedule"] in (outcome.run_dir / "gate.json").read_text()


REFUSED = {
    ("spkie", "URL"): "Did you mean 'spike'",
    ("replay", "URL", *PLAIN): "a replay needs a trace with times",
    ("steps", "URL", "--steps=a,b", *PLAIN): "steps are rates with commas",
    ("spike", "URL", "--peak-at=99", *PLAIN): "peak-at: the peak must begin and end within",
    ("ramp", "--rate=x", *PLAIN): "argument --rate: must be a number of requests/s, got 'x'",
    ("ramp", "URL", "--shape=spike", "--rate=0.001", *PLAIN): "send nothing",
}


@pytest.mark.parametrize(
    ("arguments", "words"), sample_cases(REFUSED.items(), *list(REFUSED.items())[:2]), ids=range(len(REFUSED))
)
def test_the_command_refuses_what_it_cannot_do(
    reference: str, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    status, output = load(tmp_path, *(reference if argument == "URL" else argument for argument in arguments))
    assert status not in (0, 1, 20), output
    assert words in output
    assert "Traceback" not in output
    assert not (tmp_path / "run" / "load").exists()


def test_an_interrupted_command_ends_with_a_report(reference: str, tmp_path: Path) -> None:
    arguments = ("soak", reference, *PLAIN, "--rate=20", "--duration=60", "--warm-up=0")
    child = subprocess.Popen(
        [sys.executable, "-m", "harness", "load", *arguments],
        cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    ends = time.monotonic() + 60
    while time.monotonic() < ends and not (tmp_path / "run" / "load" / "soak.checkpoint").exists():
        time.sleep(0.1)
    time.sleep(1.5)
    os.kill(child.pid, signal.SIGINT)
    output, _ = child.communicate(timeout=60)
    assert child.returncode in (2, 20, 21), output
    assert "report:" in output
    assert f"go on with: aiharness load soak --resume {tmp_path / 'run'}" in output
    assert (tmp_path / "run" / "gate.json").exists()


def test_a_scenario_of_another_shape_than_the_configuration_is_refused(reference: str, tmp_path: Path) -> None:
    config = CONFIG.format(rate=40, duration=2, processes=1)
    (tmp_path / "aiharness.toml").write_text(config.replace("warm_up", 'scenario = "ramp"\nshape = "spike"\nwarm_up'))
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}", suite="load")
    assert outcome.status == 21, outcome.out
    assert 'give [load] shape = "ramp"' in (outcome.run_dir / "load" / "ramp.log").read_text()


def test_scenarios_are_about_ten_lines() -> None:
    for name in list_plugins("scenarios"):
        assert len((ROOT / "scenarios" / f"{name}.py").read_text().splitlines()) <= 12


SWEEP_CONFIG = """
[endpoint]
protocol = "plain_json"
[capacity]
target_rate = 3
highest = 40
"""


@pytest.mark.catalogue  # tests/load/test_sweep.py has whole sweeps
def test_a_sweep_by_hand_is_the_search_of_the_capacity_suite(reference: str, tmp_path: Path) -> None:
    (tmp_path / "aiharness.toml").write_text(SWEEP_CONFIG)
    given = ("--rate=40", "--duration=8", "--warm-up=0.2", "--run-dir=run", "--seed=7")
    status, output = load(tmp_path, "sweep", reference, *given, "--objective=latency p90 <= 5s")
    result = json.loads((tmp_path / "run" / "load" / "sweep.json").read_text())
    assert (result["target"], result["probes"][0]["rate"], result["high"]) == (40, 40, None), output
    assert status == (0 if result["low"] == 40 else 20), output  # a busy machine may leave it open
    assert "Capacity for latency p90" in output


REFUSED_SWEEPS = [
    ((), 'give --objective "latency p95 <= 800ms"'),
    (("--objective=fast",), "objective 'fast' cannot be read"),
    (("--objective=speed p95 <= 1s",), "speed"),
    (("--objective=latency p95 <= 1s", "--master"), "leave --processes, --master and --worker out"),
    (("--objective=latency p95 <= 1s", "--duration=1"), "duration"),
    (("--objective=latency p95 <= 1s", "--web"), "a sweep has no web page"),
]


@pytest.mark.parametrize(("arguments", "words"), sample_cases(REFUSED_SWEEPS, REFUSED_SWEEPS[1], REFUSED_SWEEPS[5]))
def test_a_sweep_that_cannot_be_made_is_refused(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    status, output = load(tmp_path, "sweep", "http://127.0.0.1:9", *arguments)
    assert (status, "Traceback" in output) == (4, False), output
    assert words in output


def test_a_sweep_is_no_scenario_of_the_load_suite(reference: str, tmp_path: Path) -> None:
    (tmp_path / "aiharness.toml").write_text('[load]\nscenario = "sweep"\n')
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}", suite="load")
    assert outcome.status == 4
    assert "--ai-suite=capacity" in outcome.out + outcome.err
