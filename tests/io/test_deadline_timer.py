"""Each of the four deadlines ends an exchange on its own, under its own name."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import pytest

from harness.core.adapter import StreamDecoder
from harness.core.endpoint import Deadlines
from harness.core.errors import ErrorClass
from harness.core.exchange import Request

if TYPE_CHECKING:
    from tests.io.conftest import Conn, Connect, Serve

GET = Request("GET", "/")
LONG = 8.0


def deadlines(**short: float) -> Deadlines:
    limits = {"connect": LONG, "first_byte": LONG, "inter_token": LONG, "total": LONG} | short
    return Deadlines(**limits)


def never_answers(conn: Conn) -> None:
    conn.request()
    conn.pause()


def drips_headers(conn: Conn) -> None:
    conn.request()
    conn.send(b"HTTP/1.1 200 OK\r\n")
    conn.drip(b"x-more: 1\r\n", 0.01)


def stops_after_headers(conn: Conn) -> None:
    conn.request()
    conn.send(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n")
    conn.pause()


def endless_informational(conn: Conn) -> None:
    conn.request()
    conn.drip(b"HTTP/1.1 102 Processing\r\n\r\n", 0.01)


def drips_body(conn: Conn) -> None:
    conn.request()
    conn.begin()
    conn.drip(b"1\r\nx\r\n", 0.01)


def falls_silent(conn: Conn) -> None:
    conn.request()
    conn.begin(b"content-type: text/event-stream")
    conn.chunk(b"data: a\n\ndata: b\n\n")
    conn.pause()


def never_shakes_hands(conn: Conn) -> None:
    conn.pause()


@pytest.mark.parametrize("script", [never_answers, drips_headers, stops_after_headers, endless_informational])
def test_first_byte(serve: Serve, connect: Connect, script: Callable[[Conn], None]) -> None:
    exchange = connect(serve(script).url, deadlines=deadlines(first_byte=0.1)).exchange(GET)
    assert exchange.error is ErrorClass.FIRST_BYTE_TIMEOUT, exchange.detail
    assert "within 0.1 s" in exchange.detail
    assert exchange.timing.sent is not None
    assert exchange.timing.first_byte is exchange.timing.done is None


def test_first_byte_keeps_the_head_that_came(serve: Serve, connect: Connect) -> None:
    exchange = connect(serve(stops_after_headers).url, deadlines=deadlines(first_byte=0.5)).exchange(GET)
    assert exchange.status == 200
    assert exchange.response is not None
    assert exchange.response.body == b""


def test_inter_token(serve: Serve, connect: Connect, lines: Callable[[], StreamDecoder]) -> None:
    client = connect(serve(falls_silent).url, deadlines=deadlines(inter_token=0.5))
    exchange = client.exchange(GET, decoder=lines())
    assert exchange.error is ErrorClass.INTER_TOKEN_TIMEOUT
    assert [event.text for event in exchange.events] == ["a", "b"]
    assert len(exchange.timing.tokens) == 2
    assert exchange.timing.first_byte is not None
    assert exchange.timing.done is None


@pytest.mark.parametrize(
    ("script", "during"),
    [
        (drips_body, "still coming"),
        (drips_headers, "no byte of the body"),
        (never_answers, "no byte of the body"),
        (endless_informational, "no byte of the body"),
    ],
)
def test_total(serve: Serve, connect: Connect, script: Callable[[Conn], None], during: str) -> None:
    exchange = connect(serve(script).url, deadlines=deadlines(inter_token=5.0, total=0.5)).exchange(GET)
    assert exchange.error is ErrorClass.TOTAL_TIMEOUT
    assert during in exchange.detail


def test_total_while_the_peer_takes_in_nothing(serve: Serve, connect: Connect) -> None:
    peer = serve(lambda conn: conn.pause() and None)
    exchange = connect(peer.url, deadlines=deadlines(total=0.2)).exchange(Request("POST", "/", body=bytes(2**25)))
    assert exchange.error is ErrorClass.TOTAL_TIMEOUT
    assert "reading the request" in exchange.detail


def test_connect_counts_the_handshake(serve: Serve, connect: Connect) -> None:
    peer = serve(never_shakes_hands)
    url = peer.url.replace("http:", "https:")
    exchange = connect(url, deadlines=deadlines(connect=0.1)).exchange(GET)
    assert exchange.error is ErrorClass.CONNECT_TIMEOUT
    assert exchange.error.is_before_contact
    assert exchange.timing.sent is None


def test_connect_counts_tcp(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, contextlib.ExitStack() as waiting:
        port = full.getsockname()[1]
        for _ in range(4):  # fill the queue of connections that nobody accepts
            sock = waiting.enter_context(socket.socket())
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", port))
        exchange = connect(f"http://127.0.0.1:{port}", deadlines=deadlines(connect=0.1)).exchange(GET)
    assert exchange.error is ErrorClass.CONNECT_TIMEOUT, exchange.detail


def test_total_while_connecting(serve: Serve, connect: Connect) -> None:
    url = serve(never_shakes_hands).url.replace("http:", "https:")
    exchange = connect(url, deadlines=deadlines(total=0.1)).exchange(GET)
    assert exchange.error is ErrorClass.TOTAL_TIMEOUT
    assert "connecting" in exchange.detail


def test_the_transport_is_whole_after_a_timeout(serve: Serve, connect: Connect) -> None:
    def slow_once(conn: Conn) -> None:
        while request := conn.request():
            if b"GET /slow" in request:
                conn.pause()
            conn.answer(b"ok")

    client = connect(serve(slow_once).url, deadlines=deadlines(first_byte=0.5))
    assert client.exchange(Request("GET", "/slow")).error is ErrorClass.FIRST_BYTE_TIMEOUT
    assert client.exchange(GET).ok


def test_a_wait_for_the_harness_itself_is_not_the_services(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pool with a single place: one of two requests never begins to connect."""
    limits = httpx.Limits(max_connections=1)
    monkeypatch.setattr(httpx, "Limits", lambda **_: limits)
    client = connect(serve(never_answers).url, deadlines=deadlines(connect=0.2, first_byte=3.0))
    with ThreadPoolExecutor(2) as threads:
        exchanges = list(threads.map(client.exchange, [GET, GET]))
    assert {exchange.error for exchange in exchanges} == {ErrorClass.HARNESS, ErrorClass.FIRST_BYTE_TIMEOUT}
    assert "this machine is too busy" in " ".join(exchange.detail for exchange in exchanges)
