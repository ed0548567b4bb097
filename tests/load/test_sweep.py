"""A sweep: its verdict and its sentences from known probes, and one whole sweep of a service with one worker."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from harness.core.sweep import CapacitySettings, ProbeRecord, SweepResult
from harness.core.verdict import Status
from harness.load.sweep_words import describe_sweep, judge_target
from tests.conftest import GateOutcome, run_gate

SERVICE_TIME = 0.04
"""Seconds for which the one worker of the service is busy with a request: it cannot serve over 25 requests/s."""


class OneWorker(BaseHTTPRequestHandler):
    """Requests are served one after the other, each for `SERVICE_TIME`."""

    protocol_version = "HTTP/1.1"
    lock = threading.Lock()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        with self.lock:
            time.sleep(SERVICE_TIME)
        answer = b'{"label": "yes"}'
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


class Server(ThreadingHTTPServer):
    """A server of many connections at once."""

    request_queue_size = 1024
    daemon_threads = True


@pytest.fixture
def one_worker() -> Iterator[str]:
    with Server(("127.0.0.1", 0), OneWorker) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


CONFIG = """
[endpoint]
protocol = "plain_json"
sample = "yes or no?"
[endpoint.template]
path = "/predict"
body = '{{"text": {{{{input}}}}}}'
answer = "$.label"
[load]
workload = "sample"
[capacity]
target_rate = {target}
highest = {target}
duration = {duration}
requests = {requests}
warm_up = 0.5
price_per_hour = 2.5
[[objective]]
suite = "capacity"
metric = "latency p90"
limit = "<= {limit}"
"""


def sweep(
    folder: Path, url: str, target: int, limit: str, duration: int, requests: int = 100_000
) -> tuple[dict[str, Any], GateOutcome]:
    """The result and the outcome of one sweep."""
    text = CONFIG.format(target=target, limit=limit, duration=duration, requests=requests)
    (folder / "aiharness.toml").write_text(text)
    outcome = run_gate(folder, f"--ai-endpoint={url}", suite="capacity")
    return json.loads((outcome.run_dir / "load" / "sweep.json").read_text()), outcome


@pytest.mark.slow
@pytest.mark.catalogue
def test_a_rate_over_what_can_be_served_never_passes(one_worker: str, tmp_path: Path) -> None:
    result, outcome = sweep(tmp_path, one_worker, target=50, limit="150ms", duration=20)
    probes = result["probes"]
    assert result["low"] < 1 / SERVICE_TIME, outcome.out
    assert (probes[0]["rate"], probes[0]["aim"], probes[0]["outcome"]) == (50, "locate", "over")
    assert probes[0]["throughput"] < 50  # answers read late, on a busy machine, can look faster than they were given
    assert sum(probe["seconds"] for probe in probes) <= 20 * 1.001
    verdict = outcome.check("test_target.py::test_target_rate")["verdict"]
    assert verdict == ("FAIL" if result["high"] else "INCONCLUSIVE")  # a busy machine may leave it open
    assert result["high"] or not any(probe["outcome"] == "fail" for probe in probes)
    assert "limited" in result["sentences"][1]
    loads = [path.name for path in sorted((outcome.run_dir / "capacity").iterdir())]
    assert loads == [f"load-{number + 1:02}" for number in range(len(probes))]


@pytest.mark.slow
def test_a_rate_that_can_be_served_never_fails(one_worker: str, tmp_path: Path) -> None:
    result, outcome = sweep(tmp_path, one_worker, target=12, limit="4s", duration=17)
    verdict = outcome.check("test_target.py::test_target_rate")["verdict"]
    assert result["high"] is None
    assert verdict == ("PASS" if result["low"] == 12 else "INCONCLUSIVE")  # a busy machine may leave it open


@pytest.mark.slow(20)
def test_a_load_whose_queue_only_grows_is_ended_early(one_worker: str, tmp_path: Path) -> None:
    """The one load that 700 requests allow: 600 at twice the rate that can be served."""
    result, outcome = sweep(tmp_path, one_worker, target=50, limit="150ms", duration=600, requests=700)
    (probe,) = result["probes"]
    assert (probe["outcome"], result["low"], result["high"]) == ("over", 0, None), outcome.out
    if not probe["client_bound"]:  # on a busy machine it is not known whose queue it is
        assert probe["seconds"] < 12
        assert 5 < probe["growth"] < 50
        assert "the requests in flight only grew" in probe["reason"]


def make_probe(rate: float, outcome: str, *, latency: float = 0.1, **others: Any) -> ProbeRecord:
    """A probe of an objective on latency."""
    p50 = {"latency": latency, **others.pop("p50", {})}
    record = ProbeRecord(rate, outcome, rate, 0.0, {"latency p95 <= 1 s": 0.5}, p50, p50)
    return replace(record, **others)


def make_sweep(*probes: ProbeRecord, low: float = 20, high: float | None = 40, **others: Any) -> SweepResult:
    """A sweep for 100 requests/s, with its sentences at a price of 2."""
    result = SweepResult(100, low, high, 0.95, probes, (), **others)
    return replace(result, sentences=describe_sweep(result, ["latency p95 <= 1 s"], 2.0, 5.0))


def test_sentences_say_the_interval_the_limit_and_the_need() -> None:
    result = make_sweep(make_probe(20, "pass"), make_probe(40, "fail", latency=2.0))
    assert result.sentences == (
        "Capacity for latency p95 <= 1 s: at least 20, less than 40 requests/s at 95 %.",
        "At 40 requests/s queueing limited it: the median latency was 2 s, 100 ms at 20 requests/s.",
        "100 requests/s need 3 to 5 replicas like this one, 6 to 10 an hour, if their capacities add up.",
    )


def test_tokens_have_a_price_of_their_own() -> None:
    result = make_sweep(make_probe(20, "pass", tokens=200.0), make_probe(40, "fail", tokens=150.0))
    assert result.sentences[2].endswith("; at 200 generated tokens an answer these cost 360 an hour.")


@pytest.mark.parametrize(
    ("probe", "words"),
    [
        (make_probe(40, "over"), "At 40 requests/s queueing limited it"),
        (make_probe(40, "fail", failed=0.4), "errors limited it: 40.0% of the requests failed"),
        (make_probe(40, "fail", latency=3, p50={"ttft": 0.06, "inter_token": 0.03}), "decoding speed limited it"),
        (make_probe(40, "fail", latency=3, p50={"ttft": 2.9, "inter_token": 0.01}), "queueing limited it"),
        (make_probe(40, "inconclusive", client_bound="98 % of a core"), "The client limited the sweep at 40"),
        (make_probe(40, "inconclusive"), "no rate failed, and 40 requests/s are undecided"),
        (make_probe(40, "pass"), "Nothing limited the service up to 40 requests/s"),
    ],
)
def test_what_limits_is_named(probe: ProbeRecord, words: str) -> None:
    healthy = make_probe(20, "pass", p50={"ttft": 0.05, "inter_token": 0.01})
    assert words in make_sweep(healthy, probe).sentences[1]


@pytest.mark.parametrize(
    ("low", "high", "status"),
    [(100, 120, "PASS"), (120, None, "PASS"), (50, 100, "FAIL"), (0, 90, "FAIL"), (90, 110, "INCONCLUSIVE"),
     (0, None, "INCONCLUSIVE")],
)  # fmt: skip
def test_the_target_is_judged_by_the_interval(low: float, high: float | None, status: str) -> None:
    assert judge_target(make_sweep(make_probe(20, "pass"), low=low, high=high)).status == Status(status)


def test_a_broken_sweep_is_an_error_and_a_dead_service_a_failure() -> None:
    assert judge_target(make_sweep(low=200, problem="the load generator died")).status is Status.ERROR
    assert judge_target(make_sweep(low=200, gone="5 s without an answer")).status is Status.FAIL
    assert "not known" in make_sweep(low=0).sentences[1]
    assert "no rate passed" in make_sweep(low=0).sentences[2]


@pytest.mark.parametrize(
    ("options", "key"),
    [({"warm_up": 900}, "warm_up"), ({"highest": 5}, "highest"), ({"duration": 9}, "duration"),
     ({"requests": 100}, "requests"), ({"requests": 10**12}, "requests")],
)  # fmt: skip
def test_impossible_settings_name_their_key(options: dict[str, Any], key: str) -> None:
    problem = CapacitySettings(10, **options).find_problem()
    assert problem
    assert problem[0] == key
    assert CapacitySettings(10).find_problem() is None
