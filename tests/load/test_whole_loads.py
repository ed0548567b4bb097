"""Whole loads: the suite through pytest, and stock locust by hand, against the reference deployment."""

from __future__ import annotations

import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from harness.reference.process import ReferenceProcess
from harness.reference.settings import ServiceSettings
from tests.conftest import run_gate
from tests.load.loads import STEADY, children, configure, later, locust, ports, result_of


def test_a_healthy_service_is_judged_on_exactly_what_was_asked(reference: str, tmp_path: Path) -> None:
    outcome = run_gate(configure(tmp_path), f"--ai-endpoint={reference}", suite="load")
    result = result_of(outcome.run_dir)
    assert result["intended"] == result["sent"] == result["completed"] == 80
    assert result["judged"] == sum(result["blocks"]["latency"]["n"]) == 60
    assert result["failed"] == 0
    assert outcome.check("test_errors.py::test_intact")["verdict"] == "PASS"
    assert outcome.check("test_errors.py::test_answered")["verdict"] == "PASS"
    assert outcome.status in (0, 20), outcome.out  # a busy machine makes the times depend on one another
    if not result["client_bound"]:
        assert outcome.check("test_generator.py::test_kept_up")["verdict"] == "PASS", outcome.out
    lines = [json.loads(line) for line in (outcome.run_dir / "series.jsonl").read_text().splitlines()]
    assert sum(line["requests"] for line in lines if line["worker"] == "load") == 80


def test_a_false_success_under_load_is_a_contract_failure(tmp_path: Path) -> None:
    with ReferenceProcess(ServiceSettings(defects=("nan_in_200",))) as server:
        outcome = run_gate(configure(tmp_path), f"--ai-endpoint={server.url}", suite="load")
    row = outcome.check("test_errors.py::test_intact")
    assert outcome.status == 1
    assert row["verdict"] == "FAIL"
    assert row["counterexamples"]


def test_a_killed_generator_is_an_error_and_leaves_no_process(reference: str, tmp_path: Path) -> None:
    def kill(_: dict[str, Any]) -> None:
        for pid in children(f"locust -f {STEADY} --headless --host {reference}"):
            os.kill(pid, signal.SIGKILL)

    thread = later(tmp_path, kill)
    outcome = run_gate(configure(tmp_path, duration=20), f"--ai-endpoint={reference}", suite="load")
    thread.join()
    assert outcome.status == 21, outcome.out
    assert "SIGKILL" in outcome.check("test_generator.py::test_kept_up")["reason"]
    assert 0 < result_of(outcome.run_dir)["completed"] < 800
    assert not children(f"--host {reference}")


def test_an_endpoint_that_dies_ends_the_load_early_and_fails(tmp_path: Path) -> None:
    with ReferenceProcess(ServiceSettings()) as server:
        thread = later(tmp_path, lambda _: server.stop())
        began = time.monotonic()
        outcome = run_gate(configure(tmp_path, duration=60), f"--ai-endpoint={server.url}", suite="load")
        thread.join()
    assert time.monotonic() - began < 50
    assert outcome.status == 1, outcome.out
    result = result_of(outcome.run_dir)
    assert result["finished"]
    assert result["gone"]
    assert result["errors"]["connect"] > 3


def test_a_ceiling_forbids_the_whole_load_before_its_start(reference: str, tmp_path: Path) -> None:
    outcome = run_gate(configure(tmp_path), f"--ai-endpoint={reference}", "--ai-max-requests=50", suite="load")
    assert outcome.status == 20, outcome.out
    assert sorted(path.name for path in (outcome.run_dir / "load").iterdir()) == [".steady.lock", "steady.state"]
    assert outcome.gate is not None
    assert {check["verdict"] for check in outcome.gate["checks"]} == {"INCONCLUSIVE"}


def test_locust_alone_detects_sends_and_sums_up(reference: str, tmp_path: Path) -> None:
    chat = ("--model=tiny-chat", "--protocol=openai_chat", "--stream")
    status, output = locust(tmp_path, reference, "--rate=30", "--duration=1.5", "--arrivals=poisson", *chat)
    result = result_of(tmp_path / "run")
    assert result["sent"] == result["completed"] == 45
    assert sum(result["blocks"]["inter_token"]["n"]) > sum(result["blocks"]["ttft"]["n"]) > 0
    assert "45 of 45 requests sent" in output
    assert status == (20 if result["client_bound"] else 0), output


@pytest.mark.catalogue  # the recipe of a scenario in tests/test_contributing.py is one, too
def test_a_scenario_of_ones_own_has_its_arrivals_and_its_result(reference: str, tmp_path: Path) -> None:
    lines = ("from harness import ArrivalUser", "class Crowd(ArrivalUser):", "    arrivals = 'poisson'", "")
    (tmp_path / "crowd.py").write_text("\n".join(lines))
    options = ("-f", "crowd.py", "--protocol=plain_json", "--rate=40", "--duration=1.5", "--warm-up=0")
    _, output = locust(tmp_path, reference, *options)
    result = json.loads((tmp_path / "run" / "load" / "crowd.json").read_text())
    assert result["completed"] == 60, output
    assert len(set(result["blocks"]["latency"]["n"])) > 3, "equal gaps give every block of time as many requests"


def test_locust_alone_refuses_what_it_cannot_do(reference: str, tmp_path: Path) -> None:
    refused = {
        "warm": (4, "--warm-up 9", ["--warm-up=9"]),
        "places": (4, "1 requests in flight are too few for 2 load workers", ["-u1", "--processes=2", *ports()]),
        "alone": (21, "0 of 2 load workers connected within 1 s",
                  ["--master", "--expect-workers=2", "--expect-workers-max-wait=1", ports()[0]]),
    }  # fmt: skip

    def try_refused(name: str) -> None:
        (tmp_path / name).mkdir()
        plain = ("--protocol=plain_json", "--rate=10", "--duration=1", "--warm-up=0")
        status, output = locust(tmp_path / name, reference, *plain, *refused[name][2])
        assert (status, refused[name][1] in output, "Traceback" in output) == (refused[name][0], True, False), output
        assert not (tmp_path / name / "run" / "load").exists()

    with ThreadPoolExecutor() as pool:
        list(pool.map(try_refused, refused))


def test_a_freeze_is_seen_from_the_schedule_and_every_request_is_sent(tmp_path: Path) -> None:
    """Coordinated omission: with ten places a freeze of 1.5 s is felt by about all arrivals meant for it.

    A busy machine delays requests by less than half a second, the freeze most of them by more.
    """
    with ReferenceProcess(ServiceSettings()) as server:
        pid = server.pid

        def freeze(_: dict[str, Any]) -> None:
            os.kill(pid, signal.SIGSTOP)
            time.sleep(1.5)
            os.kill(pid, signal.SIGCONT)

        thread = later(tmp_path, freeze)
        locust(tmp_path, server.url, "--rate=60", "--duration=3", "--warm-up=0.2", "--protocol=plain_json", "-u", "10")
        thread.join()
    result = result_of(tmp_path / "run")
    assert result["sent"] == result["completed"] == result["intended"] == 180
    assert result["waited"] >= 20
    assert over(result, "latency", 0.5) >= 30
    assert over(result, "service", 0.5) <= 20
    assert over(result, "lag", 0.5) >= 20


def over(result: dict[str, Any], metric: str, limit: float) -> int:
    buckets = result["histograms"][metric]
    return sum(
        n for key, n in buckets.items() if key == "inf" or (key.lstrip("-").isdigit() and 1.02 ** int(key) > limit)
    )
