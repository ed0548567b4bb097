"""The raw probe against small peers that answer in every way: whole, cut, silent, too much, and never."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import trustme

from harness.core.endpoint import TLS, Credentials, Deadlines, Endpoint, Secret
from harness.core.errors import ErrorClass
from harness.core.exchange import Request
from harness.io.clock import Monotonic
from harness.io.raw import RawConnection, encode_request
from harness.io.response_reader import Caps
from harness.protocols.text.openai_chat import ADAPTER as CHAT

ASK = Request("POST", "/x", (("content-type", "application/json"),), b'{"a":1}')
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
QUICK = Deadlines(connect=2.0, first_byte=0.5, inter_token=0.3, total=1.0)
Talk = Callable[[socket.socket], None]


@contextmanager
def peer(talk: Talk, context: ssl.SSLContext | None = None) -> Iterator[str]:
    """The URL of a peer that does `talk` on each connection."""
    listening = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def accepting() -> None:
        while True:
            sock, _ = listening.accept()
            if over.is_set():
                return sock.close()
            with suppress(OSError):
                sock.settimeout(2.0)
                with context.wrap_socket(sock, server_side=True) if context else sock as stream:
                    talk(stream)

    thread = threading.Thread(target=accepting, daemon=True)
    thread.start()
    try:
        yield f"{'https' if context else 'http'}://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        over.set()
        socket.create_connection(listening.getsockname(), 1.0).close()
        thread.join(5)
        listening.close()


def answering(*answers: bytes) -> Talk:
    """One answer for each reading, then the end of the connection."""

    def talk(sock: socket.socket) -> None:
        for answer in answers:
            sock.recv(65536)
            sock.sendall(answer)

    return talk


def line(url: str, **more: object) -> RawConnection:
    return RawConnection(Endpoint(url, deadlines=QUICK, **more), Monotonic(), Caps(body_bytes=1000))  # type: ignore[arg-type]


def test_a_request_carries_what_the_endpoint_adds() -> None:
    endpoint = Endpoint(
        "http://127.0.0.1:8000/pre",
        credentials=Credentials("bearer", Secret("a-secret-key")),
        headers=(("X-Tenant", "t"), ("Accept", "text/plain")),
    )
    head, body = encode_request(endpoint, ASK)
    assert head.startswith(b"POST /pre/x HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n")
    assert head.endswith(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert {"Authorization: Bearer a-secret-key", "X-Tenant: t", "Accept: text/plain", "Content-Length: 7"} <= set(
        lines
    )
    assert "content-type: application/json" in lines
    assert body == b'{"a":1}'
    over = Request("GET", "/", (("authorization", "Bearer other"), ("a", "1"), ("a", "2")))
    lines = encode_request(endpoint, over)[0].decode().split("\r\n")
    assert [line for line in lines if "uthorization" in line] == ["authorization: Bearer other"]
    assert lines.count("a: 1") == lines.count("a: 2") == 1
    assert b"Host: [::1]\r\n" in encode_request(Endpoint("http://[::1]:80"), ASK)[0]


def test_answers_are_taken_one_after_another_over_one_connection() -> None:
    with peer(answering(OK, OK.replace(b"{}", b"[]"))) as url, line(url) as talk:
        talk.send([b"one"])
        first = talk.receive(ASK)
        assert (first.status, first.error, talk.is_reused) == (200, None, False)
        talk.send([b"two", 0.01])
        second = talk.receive(ASK)
        assert second.response is not None
        assert (second.response.body, talk.is_reused) == (b"[]", True)
        timing = second.timing
        assert timing.sent is not None
        assert timing.first_byte is not None
        assert timing.done is not None
        assert timing.intended + 0.01 <= timing.sent <= timing.first_byte <= timing.done


def test_answers_in_one_packet_are_told_apart() -> None:
    chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    empty = b"HTTP/1.1 204 No Content\r\n\r\n"
    with peer(answering(b"HTTP/1.1 100 Continue\r\n\r\n" + chunked + empty + OK)) as url, line(url) as talk:
        talk.send([b"three"], answers=3)
        exchanges = [talk.receive(ASK) for _ in range(3)]
    assert [exchange.status for exchange in exchanges] == [200, 204, 200]
    assert [exchange.error for exchange in exchanges] == [None] * 3


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (b"", ErrorClass.CLOSED, "before the answer began"),
        (OK[:-1], ErrorClass.CLOSED, "before the answer ended"),
        (OK + b"more", ErrorClass.MALFORMED, "4 bytes or more follow the end"),
        (OK.replace(b"length: 2", b"length: 2\r\nconnection: close") + b"x", ErrorClass.MALFORMED, "1 bytes or more"),
        (b"hello\r\n\r\n", ErrorClass.MALFORMED, "not HTTP"),
        (OK.replace(b"length: 2", b"length: 2\r\ncontent-encoding: gzip"), ErrorClass.CONTENT_DECODING, "gzip"),
        (OK.replace(b"200 OK", b"503 No"), ErrorClass.STATUS, "HTTP 503 Service Unavailable"),
        (OK.replace(b"200 OK", b"307 X\r\nlocation: /y"), ErrorClass.REDIRECT, "HTTP 307"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2000\r\n\r\n" + b"x" * 2000, ErrorClass.TOO_LARGE, "1000 bytes"),
    ],
)
def test_what_breaks_is_named(answer: bytes, error: ErrorClass, message: str) -> None:
    with peer(answering(answer)) as url, line(url) as talk:
        talk.send([b"one"])
        exchange = talk.receive(ASK)
    assert exchange.error is error, exchange.detail
    assert message in exchange.detail


def test_a_coded_body_is_undone() -> None:
    body = gzip.compress(b"{}")
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(body)
    with peer(answering(head + body)) as url, line(url) as talk:
        talk.send([b"one"])
        exchange = talk.receive(ASK)
    assert exchange.response is not None
    assert (exchange.response.body, exchange.error) == (b"{}", None)


@pytest.mark.parametrize(
    ("answer", "error"), [(b"", ErrorClass.FIRST_BYTE_TIMEOUT), (OK[:-1], ErrorClass.INTER_TOKEN_TIMEOUT)]
)
def test_silence_ends_with_its_deadline(answer: bytes, error: ErrorClass) -> None:
    never = threading.Event()

    def talk_silently(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.sendall(answer)
        never.wait(2.0)

    with peer(talk_silently) as url, line(url) as talk:
        talk.send([b"one"])
        exchange = talk.receive(ASK, patience=0.05)
        never.set()
    assert exchange.error is error


def test_a_drip_ends_with_the_total_deadline() -> None:
    stop = threading.Event()

    def dripping(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n")
        while not stop.wait(0.03):
            sock.sendall(b"x")

    with peer(dripping) as url, line(url) as talk:
        talk.send([b"one"])
        exchange = talk.receive(ASK)
        stop.set()
    assert exchange.error is ErrorClass.TOTAL_TIMEOUT


def test_a_reset_is_a_closed_connection() -> None:
    def resetting(sock: socket.socket) -> None:
        sock.recv(1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with peer(resetting) as url, line(url) as talk:
        talk.send([b"one"])
        assert talk.receive(ASK).error is ErrorClass.CLOSED


def test_after_the_end_the_next_request_goes_over_a_new_connection() -> None:
    with peer(answering(OK)) as url, line(url) as talk:
        for _ in range(3):
            talk.send([b"one"])
            exchange = talk.receive(ASK)
            if exchange.error is ErrorClass.CLOSED and talk.is_reused:  # the end crossed the request
                talk.send([b"one"])
                exchange = talk.receive(ASK)
            assert exchange.error is None, exchange.detail


def test_nobody_there_is_never_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with line(f"http://127.0.0.1:{port}") as talk:
        talk.send([b"one"])
        assert talk.receive(ASK).error is ErrorClass.CONNECT
        talk.send([b"one"])
        assert talk.abandon(ASK).error is ErrorClass.CONNECT


def test_a_stream_is_left_after_its_first_content() -> None:
    chunk = b'data: {"choices":[{"index":0,"delta":{"content":"%s"}}]}\n\n'
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
    never, gone = threading.Event(), threading.Event()

    def streaming(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.sendall(head + chunk % b"one")
        assert sock.recv(1) == b""
        gone.set()

    with peer(streaming) as url:
        with line(url) as talk:
            talk.send([b"one"])
            exchange = talk.receive(ASK, decoder=CHAT.decoder(Endpoint(url)), until=1)
        assert gone.wait(2.0)
    never.set()
    assert (exchange.error, exchange.timing.done, len(exchange.timing.tokens)) == (None, None, 1)


def test_over_tls(tmp_path: Path) -> None:
    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with peer(answering(OK, OK), context) as url:
        with line(url, tls=TLS(ca_file=str(tmp_path / "ca.pem"))) as talk:
            for _ in range(2):
                talk.send([b"one"])
                exchange = talk.receive(ASK)
                assert exchange.error is None, exchange.detail
            assert talk.is_reused
        with line(url) as talk:
            talk.send([b"one"])
            assert talk.receive(ASK).error is ErrorClass.CERTIFICATE


def test_over_a_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(path)
        listening.listen()

        def answer() -> None:
            accepted, _ = listening.accept()
            with accepted:
                accepted.recv(65536)
                accepted.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        with line("http://model.local", unix_socket=path) as talk:
            talk.send([b"one"])
            exchange = talk.receive(ASK)
        thread.join(5)
    assert exchange.ok, exchange.detail
    assert exchange.response
    assert exchange.response.body == b"ok"


def test_no_secret_is_told() -> None:
    secret = Credentials("bearer", Secret("a-secret-key"))
    lying = b"HTTP/1.1 200 OK\r\ncontent-encoding: a-secret-key\r\ncontent-length: 1\r\n\r\nx"
    with peer(answering(lying)) as url, line(url, credentials=secret) as talk:
        talk.send([b"one"])
        exchange = talk.receive(ASK)
    assert "a-secret-key" not in exchange.detail
    assert "***" in exchange.detail
