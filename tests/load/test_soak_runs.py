"""Whole soaks of the reference service: healthy, and with each seeded defect of time, found by the check it names."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from detection.catalogue import load_switch, switch_names
from detection.over_time import SCALE_VARIABLE
from detection.switch import Defect
from harness.core.verdict import Status
from harness.reference.process import ReferenceProcess
from harness.reference.settings import ServiceSettings
from tests.catalogues import sample_cases
from tests.load.loads import locust
from tests.services import serving, serving_handler

SOAKED = [
    name
    for name in switch_names(Defect)
    if (load := load_switch(Defect, name).load) is not None and load.settings.get("scenario") == "soak"
]
SCENARIO = Path(__file__).parents[2] / "scenarios" / "soak.py"


def soak(folder: Path, url: str, settings: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The verdicts of a soak by check, without the path."""
    options = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items() if name != "scenario"]
    _, output = locust(folder, url, "--protocol=plain_json", f"-f{SCENARIO}", *options)
    lines = (folder / "run" / "evidence.jsonl").read_text().splitlines()
    assert lines, output
    rows = map(json.loads, lines)
    return {row["check"].rpartition("/")[2]: row["verdict"] for row in rows}


def test_each_defect_of_time_is_soaked() -> None:
    assert set(SOAKED) == {
        "slow_leak", "connection_leak", "periodic_stall", "error_burst", "creeping_latency", "cold_after_idle",
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", sample_cases(SOAKED, "slow_leak"))
def test_a_defect_of_time_is_found_by_the_check_that_it_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(SCALE_VARIABLE, "3")
    defect = load_switch(Defect, name)
    assert defect.load is not None
    settings = dict(defect.load.settings)
    if name == "slow_leak":
        settings["duration"] = 15
    with ReferenceProcess(ServiceSettings(defects=(name,))) as server:
        verdicts = soak(tmp_path, server.url, settings)
    verdict = verdicts[defect.caught_by.rpartition("/")[2]]
    assert verdict["status"] == Status.FAIL, verdicts
    assert defect.load.words in verdict["reason"]
    failed = [check for check, other in verdicts.items() if other["status"] == Status.FAIL and "test_soak" in check]
    assert failed == [defect.caught_by.rpartition("/")[2]]


@pytest.mark.slow
def test_a_healthy_soak_fails_nothing_and_its_record_is_in_the_result(reference: str, tmp_path: Path) -> None:
    verdicts = soak(tmp_path, reference, {"rate": 60, "duration": 12, "warm_up": 1})
    judged = {check: verdict for check, verdict in verdicts.items() if check.startswith("test_soak")}
    assert len(judged) == 8
    assert not [check for check, verdict in judged.items() if verdict["status"] in (Status.FAIL, Status.ERROR)], judged
    result = json.loads((tmp_path / "run" / "load" / "soak.json").read_text())
    record = result["soak"]
    assert sum(window["requests"] for window in record["windows"]) == result["judged"]
    assert len(record["idle_times"]) == len(record["first"]) == 3
    assert {"process_resident_memory_bytes", "process_open_fds"} <= set(record["gauges"])
    assert all(len(points) >= 20 for points in record["gauges"].values())
    assert (tmp_path / "run" / "load" / "soak.slices.jsonl").stat().st_size > 0


@pytest.mark.catalogue
def test_gauges_that_a_service_does_not_show_are_skipped(tmp_path: Path) -> None:
    """As MLServer, whose page of metrics is at another port."""
    with serving(lambda path, body: (200, {"predictions": [[0.5]]}) if path == "/predict" else (404, {})) as url:
        (tmp_path / "aiharness.toml").write_text("[endpoint]\nsample = [[1.0]]\n")
        verdicts = soak(tmp_path, url, {"rate": 20, "duration": 2, "warm_up": 0})
    assert {verdicts[f"test_soak.py::{name}"]["status"] for name in ("test_memory", "test_connections")} == {"SKIPPED"}


def test_a_page_of_metrics_at_another_port_is_read_without_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As MLServer, Triton and TorchServe show theirs."""
    page, seen = b"# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes 1000000\n", []

    class Metrics(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append((self.path, self.headers.get("authorization")))
            self.send_response(200)
            self.send_header("content-length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: Any) -> None:
            return

    monkeypatch.setenv("AIHARNESS_API_KEY", "sk-metrics-test-key-1")
    with serving(lambda path, body: (200, {"predictions": [[0.5]]})) as url, serving_handler(Metrics) as metrics:
        (tmp_path / "aiharness.toml").write_text("[endpoint]\nsample = [[1.0]]\n")
        verdicts = soak(tmp_path, url, {"rate": 20, "duration": 2, "warm_up": 0, "metrics": f"{metrics}/m"})
    assert verdicts["test_soak.py::test_memory"]["status"] != "SKIPPED"
    assert "process_resident_memory_bytes" in (tmp_path / "run" / "load" / "soak.json").read_text()
    assert set(seen) == {("/m", None)}
