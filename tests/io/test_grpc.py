"""The gRPC transport against a real server: answers, statuses, deadlines, TLS, sizes, and a clean end."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme

from harness.core.answer_class import AnswerClass, classify_exchange
from harness.core.endpoint import TLS, Credentials, Deadlines, Endpoint, Secret
from harness.core.errors import ErrorClass, UsageError
from harness.core.exchange import Exchange, Request
from harness.io.client import Client
from harness.io.grpc import HTTP_STATUSES
from harness.io.response_reader import Caps
from tests.io.grpcserver import serve_calls

CALL = Request("POST", "/inference.GRPCInferenceService/ModelInfer", (("content-type", "application/grpc"),), b"hello")
LONG = Deadlines(connect=8.0, first_byte=8.0, inter_token=8.0, total=8.0)


async def echo(path: str, message: bytes, context: Any) -> bytes:
    return path.encode() + b" " + message


async def says_no(path: str, message: bytes, context: Any) -> bytes:
    code = next(status for status in grpc.StatusCode if status.value[0] == int(message))
    await context.abort(code, "no, \N{EURO SIGN}\nreally", (("retry-after", "3"),))
    raise AssertionError


async def never(path: str, message: bytes, context: Any) -> bytes:
    await asyncio.sleep(60)
    return b""


async def send_details(path: str, message: bytes, context: Any) -> bytes:
    return "\n".join(f"{key}: {value}" for key, value in sorted(context.invocation_metadata())).encode()


def at(port: int, scheme: str = "http", **more: Any) -> Endpoint:
    return Endpoint(f"{scheme}://127.0.0.1:{port}", "v2_grpc", **{"deadlines": LONG, **more})


def ask(endpoint: Endpoint, request: Request = CALL, caps: Caps | None = None) -> Exchange:
    with Client(endpoint, caps=caps) as client:
        return client.exchange(request)


@pytest.fixture(autouse=True)
def nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A proxy of the environment is not used, and no thread outlives a test."""
    for name in ("grpc_proxy", "https_proxy", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    before = set(threading.enumerate())
    yield
    gc.collect()  # the library's thread ends with its last channel or server, which a status's traceback may hold
    for thread in set(threading.enumerate()) - before:
        thread.join(5.0)
        assert not thread.is_alive(), thread


def test_an_answer_is_the_message_with_times_and_status() -> None:
    with serve_calls(echo) as port:
        exchange = ask(at(port))
    assert exchange.ok, exchange.detail
    assert exchange.response is not None
    assert exchange.response.body == CALL.path.encode() + b" hello"
    assert (exchange.status, exchange.response.header("grpc-status"), exchange.response.http_version) == (
        200,
        "0",
        "HTTP/2",
    )
    assert exchange.response.content_type == "application/grpc"
    timing = exchange.timing
    assert timing.sent is not None
    assert timing.first_byte is not None
    assert timing.done is not None
    assert timing.intended <= timing.sent <= timing.first_byte <= timing.done


def test_an_empty_message_is_an_answer() -> None:
    async def empty(path: str, message: bytes, context: Any) -> bytes:
        return b""

    with serve_calls(empty) as port:
        exchange = ask(at(port))
    assert (exchange.ok, exchange.response and exchange.response.body) == (True, b"")


@pytest.mark.parametrize("code", [code.value[0] for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
def test_a_status_is_kept_and_mapped(code: int) -> None:
    with serve_calls(says_no) as port:
        exchange = ask(at(port), Request("POST", CALL.path, CALL.headers, str(code).encode()))
    assert exchange.error is ErrorClass.STATUS, exchange.detail
    assert exchange.response is not None
    assert exchange.status == HTTP_STATUSES[code]
    assert exchange.response.header("grpc-status") == str(code)
    assert exchange.response.header("retry-after") == "3"
    assert exchange.response.body.decode() == "no, \N{EURO SIGN}\nreally"
    assert "\n" not in (exchange.response.header("grpc-message") or "\n")
    assert "\n" not in exchange.detail
    assert classify_exchange(exchange) not in (AnswerClass.OK, AnswerClass.INVALID, None)


def test_metadata_are_the_headers_without_what_is_http() -> None:
    endpoint_headers = (("X-Tenant", "blue"), ("Connection", "close"))
    with serve_calls(send_details) as port:
        endpoint = at(port, credentials=Credentials("bearer", Secret("hush-hush")), headers=endpoint_headers)
        exchange = ask(endpoint)
    assert exchange.response is not None
    lines = exchange.response.body.decode().split("\n")
    assert "authorization: Bearer hush-hush" in lines
    assert "x-tenant: blue" in lines
    assert not [line for line in lines if line.startswith(("connection", "accept:", "host"))]
    assert any(line.startswith("user-agent: aiharness/") for line in lines)


def test_a_silent_server_runs_into_the_deadline() -> None:
    with serve_calls(never) as port:
        silent = ask(at(port, deadlines=Deadlines(8.0, 0.2, 8.0, 8.0)))
        total = ask(at(port, deadlines=Deadlines(8.0, 8.0, 8.0, 0.2)))
    assert (silent.error, silent.response) == (ErrorClass.FIRST_BYTE_TIMEOUT, None)
    assert silent.timing.sent is not None
    assert total.error is ErrorClass.TOTAL_TIMEOUT


def test_a_peer_that_never_speaks_http2_is_no_connection_in_time() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as peer:
        exchange = ask(at(peer.getsockname()[1], deadlines=Deadlines(0.2, 8.0, 8.0, 8.0)))
    assert exchange.error is ErrorClass.CONNECT_TIMEOUT
    assert exchange.timing.sent is None


def test_nobody_there_is_no_connection_and_is_tried_again() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as peer:
        port = peer.getsockname()[1]
    with Client(at(port)) as client:
        assert client.exchange(CALL).error is ErrorClass.CONNECT
        assert client.exchange_many([CALL] * 5, concurrency=5)[4].error is ErrorClass.CONNECT
        with serve_calls(echo, address=f"127.0.0.1:{port}"):
            assert client.exchange(CALL).ok
            assert all(exchange.ok for exchange in client.exchange_many([CALL] * 5, concurrency=5))
        assert client.exchange(CALL).error is ErrorClass.CONNECT


def test_a_name_without_address() -> None:
    exchange = ask(Endpoint("http://no-such-host.invalid:1", "v2_grpc", deadlines=LONG))
    assert exchange.error in (ErrorClass.NAME, ErrorClass.CONNECT_TIMEOUT)


def one_shot(answer: Callable[[socket.socket], None]) -> tuple[int, threading.Thread]:
    server = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        with closing(server):
            server.settimeout(8.0)
            peer = server.accept()[0]
            with closing(peer):
                answer(peer)

    thread = threading.Thread(target=run)
    thread.start()
    return server.getsockname()[1], thread


def test_a_peer_that_speaks_http1() -> None:
    def http1(peer: socket.socket) -> None:
        peer.recv(100)
        peer.sendall(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        peer.recv(100)

    port, thread = one_shot(http1)
    exchange = ask(at(port))
    thread.join(8.0)
    assert exchange.error is ErrorClass.MALFORMED, exchange.detail


def test_a_connection_that_ends_before_the_answer() -> None:
    settings = b"\0\0\0\x04\0\0\0\0\0"

    def hangs_up(peer: socket.socket) -> None:
        peer.sendall(settings)
        data = b""
        while b"hello" not in data:
            data += peer.recv(4096)

    port, thread = one_shot(hangs_up)
    exchange = ask(at(port))
    thread.join(8.0)
    assert exchange.error is ErrorClass.CLOSED, exchange.detail
    assert exchange.timing.sent is not None


def test_big_messages_go_both_ways_within_the_cap() -> None:
    big = Request("POST", CALL.path, CALL.headers, b"x" * 8_000_000)
    with serve_calls(echo) as port:
        whole = ask(at(port), big)
        over = ask(at(port), big, Caps(body_bytes=1_000_000))
    assert whole.response is not None
    assert len(whole.response.body) > 8_000_000
    assert over.error is ErrorClass.TOO_LARGE, over.detail


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def make_server_credentials(authority: trustme.CA, name: str, client_ca: bytes | None = None) -> grpc.ServerCredentials:
    certificate = authority.issue_cert(name)
    chain = b"".join(pem.bytes() for pem in certificate.cert_chain_pems)
    pair = [(certificate.private_key_pem.bytes(), chain)]
    return grpc.ssl_server_credentials(pair, client_ca, client_ca is not None)


def test_tls_is_verified(authority: trustme.CA, tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    trusting = TLS(ca_file=str(ca_file))
    with serve_calls(echo, make_server_credentials(authority, "127.0.0.1")) as port:
        assert ask(at(port, "https", tls=trusting)).ok
        untrusted = ask(at(port, "https"))
        plain = ask(at(port, deadlines=Deadlines(1.0, 1.0, 1.0, 1.0)))
    with serve_calls(echo, make_server_credentials(authority, "elsewhere.example")) as port:
        elsewhere = ask(at(port, "https", tls=trusting))
    assert (untrusted.error, elsewhere.error) == (ErrorClass.CERTIFICATE, ErrorClass.CERTIFICATE)
    assert not plain.ok
    assert plain.error is not ErrorClass.HARNESS


def test_a_client_certificate_is_shown(authority: trustme.CA, tmp_path: Path) -> None:
    ca_file, pem = tmp_path / "ca.pem", tmp_path / "client.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    authority.issue_cert("client@example.org").private_key_and_cert_chain_pem.write_to_path(str(pem))
    with serve_calls(echo, make_server_credentials(authority, "127.0.0.1", authority.cert_pem.bytes())) as port:
        assert ask(at(port, "https", tls=TLS(ca_file=str(ca_file), client_cert=str(pem)))).ok
        assert not ask(at(port, "https", tls=TLS(ca_file=str(ca_file)))).ok


def test_a_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with serve_calls(echo, address=f"unix:{path}"):
        assert ask(at(1, unix_socket=path)).ok


def test_a_proxy_is_refused_and_http_is_the_harnesss_own_mistake() -> None:
    with pytest.raises(UsageError, match="proxy"):
        Client(at(1, proxy="http://127.0.0.1:3128"))
    with serve_calls(echo) as port:
        assert ask(at(port), Request("GET", "/")).error is ErrorClass.HARNESS


def test_clients_side_by_side_and_closed_in_mid_call() -> None:
    with (
        serve_calls(never) as slow,
        serve_calls(echo) as quick,
        Client(at(slow)) as waiting,
        Client(at(quick)) as client,
    ):
        lost: list[Exchange] = []
        thread = threading.Thread(target=lambda: lost.append(waiting.exchange(CALL)))
        thread.start()
        exchanges = client.exchange_many([CALL] * 50, concurrency=10)
        waiting.close()
        thread.join(8.0)
    assert all(exchange.ok for exchange in exchanges)
    assert [exchange.error for exchange in lost] == [ErrorClass.HARNESS]
