"""Peers that break, lie or flood: every one ends in an error class, within the caps."""

from __future__ import annotations

import gzip
import socket
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from harness.core.errors import ErrorClass
from harness.core.exchange import Exchange, Request
from harness.io.response_reader import Caps

if TYPE_CHECKING:
    from tests.io.conftest import Conn, Connect, Serve

GET = Request("GET", "/")
SMALL = Caps(body_bytes=100_000, line_bytes=1000, header_bytes=2000, events=50)


def raw(data: bytes) -> Callable[[Conn], None]:
    def script(conn: Conn) -> None:
        conn.request()
        conn.send(data)

    return script


def head(*lines: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def endless(data: bytes) -> Callable[[Conn], None]:
    def script(conn: Conn) -> None:
        conn.request()
        conn.drip(data, 0)

    return script


def endless_body(conn: Conn) -> None:
    conn.request()
    conn.begin()
    while True:
        conn.chunk(bytes(10_000))


def endless_headers(conn: Conn) -> None:
    conn.request()
    conn.send(b"HTTP/1.1 200 OK\r\n")
    while True:
        conn.send(b"x-more: 1\r\n" * 1000)


def reset(conn: Conn) -> None:
    conn.request()
    conn.send(head(b"content-length: 9") + b"part")
    conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")


def bomb() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    return packer.compress(bytes(50_000_000)) + packer.flush()


def format_chunks(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)


CASES = {
    "closed before any answer": (raw(b""), ErrorClass.CLOSED),
    "closed inside the head": (raw(b"HTTP/1.1 200 OK\r\ncontent-"), ErrorClass.CLOSED),
    "closed before content-length": (raw(head(b"content-length: 9") + b"part"), ErrorClass.CLOSED),
    "closed inside a chunk": (raw(head(b"transfer-encoding: chunked") + b"9\r\npart"), ErrorClass.CLOSED),
    "closed between chunks": (raw(head(b"transfer-encoding: chunked") + format_chunks(b"part")), ErrorClass.CLOSED),
    "reset inside the body": (reset, ErrorClass.CLOSED),
    "not HTTP": (raw(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), ErrorClass.MALFORMED),
    "binary": (raw(bytes(range(256)) * 4), ErrorClass.MALFORMED),
    "a status that is no number": (raw(b"HTTP/1.1 abc OK\r\n\r\n"), ErrorClass.MALFORMED),
    "an upgrade nobody asked for": (raw(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"), ErrorClass.MALFORMED),
    "two content-lengths": (raw(head(b"content-length: 1", b"content-length: 2") + b"ab"), ErrorClass.MALFORMED),
    "negative content-length": (raw(head(b"content-length: -1") + b"ab"), ErrorClass.MALFORMED),
    "chunk size that is no number": (raw(head(b"transfer-encoding: chunked") + b"zz\r\nab\r\n"), ErrorClass.MALFORMED),
    "endless body": (endless_body, ErrorClass.TOO_LARGE),
    "endless headers": (endless_headers, ErrorClass.TOO_LARGE),
    "endless line without HTTP": (endless(b"x" * 1000), ErrorClass.TOO_LARGE),
    "long header": (raw(head(b"content-length: 0", b"x-long: " + b"x" * 3000)), ErrorClass.TOO_LARGE),
    "gzip bomb": (
        raw(head(b"content-encoding: gzip", b"content-length: %d" % len(bomb())) + bomb()),
        ErrorClass.TOO_LARGE,
    ),
    "gzip in name only": (
        raw(head(b"content-encoding: gzip", b"content-length: 2") + b"{}"),
        ErrorClass.CONTENT_DECODING,
    ),
    "gzip cut short": (
        raw(head(b"content-encoding: gzip", b"content-length: 20") + gzip.compress(bytes(99))[:20]),
        ErrorClass.CONTENT_DECODING,
    ),
    "coding that was not offered": (
        raw(head(b"content-encoding: br", b"content-length: 2") + b"ok"),
        ErrorClass.CONTENT_DECODING,
    ),
}


def ask(serve: Serve, connect: Connect, script: Callable[[Conn], None]) -> Exchange:
    exchange = connect(serve(script).url, caps=SMALL).exchange(GET)
    assert exchange.response is None or len(exchange.response.body) <= SMALL.body_bytes
    return exchange


@pytest.mark.parametrize("name", CASES)
def test_broken_answer(serve: Serve, connect: Connect, name: str) -> None:
    script, expected = CASES[name]
    exchange = ask(serve, connect, script)
    assert exchange.error is expected, exchange.detail
    assert exchange.detail.isprintable()
    assert exchange.timing.done is None or expected is ErrorClass.CONTENT_DECODING


def test_what_came_before_the_end_is_kept(serve: Serve, connect: Connect) -> None:
    exchange = ask(serve, connect, raw(head(b"content-length: 9") + b"part"))
    assert exchange.response is not None
    assert exchange.response.body == b"part"


@pytest.mark.parametrize(
    "lines",
    [
        (b"content-type: text/plain; charset=no-such-charset",),
        (b"content-type: text/plain; charset=\xff\xfe",),
        (b"content-type: \xe2\x82\xac",),
        (b"set-cookie: a=b; expires=never; domain=[", b"x-odd: \xe9"),
    ],
)
def test_odd_headers_do_not_matter_to_the_transport(serve: Serve, connect: Connect, lines: tuple[bytes, ...]) -> None:
    exchange = ask(serve, connect, raw(head(b"content-length: 2", *lines) + b"\xff\x00"))
    assert exchange.ok, exchange.detail
    assert exchange.response is not None
    assert exchange.response.body == b"\xff\x00"


@pytest.mark.parametrize("status", [b"999 Odd", b"204 No Content", b"304 Not Modified"])
def test_status_at_the_edges(serve: Serve, connect: Connect, status: bytes) -> None:
    exchange = ask(serve, connect, raw(b"HTTP/1.1 " + status + b"\r\n\r\n"))
    assert exchange.status == int(status[:3])
    assert exchange.error is (None if status.startswith(b"204") else ErrorClass.STATUS)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "raw deflate", "two members"])
def test_honest_compression_is_undone(serve: Serve, connect: Connect, coding: str) -> None:
    text = b"0123456789" * 1000
    raw_deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    body = {
        "gzip": gzip.compress(text),
        "deflate": zlib.compress(text),
        "raw deflate": raw_deflate.compress(text) + raw_deflate.flush(),
        "two members": gzip.compress(text[:77]) + gzip.compress(text[77:]),
    }[coding]
    name = b"deflate" if "deflate" in coding else b"gzip"
    lines = (b"content-encoding: " + name, b"transfer-encoding: chunked")
    pieces = [body[i : i + 7] for i in range(0, len(body), 7)]
    exchange = ask(serve, connect, raw(head(*lines) + format_chunks(*pieces) + b"0\r\n\r\n"))
    assert exchange.ok, exchange.detail
    assert exchange.response is not None
    assert exchange.response.body == text
