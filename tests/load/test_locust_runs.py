"""A load that locust made by hand is a run like any other: planned, judged, opened by `aiharness report`."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from harness.commands.main import main
from tests.catalogues import sample_cases
from tests.load.loads import command, locust, result_of
from tests.load.test_processes import start_process, under_way, until

PLAIN = ("--protocol=plain_json", "--warm-up=0")
OBJECTIVES = """
[[objective]]
suite = "load"
metric = "latency p90"
limit = "<= 20s"
[[objective]]
suite = "smoke"
metric = "latency p95"
limit = "<= 1ms"
"""


def test_its_report_opens_and_says_what_the_exit_status_says(
    reference: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "aiharness.toml").write_text(OBJECTIVES)
    status, output = locust(tmp_path, reference, "--rate=40", "--duration=2", *PLAIN)
    gate = json.loads((tmp_path / "run" / "gate.json").read_text())
    assert gate["run"]["exit_status"] == status in (0, 20), output
    assert gate["target"]["url"] == reference
    assert gate["plan"]["suites"] == ["load"]
    ids = {check["id"].rpartition("::")[2] for check in gate["checks"]}
    queue = {"test_fair", "test_unblocked", "test_no_cliff", "test_bounded"}
    assert {"test_kept_up", "test_intact", "test_answered", "test_objective[latency-p90]"} | queue == ids
    assert not any(check["missing"] for check in gate["checks"])
    assert [load["completed"] for load in gate["loads"]] == [80]
    assert {figure["metric"] for figure in gate["loads"][0]["figures"]} >= {"latency", "goodput", "request_rate"}
    assert main(["report", str(tmp_path / "run")]) == status
    shown = capsys.readouterr().out
    for part in ("80 of 80 requests ended, 0 failed", "p50", "p99", "goodput"):
        assert part in shown
        assert part in output
    assert (tmp_path / "run" / "report.html").exists()
    check_percentiles(tmp_path)


def check_percentiles(folder: Path) -> None:
    """The result has readable percentiles beside its buckets."""
    result = result_of(folder / "run")
    latency = next(figure for figure in result["figures"] if figure["metric"] == "latency")
    assert 0 < latency["p50"] <= latency["p95"] <= latency["p99"]
    assert latency["unit"] == "s"
    assert latency["n"] == sum(result["histograms"]["latency"].values())


@pytest.mark.parametrize("number", sample_cases([signal.SIGINT, signal.SIGKILL], signal.SIGKILL))
def test_a_load_that_was_stopped_opens_too_and_is_no_pass(
    reference: str, tmp_path: Path, number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    with start_process([*command(reference, "--headless", "--rate=40", "--duration=60", *PLAIN)], tmp_path) as process:
        until(lambda: under_way(tmp_path))
        os.kill(process.pid, number)
        process.wait(30)
    assert main(["report", str(tmp_path / "run")]) == 20, (tmp_path / "output").read_text()
    shown = capsys.readouterr().out
    assert "of 2,400 requests ended" in shown
    if number is signal.SIGINT:
        assert "stopped before" in shown


@pytest.mark.catalogue
def test_locusts_own_run_time_is_the_duration(reference: str, tmp_path: Path) -> None:
    status, output = locust(tmp_path, reference, "--rate=40", "-t", "2s", "-u", "50", "-r", "100", *PLAIN)
    result = result_of(tmp_path / "run")
    assert result["intended"] == result["completed"] == 80, output
    assert result["finished"]
    assert status in (0, 20), output


def test_a_run_time_beside_another_duration_is_one_clear_error(reference: str, tmp_path: Path) -> None:
    status, output = locust(tmp_path, reference, "-t", "1m", "--duration=30", *PLAIN)
    assert status == 4
    assert "-t 60 s and --duration 30 both set the length: give one of them" in output
    assert not (tmp_path / "run").exists()


def test_an_objective_that_cannot_be_decided_is_refused_before_anything_is_sent(reference: str, tmp_path: Path) -> None:
    (tmp_path / "aiharness.toml").write_text(OBJECTIVES)
    status, output = locust(tmp_path, reference, "--rate=1", "--duration=2", *PLAIN)
    assert status == 4
    assert "cannot PASS" in output
    assert "Traceback" not in output
    assert not (tmp_path / "run").exists()
