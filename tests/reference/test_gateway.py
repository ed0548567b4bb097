"""Both editions of the gateway before raw backends that misbehave on demand."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
import uvicorn

from harness.reference.gateway import create_gateway
from harness.reference.upstream import Limits
from tests.reference.conftest import serve_config

KEY = "gateway-key-ключ"
BEARER = {b"authorization": f"Bearer {KEY}".encode()}
CHAT = "/v1/chat/completions"
EVENT = b'data: {"choices":[]}\n\n'
DONE = b"data: [DONE]\n\n"
QUICK = Limits(probe_every=0.1, probe=0.3, hedge=0.15)
SLOW_S = 0.6


class Raw(ThreadingHTTPServer):
    """A backend that answers in the way `mode` says; `seen` are the headers of what clients, not probes, asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.mode = "good"
        self.seen: list[dict[str, str]] = []
        self.held = threading.Event()
        self.left = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients leave: that is what the tests are about."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Raw

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""

    def do_GET(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        mode = self.server.mode
        if self.headers["x-request-id"] != "gateway-probe":
            self.server.seen.append({name.lower(): value for name, value in self.headers.items()})
        elif mode in ("held", "poison"):
            mode = "good"
        if mode == "dead":
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        if mode == "slow":
            time.sleep(SLOW_S)
        if mode in ("500", "poison"):
            self._whole(500, b'{"error": "no"}')
        elif self.path.startswith(CHAT):
            self._stream(mode)
        else:
            self._whole(200, b'{"predictions": [1]}', cut=mode.startswith("cut"))

    def _whole(self, status: int, body: bytes, cut: bool = False) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        if cut:
            body = body[:-4]  # framed as if that were all
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, mode: str) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.send_header("connection", "keep-alive, x-hop")
        self.send_header("x-hop", "1")
        self.end_headers()
        if mode != "cut at once":
            self._chunk(EVENT)
        if mode == "held":
            self.server.held.wait(5)
            with contextlib.suppress(OSError):
                while not self.server.left.wait(0.01):
                    self._chunk(b": more\n\n")
        if mode == "in pieces":
            for at in range(0, len(EVENT + DONE), 5):
                self._chunk((EVENT + DONE)[at : at + 5])
                time.sleep(0.002)
        elif not mode.startswith("cut"):
            self._chunk(EVENT + DONE)
        if mode == "cut hard":
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self.wfile.write(b"0\r\n\r\n")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()


@contextlib.contextmanager
def serving(edition: str, *backends: Raw, limits: Limits = QUICK, key: str | None = None) -> Iterator[httpx.Client]:
    app = create_gateway(edition, [backend.url for backend in backends], key, limits)
    config = uvicorn.Config(
        app,
        lifespan="on",
        log_level="critical",
        server_header=False,
        timeout_graceful_shutdown=1,
        timeout_keep_alive=75,
    )
    with serve_config(config) as client:
        yield client


@pytest.fixture
def backends() -> Iterator[tuple[Raw, Raw]]:
    with Raw() as a, Raw() as b:
        threads = [threading.Thread(target=item.serve_forever, args=(0.02,), daemon=True) for item in (a, b)]
        for thread in threads:
            thread.start()
        try:
            yield a, b
        finally:
            for item, thread in zip((a, b), threads, strict=True):
                item.held.set()
                item.left.set()
                item.shutdown()
                thread.join(5)


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    ends = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < ends:
        time.sleep(0.02)
    return met


def status(client: httpx.Client) -> dict[str, Any]:
    data: dict[str, Any] = client.get("/gateway/status").json()
    return data


def states(client: httpx.Client) -> list[str]:
    return [upstream["state"] for upstream in status(client)["upstreams"]]


@pytest.mark.parametrize(
    ("mode", "path"),
    [
        ("slow", "/predict"),
        ("slow", CHAT),
        ("dead", CHAT),
        ("500", "/predict"),
        ("cut", "/predict"),
        ("cut at once", CHAT),
    ],
)
def test_hardened_hides_one_faulty_backend_and_takes_it_back(backends: tuple[Raw, Raw], mode: str, path: str) -> None:
    faulty, _ = backends
    with serving("hardened", *backends) as client:
        faulty.mode = mode
        for _ in range(12):
            answer = client.post(path, json={})
            assert answer.status_code == 200, answer.text
            assert path != CHAT or answer.content.endswith(DONE)
        assert within(20, lambda: states(client)[0] != "closed")
        asked = len(faulty.seen)
        assert all(client.post(path, json={}).status_code == 200 for _ in range(10))
        assert len(faulty.seen) == asked
        faulty.mode = "good"
        assert within(20, lambda: states(client) == ["closed", "closed"])
        assert all(client.post(path, json={}).status_code == 200 for _ in range(10))
        assert len(faulty.seen) > asked
        assert status(client)["upstreams"][0]["ejections"] >= 1


@pytest.mark.parametrize("mode", ["cut", "cut hard"])
def test_hardened_never_ends_a_cut_stream_well(backends: tuple[Raw, Raw], mode: str) -> None:
    with serving("hardened", *backends) as client:
        backends[0].mode = backends[1].mode = mode
        received = b""
        with client.stream("POST", CHAT, json={}) as answer, pytest.raises(httpx.RemoteProtocolError):  # noqa: PT012
            for chunk in answer.iter_raw():
                received += chunk
        first, error = received.removesuffix(b"\n\n").split(b"\n\n")
        assert first + b"\n\n" == EVENT
        assert json.loads(error.removeprefix(b"data: "))["error"]["code"] == "upstream_truncated"
        assert status(client)["counters"]["broken_streams"] == 1
        assert max(upstream["ejections"] for upstream in status(client)["upstreams"]) >= 1


def test_naive_is_slow_every_second_time(backends: tuple[Raw, Raw]) -> None:
    backends[0].mode = "slow"
    with serving("naive", *backends) as client:
        took = [client.post("/predict", json={}).elapsed.total_seconds() for _ in range(4)]
    assert sum(seconds >= SLOW_S for seconds in took) == 2


def test_naive_fails_every_second_time(backends: tuple[Raw, Raw]) -> None:
    for mode in ("dead", "500"):
        backends[0].mode = mode
        with serving("naive", *backends) as client:
            answers = [client.post("/predict", json={}) for _ in range(6)]
        assert sorted(answer.status_code for answer in answers) == [200] * 3 + [500] * 3
        assert {answer.headers["content-type"] for answer in answers if answer.status_code == 500} == {
            "text/plain; charset=utf-8"
        }


@pytest.mark.parametrize("mode", ["cut", "cut hard"])
def test_naive_ends_a_cut_stream_as_if_all_were_well(backends: tuple[Raw, Raw], mode: str) -> None:
    backends[0].mode = backends[1].mode = mode
    with serving("naive", *backends) as client:
        answer = client.post(CHAT, json={})
        assert (answer.status_code, answer.content) == (200, EVENT)
        assert client.post("/predict", json={}).content == b'{"predictions": '


@pytest.mark.parametrize("edition", ["hardened", "naive"])
def test_events_flow_before_the_last_is_made(backends: tuple[Raw, Raw], edition: str) -> None:
    with serving(edition, *backends) as client:
        for backend in backends:
            backend.mode = "held"
        with client.stream("POST", CHAT, json={}) as answer:
            parts = answer.iter_raw()
            assert next(parts) == EVENT  # the backends wait until this line has passed
            for backend in backends:
                backend.left.set()
                backend.held.set()
            assert b"".join(parts).endswith(DONE)


def test_events_are_passed_on_whole(backends: tuple[Raw, Raw]) -> None:
    with serving("hardened", *backends) as client:
        for backend in backends:
            backend.mode = "in pieces"
        with client.stream("POST", CHAT, json={}) as answer:
            assert "x-hop" not in answer.headers
            chunks = [chunk for chunk in answer.iter_raw() if chunk]
        assert chunks == [EVENT, EVENT, DONE]


def test_work_ends_when_its_client_leaves(backends: tuple[Raw, Raw]) -> None:
    with serving("hardened", *backends) as client:
        for backend in backends:
            backend.mode = "held"
            backend.held.set()
        with client.stream("POST", CHAT, json={}) as answer:
            assert next(answer.iter_raw()) == EVENT
        assert within(20, lambda: sum(upstream["in_flight"] for upstream in status(client)["upstreams"]) == 0)
        assert status(client)["in_flight"] == 0
        assert status(client)["counters"]["broken_streams"] == 0


def test_retries_are_bounded_when_all_fail(backends: tuple[Raw, Raw]) -> None:
    requests = 50
    with serving("hardened", *backends) as client:
        for backend in backends:
            backend.mode = "dead"
        answers = [client.post("/predict", json={}) for _ in range(requests)]
        counters = status(client)["counters"]
    assert {answer.status_code for answer in answers} == {503}
    assert {answer.headers["retry-after"] for answer in answers} == {"1"}
    attempts = sum(len(item.seen) for item in backends)
    assert requests < attempts <= requests * (1 + QUICK.retry_share) + QUICK.retry_burst
    assert counters["refused_by_budget"] > 0


def test_a_request_that_fails_everywhere_ejects_nobody(backends: tuple[Raw, Raw]) -> None:
    with serving("hardened", *backends) as client:
        for backend in backends:
            backend.mode = "poison"
        answers = [client.post("/predict", json={}) for _ in range(8)]
        assert {answer.status_code for answer in answers} == {500}
        assert answers[0].json() == {"error": "no"}
        assert states(client) == ["closed", "closed"]


def test_what_is_too_much_is_refused_in_the_shape_of_its_protocol(backends: tuple[Raw, Raw]) -> None:
    with serving("hardened", *backends, limits=Limits(in_flight=1, probe_every=0.1)) as client:
        for backend in backends:
            backend.mode = "held"
        with client.stream("POST", CHAT, json={}) as answer:
            parts = answer.iter_raw()
            assert next(parts) == EVENT
            refused = [client.post(path, json={}) for path in ("/predict", "/v2/models/digits/infer", CHAT)]
        assert {item.status_code for item in refused} == {503}
        assert {item.headers["retry-after"] for item in refused} == {"1"}
        assert [type(item.json()["error"]) for item in refused] == [dict, str, dict]
        assert refused[2].json()["error"]["param"] is None
        assert status(client)["counters"]["shed"] == 3


@pytest.mark.parametrize("edition", ["hardened", "naive"])
def test_the_key_is_asked_for_and_passed_on_to_nobody(backends: tuple[Raw, Raw], edition: str) -> None:
    with serving(edition, *backends, key=KEY) as client:
        assert client.post("/predict", json={}).status_code == 401
        assert client.post(CHAT, json={}, headers={"authorization": "Bearer no"}).status_code == 401
        assert not backends[0].seen + backends[1].seen
        more = {b"cookie": b"session=1", b"x-api-key": b"other", b"te": b"trailers", b"x-kept": b"yes"}
        answer = client.post("/predict", json={}, headers={**BEARER, **more, b"x-request-id": b"abc-1"})
        assert answer.status_code == 200
        assert answer.headers["x-request-id"] == "abc-1"
        id_ = client.post("/predict", json={}, headers=BEARER).headers["x-request-id"]
    first, second = sorted(backends[0].seen + backends[1].seen, key=lambda value: value["x-request-id"] != "abc-1")
    assert (first["x-kept"], first["x-request-id"], second["x-request-id"]) == ("yes", "abc-1", id_)
    assert not {"authorization", "cookie", "x-api-key", "te"} & (first.keys() | second.keys())


def test_a_target_that_is_no_path_reaches_no_upstream(backends: tuple[Raw, Raw]) -> None:
    with serving("hardened", *backends) as client:
        assert client.get("/health?a=%2Fb").status_code == 200
        address = client.base_url.host, client.base_url.port or 0
        with socket.create_connection(address, timeout=5) as raw:
            raw.sendall(b"GET http://127.0.0.1:1/health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            assert raw.recv(4096).startswith(b"HTTP/1.1 404 ")
        assert client.post("/predict", content=b"x" * (8 * 1024 * 1024 + 1)).status_code == 413
    assert len(backends[0].seen + backends[1].seen) == 1
