"""The slow path: loads that the load engine cannot send, each against a server that counts for itself."""

from __future__ import annotations

import hashlib
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from harness.core.endpoint import TLS, Endpoint, Signer
from harness.core.load import describe_slow_path, find_slow_path
from harness.load.known import ASKED_BESIDE
from harness.load.stall_meter import TICK, StallMeter
from tests.conftest import GateOutcome, run_gate
from tests.io.grpcmodel import model
from tests.io.grpcserver import serve_calls
from tests.load.loads import CONFIG, children, locust, result_of

SIGN = """
import hashlib
def sign(method, url, headers, body):
    return {"x-auth-signature": hashlib.sha256(b"key" + body).hexdigest()}
"""
SIGNED = 'protocol = "plain_json"\nsign = "sign.py:sign"'
PLAIN = CONFIG.format(rate=40, processes=1, duration=1.5)


class _Forwarder(BaseHTTPRequestHandler):
    """A forward proxy that counts predictions; it refuses what `accepts` does not accept."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.forward(None)

    def do_POST(self) -> None:
        self.forward(self.rfile.read(int(self.headers["Content-Length"])))

    def forward(self, body: bytes | None) -> None:
        server = self.server
        assert isinstance(server, Forwarding)
        url = self.path if self.path.startswith("http") else server.target + self.path
        with server.lock:
            server.proxied += self.path.startswith("http")
            server.predictions += body is not None and self.path.endswith("/predict")
            server.signatures.add(self.headers.get("x-auth-signature", ""))
        if server.checks and body is not None and self.headers["x-auth-signature"] != signature(body):
            self.answer(401, b'{"error": "' + str(self.headers["x-auth-signature"]).encode() + b'"}')
            return
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                self.answer(response.status, response.read())
        except urllib.error.HTTPError as problem:
            self.answer(problem.code, problem.read())

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


class Forwarding(ThreadingHTTPServer):
    """A server in front of the reference deployment that counts what passes, and can check signatures."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, target: str, *, checks: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), _Forwarder)
        self.target, self.checks, self.lock = target, checks, threading.Lock()
        self.proxied = self.predictions = 0
        self.signatures: set[str] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is none."""


def signature(body: bytes) -> str:
    return hashlib.sha256(b"key" + body).hexdigest()


@contextmanager
def running(server: Forwarding) -> Iterator[Forwarding]:
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def load(folder: Path, endpoint: str, url: str, sign: str = SIGN) -> tuple[GateOutcome, dict[str, Any]]:
    (folder / "sign.py").write_text(sign)
    (folder / "aiharness.toml").write_text(PLAIN.replace('protocol = "plain_json"', endpoint))
    outcome = run_gate(folder, f"--ai-endpoint={url}", suite="load")
    return outcome, result_of(outcome.run_dir)


def works_in(pid: int, folder: Path) -> bool:
    """Whether this process is still there and works in the folder: others are of other tests."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cwd").readlink() == folder
    return False


def check_whole(outcome: GateOutcome, result: dict[str, Any], why: str, seen: int) -> None:
    """All of the load was sent, once, answered and judged, and the slow path is named everywhere."""
    assert result["intended"] == result["sent"] == result["completed"] == 60, outcome.out
    assert result["judged"] == sum(result["blocks"]["latency"]["n"]) == 40
    assert result["failed"] == 0, result["failures"]
    assert 60 < seen <= 60 + ASKED_BESIDE + 10, "those beside the load are the samples and the preflight"
    assert result["generator"]["slow_path"].startswith(f"slow path: {why}")
    assert outcome.check("test_errors.py::test_answered")["verdict"] == "PASS"
    assert f"slow path: {why}" in outcome.out
    assert f"slow path: {why}" in (outcome.run_dir / "report.html").read_text()
    assert outcome.status in (0, 20), outcome.out  # a busy machine may be CLIENT-BOUND


@pytest.mark.slow
def test_signed_requests_are_each_signed_and_counted(reference: str, tmp_path: Path) -> None:
    with running(Forwarding(reference, checks=True)) as server:
        outcome, result = load(tmp_path, SIGNED, server.url)
    check_whole(outcome, result, "each request is signed", server.predictions)
    assert len(server.signatures) >= result["sent"] - result["repeated"] > 30, "each body has a signature of its own"


@pytest.mark.catalogue
@pytest.mark.slow
def test_a_proxy_sees_every_request(reference: str, tmp_path: Path) -> None:
    with running(Forwarding("")) as server:
        outcome, result = load(tmp_path, f'protocol = "plain_json"\nproxy = "{server.url}"', reference)
    check_whole(outcome, result, "there is a proxy", server.predictions)
    assert server.proxied > server.predictions - 1


@pytest.mark.slow
def test_grpc_is_loaded(tmp_path: Path) -> None:
    calls: list[str] = []

    async def count_calls(path: str, message: bytes, context: Any) -> bytes:
        calls.append(path.rpartition("/")[2])
        return await model(path, message, context)

    with serve_calls(count_calls) as port:
        outcome, result = load(tmp_path, 'protocol = "v2_grpc"\nmodel = "sums"', f"http://127.0.0.1:{port}")
    check_whole(outcome, result, "the service speaks gRPC", calls.count("ModelInfer"))
    assert result["repeated"] < 30, "only requests with a known answer repeat"
    assert result["compared"] > 0


@pytest.mark.catalogue
@pytest.mark.slow
def test_streams_have_their_times(reference: str, tmp_path: Path) -> None:
    (tmp_path / "sign.py").write_text(SIGN)
    (tmp_path / "aiharness.toml").write_text('[endpoint]\nsign = "sign.py:sign"\n')
    chat = ("--model=tiny-chat", "--protocol=openai_chat", "--stream")
    _, output = locust(tmp_path, reference, "--rate=20", "--duration=1.5", "--warm-up=0", *chat)
    result = result_of(tmp_path / "run")
    assert result["sent"] == result["completed"] == 30, output
    assert result["failed"] == 0, result["failures"]
    assert sum(result["blocks"]["inter_token"]["n"]) > sum(result["blocks"]["ttft"]["n"]) > 0
    assert "ai load: slow path: each request is signed" in output
    left = [pid for pid in children("harness.load.slow_process") if works_in(pid, tmp_path)]
    assert not left, "its process ends with the load"


@pytest.mark.slow
def test_a_signature_that_fails_is_no_failure_of_the_service(reference: str, tmp_path: Path) -> None:
    """The signer works in the gate and fails in the load: the load generator cannot do its part, which is ERROR."""
    broken = 'import sys\ndef sign(*request):\n    return {"x-y": {False: "z"}["slow_process" in str(sys.orig_argv)]}\n'
    outcome, _ = load(tmp_path, SIGNED, reference, sign=broken)
    assert outcome.status == 21, outcome.out
    assert "sign.py:sign raised KeyError" in outcome.check("test_generator.py::test_kept_up")["reason"]


@pytest.mark.slow
def test_no_signature_is_shown(reference: str, tmp_path: Path) -> None:
    """The server answers with the signature that it was sent; nobody reads it in what the run leaves behind."""
    with running(Forwarding(reference, checks=True)) as server:
        outcome, result = load(tmp_path, SIGNED, server.url, sign=SIGN.replace('b"key"', 'b"other"'))
    assert result["errors"] == {"http_status": 60}, outcome.out
    shown = "".join(path.read_text(errors="replace") for path in outcome.run_dir.rglob("*") if path.is_file())
    assert not [line for line in server.signatures if line and line in shown + outcome.out]


@pytest.mark.parametrize(
    ("endpoint", "why"),
    [
        (Endpoint("http://h"), ""),
        (Endpoint("http://h", http2=True), ""),  # nobody agrees on HTTP/2 without TLS
        (Endpoint("https://h", http2=True), "HTTP/2 is spoken"),
        (Endpoint("https://h", tls=TLS("ca.pem")), ""),
        (Endpoint("http://h", "v2_grpc"), "the service speaks gRPC"),
        (Endpoint("http://h", proxy="http://p"), "there is a proxy"),
        (Endpoint("http://h", signer=Signer("a.py", "sign")), "each request is signed"),
    ],
)
def test_which_path_an_endpoint_needs(endpoint: Endpoint, why: str) -> None:
    assert find_slow_path(endpoint) == why
    assert bool(describe_slow_path(endpoint)) == bool(why)


def test_stalls_are_what_comes_late() -> None:
    meter = StallMeter(0.0)
    for now in (TICK, 2 * TICK + 0.001, 3 * TICK + 1.0, 4 * TICK + 1.0):
        meter.tick(now)
    assert meter.measure(4 * TICK + 1.0) == pytest.approx(0.999)
    assert meter.longest == pytest.approx(0.999)
    assert meter.measure(5 * TICK + 3.0) == pytest.approx(0.999 + 2.0), "a stall that goes on counts"
