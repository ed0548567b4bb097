"""Whole comparisons: two services that count what they get take turns in one run, by the suite and by the command."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.catalogues import sample_cases
from tests.conftest import run_gate
from tests.load.loads import configure, locust, ports, result_of
from tests.services import serving

CONFIG = """
[endpoint]
protocol = "plain_json"
sample = { inputs = [[0.5, 0.25]] }
[load]
rate = 60
duration = 7
warm_up = 1
turn = 1
margin = 3
"""
"""A margin that no busy machine exceeds: what is slow is not what these runs are about."""


class Counting:
    """Answers and counts; every `fail_every`-th request of a load fails, once `spared` were answered."""

    def __init__(self, fail_every: int = 0, spared: int = 60) -> None:
        self.bodies: Counter[str] = Counter()
        self._fail_every, self._spared, self._n = fail_every, spared, 0

    def answer(self, path: str, body: Any) -> tuple[int, Any]:
        if body is None:
            return 404, {"error": "there is no such page"}
        self._n += 1
        self.bodies[json.dumps(body)] += 1
        if self._fail_every and self._n > self._spared and self._n % self._fail_every == 0:
            return 500, {"error": "no answer"}
        return 200, {"outputs": [0.75]}


@contextmanager
def pair(**candidate: int) -> Iterator[tuple[str, str, Counting, Counting]]:
    ours, theirs = Counting(**candidate), Counting()
    with serving(ours.answer) as url, serving(theirs.answer) as baseline:
        yield url, baseline, ours, theirs


@pytest.mark.slow
def test_two_endpoints_get_the_same_requests_in_one_run(tmp_path: Path) -> None:
    (tmp_path / "aiharness.toml").write_text(CONFIG)
    with pair() as (url, baseline, ours, theirs):
        outcome = run_gate(tmp_path, f"--ai-endpoint={url}", f"--ai-baseline={baseline}", suite="load")
    assert outcome.gate is not None, outcome.out
    result = result_of(outcome.run_dir)
    other = result["baseline"]
    assert result["sent"] == result["completed"] == other["sent"] == other["completed"] == 420
    assert result["judged"] == other["judged"] == 360
    assert result["failed"] == other["failed"] == 0
    # What the load sends is the same; beside it the candidate alone is asked what is known without load.
    assert sum(theirs.bodies.values()) >= 420
    assert not theirs.bodies - ours.bodies
    row = outcome.check("test_baseline.py::test_no_worse")
    assert row["verdict"] in ("PASS", "INCONCLUSIVE"), row
    assert row["baseline"]["run"] == baseline
    assert row["n"] == 360
    errors = next(contrast for contrast in result["contrasts"] if contrast["metric"] == "error_rate")
    assert len(errors["counts"]) == 6
    assert [sum(column) for column in zip(*errors["counts"], strict=True)] == [360, 0, 360, 0]
    assert [load["scenario"] for load in outcome.gate["loads"]] == ["steady", f"baseline {baseline}"]
    assert baseline in (outcome.run_dir / "report.html").read_text()
    assert f"in turns with {baseline}" in outcome.out


@pytest.mark.slow
def test_more_failures_than_the_baseline_fail_by_processes_too(tmp_path: Path) -> None:
    (tmp_path / "aiharness.toml").write_text(CONFIG)
    with pair(fail_every=4) as (url, baseline, _, _):
        status, output = locust(tmp_path, url, f"--baseline={baseline}", "--processes=2", *ports())
    result = result_of(tmp_path / "run")
    assert result["completed"] == result["baseline"]["completed"] == 420, output
    assert result["failed"] > 60
    assert result["baseline"]["failed"] == 0
    report = json.loads((tmp_path / "run" / "gate.json").read_text())
    row = next(row for row in report["checks"] if row["id"].endswith("test_no_worse"))
    assert any(note.startswith("FAIL: error rate: ") for note in row["notes"]), row
    if not (result["client_bound"] or result["baseline"]["client_bound"]):
        assert row["verdict"] == "FAIL"
        assert row["counterexamples"]
        assert status == 1, output


@pytest.mark.parametrize("shape", sample_cases(["soak", "stress"], "soak"))
def test_a_load_that_must_not_be_cut_is_refused(tmp_path: Path, shape: str) -> None:
    (tmp_path / "aiharness.toml").write_text(CONFIG)
    with pair() as (url, baseline, _, theirs):
        status, output = locust(tmp_path, url, f"--baseline={baseline}", f"--shape={shape}", "--duration=60")
    assert status == 4, output
    assert f"a {shape} cannot be cut into turns" in output
    assert not theirs.bodies


def test_the_endpoint_itself_is_no_baseline_by_whatever_name(tmp_path: Path) -> None:
    (tmp_path / "aiharness.toml").write_text(CONFIG)
    with pair() as (url, _, ours, _):
        status, output = locust(tmp_path, url, f"--baseline={url.replace('127.0.0.1', 'localhost')}/")
    assert status == 4, output
    assert "is the endpoint itself" in output
    assert not ours.bodies


def test_a_service_that_does_not_take_the_sample_is_no_baseline(tmp_path: Path) -> None:
    (tmp_path / "aiharness.toml").write_text(CONFIG)
    with pair() as (url, _, _, _), serving(lambda *_: (404, {"error": "no such path"})) as other:
        status, output = locust(tmp_path, url, f"--baseline={other}")
    assert status == 4, output
    assert f"the baseline {other} does not answer the sample as plain_json" in output


@pytest.mark.catalogue
def test_another_model_is_no_baseline(tmp_path: Path) -> None:
    def chat(name: str) -> Any:
        def answer(path: str, body: Any) -> tuple[int, Any]:
            if body is None:
                return 200, {"object": "list", "data": [{"id": name, "object": "model"}]}
            message = {"role": "assistant", "content": "Yes."}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
            return 200, {"id": "1", "object": "chat.completion", "model": name, "choices": [choice], "usage": usage}

        return answer

    with serving(chat("small")) as url, serving(chat("large")) as baseline:
        status, output = locust(tmp_path, url, f"--baseline={baseline}", "--protocol=openai_chat", "--model=small")
    assert status == 4, output
    assert "answers with model 'large', and the endpoint with 'small'" in output


@pytest.mark.catalogue
@pytest.mark.slow
def test_a_saved_run_compares_failures_and_no_times(tmp_path: Path) -> None:
    (tmp_path / "aiharness.toml").write_text(CONFIG.replace("duration = 7", "duration = 3"))
    with pair() as (url, _, _, _):
        locust(tmp_path, url, "--run-dir=old")
        gate = json.loads((tmp_path / "old" / "gate.json").read_text())
        status, output = locust(tmp_path, url, "--baseline=old")
    assert gate["loads"][0]["completed"] == 180
    assert "times are not compared with one saved run" in output, output
    assert status == 20
    report = json.loads((tmp_path / "run" / "gate.json").read_text())
    row = next(row for row in report["checks"] if row["id"].endswith("test_no_worse"))
    assert row["verdict"] == "INCONCLUSIVE"
    assert "0 of 180 requests failed, 0 of 180 in old" in row["reason"]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "is_compared"), sample_cases([("day-5", True), ("day-4", False)], ("day-5", True)))
def test_five_saved_runs_decide_times_in_a_run(reference: str, tmp_path: Path, name: str, is_compared: bool) -> None:
    configure(tmp_path)
    first = run_gate(tmp_path, f"--ai-endpoint={reference}", suite="load", run="first")
    for day in range(1, 6):
        gate = json.loads((first.run_dir / "gate.json").read_text())
        gate["run"] |= {"id": f"day-{day}", "started": f"2026-01-{day:02}T00:00:00+00:00", "partial": False}
        gate["run"] |= {"verdict": "PASS", "exit_status": 0}
        folder = tmp_path / "saved" / f"day-{day}"
        folder.mkdir(parents=True)
        (folder / "gate.json").write_text(json.dumps(gate))
    options = (f"--ai-endpoint={reference}", f"--ai-baseline={tmp_path / 'saved' / name}")
    outcome = run_gate(tmp_path, *options, suite="load", run="beside")
    row = outcome.check("test_baseline.py::test_no_worse")
    assert any("5 runs differ by" in note for note in row["notes"]) is is_compared, row
    assert ("4 saved PASS runs of OLD's version up to OLD" in row["reason"]) is not is_compared, row
