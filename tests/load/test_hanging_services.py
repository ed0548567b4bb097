"""A service that hangs under load: the load ends in order and fails by it; what comes back is judged by its answers."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from harness.reference.process import ReferenceProcess
from harness.reference.settings import ServiceSettings
from tests.catalogues import sample_cases
from tests.conftest import GateOutcome, run_gate
from tests.load.loads import children, later, locust, result_of

pytestmark = pytest.mark.slow
DEADLINES = """
[endpoint]
protocol = "plain_json"
deadlines = { connect = 1.0, first_byte = 1.0, inter_token = 1.0, total = 2.0 }
[load]
rate = 40
duration = %d
warm_up = 0.5
concurrency = 30
"""
OBJECTIVES = """
[[objective]]
suite = "load"
metric = "latency p90"
limit = "<= 500ms"
[[objective]]
suite = "load"
metric = "error_rate"
limit = "<= 10%"
"""
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 31\r\n\r\n"


class Relay:
    """Carries connections to a service; once it hangs, they carry nothing but `head` in answer to a request."""

    def __init__(self, port: int) -> None:
        self.head: bytes | None = None
        self.every = 1
        self._upstream, self._count = port, 0
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._sockets: list[socket.socket] = [self._listening]
        threading.Thread(target=self._accept, daemon=True).start()

    def hang(self, head: bytes = b"", every: int = 1) -> None:
        """From now on every `every`-th connection hangs, those that are open included."""
        self.every, self.head = every, head

    def close(self) -> None:
        """Close every connection."""
        for sock in self._sockets:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                peer, _ = self._listening.accept()
                service = socket.create_connection(("127.0.0.1", self._upstream))
                self._sockets += [peer, service]
                self._count += 1
                for source, sink in ((peer, service), (service, peer)):
                    arguments = (source, sink, source is peer, self._count)
                    threading.Thread(target=self._carry, args=arguments, daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket, is_request: bool, number: int) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if self.head is None or number % self.every:
                    sink.sendall(data)
                elif is_request and self.head:
                    source.sendall(self.head)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


@contextmanager
def open_relay() -> Iterator[Relay]:
    """A relay before a healthy service."""
    with ReferenceProcess(ServiceSettings()) as server:
        relay = Relay(int(server.url.rpartition(":")[2]))
        try:
            yield relay
        finally:
            relay.close()


def judge_hang(folder: Path, relay: Relay, *options: str, duration: int = 60, objectives: str = OBJECTIVES, **hang: Any) -> GateOutcome:  # fmt: skip  # noqa: E501
    """The outcome of a gate whose service hangs as soon as it has answered some requests of the load."""
    (folder / "aiharness.toml").write_text(DEADLINES % duration + objectives)
    thread = later(folder, lambda _: relay.hang(**hang))
    outcome = run_gate(folder, f"--ai-endpoint={relay.url}", *options, suite="load")
    thread.join()
    assert not children(f"--host {relay.url}")
    return outcome


@pytest.mark.parametrize("head", sample_cases([b"", HEAD], HEAD), ids=["silence", "headers, then silence"])
def test_a_service_that_hangs_for_good_fails_and_ends_the_load(tmp_path: Path, head: bytes) -> None:
    with open_relay() as relay:
        outcome = judge_hang(tmp_path, relay, head=head)
    assert outcome.status == 1, outcome.out
    result = result_of(outcome.run_dir)
    assert result["finished"]
    assert result["problem"] is None
    assert 0 < result["completed"] < result["intended"], "the load ends early"
    for check in ("test_answered", "test_objective[latency-p90]", "test_objective[error_rate]"):
        row = next(row for row in outcome.gate["checks"] if row["id"].endswith(check))  # type: ignore[index]
        assert row["verdict"] == "FAIL", row
        assert "no request was answered for" in row["reason"]
    assert row["counterexamples"]


@pytest.mark.parametrize("processes", sample_cases(["-n0", "-n2"], "-n0"))
def test_a_hang_without_any_objective_fails_under_xdist_too(tmp_path: Path, processes: str) -> None:
    with open_relay() as relay:
        outcome = judge_hang(tmp_path, relay, processes, objectives="")
    assert outcome.status == 1, outcome.out
    assert outcome.check("test_answered")["verdict"] == "FAIL"
    assert result_of(outcome.run_dir)["finished"]


def test_one_of_two_replicas_that_hangs_is_judged_by_its_share(tmp_path: Path) -> None:
    with open_relay() as relay:
        outcome = judge_hang(tmp_path, relay, duration=12, objectives=OBJECTIVES.replace("10%", "0.5%"), every=2)
    result = result_of(outcome.run_dir)
    assert result["finished"]
    assert result["gone"] is None
    assert 0 < result["failed"] < result["completed"] == result["intended"]
    assert outcome.status in (1, 20), outcome.out
    assert outcome.check("test_objective[error_rate]")["verdict"] != "PASS"
    assert outcome.check("test_answered")["verdict"] == "PASS"


def test_arrivals_that_a_service_kept_from_being_sent_count_against_it(tmp_path: Path) -> None:
    """A hang shorter than what counts as gone, at the end: what waits for a slot ends as failed, and the load ends."""
    with ReferenceProcess(ServiceSettings()) as server:
        (tmp_path / "aiharness.toml").write_text(
            DEADLINES.replace("concurrency = 30", "concurrency = 2") % 6 + OBJECTIVES
        )
        pid = server.pid
        thread = later(tmp_path, lambda _: os.kill(pid, signal.SIGSTOP))
        outcome = run_gate(tmp_path, f"--ai-endpoint={server.url}", suite="load")
        thread.join()
        os.kill(pid, signal.SIGCONT)
    result = result_of(outcome.run_dir)
    assert outcome.status == 1, outcome.out
    assert result["finished"]
    assert outcome.check("test_objective[error_rate]")["verdict"] == "FAIL"


@pytest.mark.catalogue
def test_a_hang_that_ends_is_no_end_of_the_service(tmp_path: Path) -> None:
    """It hangs for less than its deadlines allow: every request is answered, late."""
    with ReferenceProcess(ServiceSettings()) as server:
        pid = server.pid

        def freeze(_: dict[str, Any]) -> None:
            os.kill(pid, signal.SIGSTOP)
            time.sleep(7)
            os.kill(pid, signal.SIGCONT)

        thread = later(tmp_path, freeze)
        config = (DEADLINES % 10).replace("first_byte = 1.0", "first_byte = 30.0").replace("total = 2.0", "total = 60")
        (tmp_path / "aiharness.toml").write_text(config + OBJECTIVES)
        outcome = run_gate(tmp_path, f"--ai-endpoint={server.url}", suite="load")
        thread.join()
    result = result_of(outcome.run_dir)
    assert result["gone"] is None
    assert result["sent"] == result["completed"] == result["intended"] == 400
    assert result["failed"] == 0
    assert outcome.check("test_objective[latency-p90]")["verdict"] != "PASS"
    assert outcome.check("test_objective[error_rate]")["verdict"] != "FAIL"


def test_locust_alone_exits_with_the_failures_that_no_objective_judges(tmp_path: Path) -> None:
    options = ("--protocol=plain_json", "--rate=40", "--duration=2", "--warm-up=0")
    with ReferenceProcess(ServiceSettings(defects=("error_500_for_everything",))) as server:
        status, output = locust(tmp_path, server.url, *options)
    assert status == 1, output
    assert "80 of 80 requests failed: without an objective at most 1 %" in " ".join(output.split())
