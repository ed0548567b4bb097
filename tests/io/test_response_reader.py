"""Streamed answers: events as they come, stamps on content, and the caps."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING

from harness.core.adapter import StreamDecoder
from harness.core.errors import ErrorClass
from harness.core.exchange import EventKind, Request, StreamEvent
from harness.io.response_reader import Caps

if TYPE_CHECKING:
    from tests.io.conftest import Conn, Connect, Serve

    Decoders = Callable[[], StreamDecoder]

ASK = Request("POST", "/stream", stream=True)
SSE = b"content-type: text/event-stream; charset=utf-8"
SMALL = Caps(body_bytes=100_000, line_bytes=1000, events=50)


def stream(*pieces: bytes, kind: bytes = SSE) -> Callable[[Conn], None]:
    def script(conn: Conn) -> None:
        conn.request()
        conn.begin(kind)
        for piece in pieces:
            conn.chunk(piece)
        conn.send(b"0\r\n\r\n")
        conn.until_closed()

    return script


def test_events_and_stamps(serve: Serve, connect: Connect, lines: Decoders) -> None:
    peer = serve(stream(b": hello\n\n", b"data: a\n\n", b"data: \n\ndata: b\n\n", b"data: [DONE]\n\n"))
    exchange = connect(peer.url).exchange(ASK, decoder=lines())
    assert exchange.ok
    assert [event.text for event in exchange.events] == ["a", "", "b", ""]
    assert exchange.events[-1].kind is EventKind.DONE
    timing = exchange.timing
    assert len(timing.tokens) == 2  # an empty delta is no content
    stamps = [timing.intended, timing.sent, timing.first_byte, *timing.tokens, timing.done]
    assert None not in stamps
    assert all(a <= b for a, b in itertools.pairwise(stamps))  # type: ignore[operator]


def test_every_byte_in_a_chunk_of_its_own(serve: Serve, connect: Connect, lines: Decoders) -> None:
    text = "data: Grüße, 世界 🌍\n\ndata: [DONE]\n\n".encode()
    peer = serve(stream(*(text[i : i + 1] for i in range(len(text)))))
    exchange = connect(peer.url).exchange(ASK, decoder=lines())
    assert exchange.ok, exchange.detail
    assert exchange.events[0].text == "Grüße, 世界 🌍"
    assert exchange.response is not None
    assert exchange.response.body == text


def test_what_is_left_at_the_end_is_an_event(serve: Serve, connect: Connect, lines: Decoders) -> None:
    exchange = connect(serve(stream(b"data: a")).url).exchange(ASK, decoder=lines())
    assert [event.text for event in exchange.events] == ["a"]
    assert len(exchange.timing.tokens) == 1


def test_no_event_is_invalid(serve: Serve, connect: Connect, lines: Decoders) -> None:
    exchange = connect(serve(stream(b"data: a\n\n", b"data: bad\n\n")).url).exchange(ASK, decoder=lines())
    assert exchange.error is ErrorClass.INVALID
    assert "line: bad is no event" in exchange.detail
    assert exchange.timing.done is None


def test_a_broken_decoder_is_the_harness(serve: Serve, connect: Connect) -> None:
    class Broken:
        def feed(self, data: bytes) -> list[StreamEvent]:
            raise KeyError("choices")

        def close(self) -> list[StreamEvent]:
            return []

    exchange = connect(serve(stream(b"data: a\n\n")).url).exchange(ASK, decoder=Broken())
    assert exchange.error is ErrorClass.HARNESS
    assert "KeyError" in exchange.detail


def test_endless_events_stop_at_the_cap(serve: Serve, connect: Connect, lines: Decoders) -> None:
    def script(conn: Conn) -> None:
        conn.request()
        conn.begin(SSE)
        while True:
            conn.chunk(b"data: a\n\n" * 7)

    exchange = connect(serve(script).url, caps=SMALL).exchange(ASK, decoder=lines())
    assert exchange.error is ErrorClass.TOO_LARGE
    assert len(exchange.events) == len(exchange.timing.tokens) == 50


def test_a_line_without_end_stops_at_the_cap(serve: Serve, connect: Connect, lines: Decoders) -> None:
    exchange = connect(serve(stream(b"data: " + b"x" * 600, b"x" * 600)).url, caps=SMALL).exchange(ASK, decoder=lines())
    assert exchange.error is ErrorClass.TOO_LARGE
    assert "line" in exchange.detail
    many = stream(*[b"data: " + b"x" * 600 + b"\n"] * 5)
    assert connect(serve(many).url, caps=SMALL).exchange(ASK, decoder=lines()).ok


def test_html_is_not_fed_to_the_decoder(serve: Serve, connect: Connect, lines: Decoders) -> None:
    peer = serve(stream(b"<html>data: bad\ndata: bad\n</html>", kind=b"content-type: text/html"))
    exchange = connect(peer.url).exchange(ASK, decoder=lines())
    assert exchange.ok
    assert exchange.events == ()
    assert exchange.response is not None
    assert exchange.response.body.startswith(b"<html>")


def test_an_error_status_is_not_fed_to_the_decoder(serve: Serve, connect: Connect, lines: Decoders) -> None:
    def script(conn: Conn) -> None:
        conn.request()
        conn.answer(b"data: bad\n\n", SSE, status=b"503 Service Unavailable")

    exchange = connect(serve(script).url).exchange(ASK, decoder=lines())
    assert exchange.error is ErrorClass.STATUS
    assert exchange.detail == "HTTP 503 Service Unavailable"
    assert exchange.response is not None
    assert exchange.response.body == b"data: bad\n\n"
    assert exchange.timing.done is not None


def test_closed_inside_a_stream_keeps_its_events(serve: Serve, connect: Connect, lines: Decoders) -> None:
    def script(conn: Conn) -> None:
        conn.request()
        conn.begin(SSE)
        conn.chunk(b"data: a\n\n")

    exchange = connect(serve(script).url).exchange(ASK, decoder=lines())
    assert exchange.error is ErrorClass.CLOSED
    assert [event.text for event in exchange.events] == ["a"]


def test_lines_of_json_are_a_stream(serve: Serve, connect: Connect, lines: Decoders) -> None:
    peer = serve(stream(b"data: a\n", kind=b"content-type: application/x-ndjson"))
    assert len(connect(peer.url).exchange(ASK, decoder=lines()).events) == 1
