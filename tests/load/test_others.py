"""Requests of others in flight make times INCONCLUSIVE; what is this load's own does not."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from harness.core.flow import Flow, LevelCount
from harness.core.load import LoadResult
from harness.core.objective import PROFILES
from harness.core.objective_parser import parse_objective
from harness.core.verdict import Status
from harness.io.metrics_page import parse_in_flight
from harness.load.likeness import find_unlikeness
from harness.load.others import InFlightLooks, watch_in_flight
from tests.catalogues import sample_cases
from tests.conftest import run_gate
from tests.load.loads import result_of
from tests.services import make_handler, serving_handler

VLLM = b"""# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m"} 3.0
vllm:num_requests_waiting{engine="0",model_name="m"} 2.0
vllm:request_success_total{model_name="m"} 90.0
"""
RESULT = LoadResult("steady", "x", 9, 9, 9, finished=True, flow=Flow(n=9, levels=(LevelCount(3, 4, 2.0, 9),)))


@pytest.mark.parametrize(
    ("page", "count"),
    [
        (VLLM, 5),
        (b"llamacpp:requests_processing 1\nllamacpp:requests_deferred 0\n", 1),
        (b"tgi_batch_current_size 4\ntgi_queue_size 1\n", 5),
        (b'nv_inference_pending_request_count{model="a"} 2\nnv_inference_pending_request_count{model="b"} 1\n', 3),
        (b'http_requests_inprogress{handler="/metrics"} 1\n', 0),
        (b'http_requests_in_progress{path="/a"} 2\nhttp_requests_in_progress{path="/metrics"} 1\n', 2),
        (b"app_active_requests 1.0 1700000000\n", 0),
        (b"active_requests_total 7\nmax_active_requests_limit 9\n", None),
        (b"vllm:num_requests_running NaN\nvllm:num_requests_waiting -1\n", None),
        (b"<html>num_requests_running 5</html>", None),
        (b"vllm:num_requests_running{ 5", None),
        (b"", None),
    ],
)
def test_the_requests_in_flight_are_read_as_servers_name_them(page: bytes, count: float | None) -> None:
    assert parse_in_flight(page) == count


@pytest.mark.parametrize(
    ("before", "under", "after", "failed", "words"),
    [
        (0, (4, 4, 3), 0, 0, ""),
        (None, (), None, 0, ""),
        (0, (4, 9, 2), 0, 0, ""),
        (0, (5, 9, 2), 0, 0, "up to 9 requests in flight, and this load had at most 4"),
        (2, (), 0, 0, "2 requests in flight before this load has sent any"),
        (0, (), 1, 0, "1 requests in flight after every request of this load has ended"),
        (0, (), 1, 3, ""),
    ],
)
def test_only_what_cannot_be_this_loads_own_is_others(
    before: float | None, under: Sequence[float], after: float | None, failed: int, words: str
) -> None:
    looks = InFlightLooks(before, after, list(under))
    others = looks.find_others(replace(RESULT, failed=failed))
    assert words in others
    assert bool(others) == bool(words)


def test_a_request_that_comes_and_goes_is_not_in_every_look() -> None:
    counts = itertools.cycle([1.0, 0.0])
    with watch_in_flight(lambda: next(counts)) as looks:
        pass
    assert (looks.before, looks.after) == (0.0, 0.0)
    with watch_in_flight(lambda: None) as silent:
        pass
    assert (silent.before, silent.after) == (None, None)


@pytest.mark.parametrize("status", [Status.PASS, Status.FAIL])
def test_times_beside_others_requests_say_nothing(status: Status) -> None:
    result = replace(RESULT, others="the service states 2 requests in flight before this load has sent any")
    latency, errors = (
        parse_objective("load", metric, limit, PROFILES["release"])
        for metric, limit in (("latency p90", "<= 1s"), ("error_rate", "<= 20%"))
    )
    assert "no measure of it" in find_unlikeness(result, latency, status)
    assert find_unlikeness(result, errors, status) == ""
    assert find_unlikeness(RESULT, latency, status) == ""


@pytest.mark.parametrize("others", sample_cases([0, 2], 2))
def test_a_whole_load_beside_others(tmp_path: Path, others: int) -> None:
    page = f"vllm:num_requests_running {others}.0\n"
    (tmp_path / "aiharness.toml").write_text(
        """
[endpoint]
protocol = "plain_json"
sample = { instances = [[1.0, 2.0]] }
[load]
rate = 40
duration = 2
warm_up = 0.5
[[objective]]
suite = "load"
metric = "latency p75"
limit = "<= 20s"
"""
    )

    class Handler(make_handler(lambda path, body: (200, {"predictions": [1.5]}))):  # type: ignore[misc]
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", str(len(page)))
            self.end_headers()
            self.wfile.write(page.encode())

    with serving_handler(Handler) as url:
        outcome = run_gate(tmp_path, f"--ai-endpoint={url}", suite="load")
    assert bool(result_of(outcome.run_dir)["others"]) == bool(others), outcome.out
    row = outcome.check("test_objectives.py::test_objective[latency-p75]")
    assert ("requests in flight before this load" in row["reason"]) == bool(others)
    assert (row["verdict"] == "INCONCLUSIVE") >= bool(others)
