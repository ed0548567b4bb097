"""The event stream decoder against the standard's own examples, and the same events for every cut of the bytes."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.errors import ProtocolError
from harness.protocols.shared.sse import MAX_EVENT_SIZE, ServerEvent, SSEDecoder


def decode(*pieces: bytes, limit: int = MAX_EVENT_SIZE) -> list[ServerEvent]:
    decoder = SSEDecoder(limit)
    return [event for piece in pieces for event in decoder.feed(piece)]


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        # The examples of the standard, section 9.2.6.
        (b"data: YHOO\ndata: +2\ndata: 10\n\n", [ServerEvent("YHOO\n+2\n10")]),
        (
            b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
            [
                ServerEvent("first event"),
                ServerEvent("second event"),
                ServerEvent(" third event"),
            ],
        ),
        (b"data\n\ndata\ndata\n\ndata:", [ServerEvent(""), ServerEvent("\n")]),
        (b"data:test\n\ndata: test\n\n", [ServerEvent("test"), ServerEvent("test")]),
        # Line ends, of one kind or mixed.
        (b"data: a\r\ndata: b\r\n\r\n", [ServerEvent("a\nb")]),
        (b"data: a\rdata: b\r\r", [ServerEvent("a\nb")]),
        (b"data: a\rdata: b\n\r\ndata: c\r\n\n", [ServerEvent("a\nb"), ServerEvent("c")]),
        (b"data: a\n\r\r\n", [ServerEvent("a")]),
        # One byte-order mark at the very start is no part of the first field's name.
        (b"\xef\xbb\xbfdata: a\n\n", [ServerEvent("a")]),
        (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n", []),
        (b"data: a\n\n\xef\xbb\xbfdata: b\n\n", [ServerEvent("a")]),
        # Types, ids, and fields that are none.
        (b"event: ping\ndata: {}\n\ndata: x\n\n", [ServerEvent("{}", "ping"), ServerEvent("x")]),
        (b"event: ping\n\ndata: x\n\n", [ServerEvent("x")]),
        (b"id: 7\ndata: a\n\ndata: b\n\n", [ServerEvent("a"), ServerEvent("b")]),
        (b"id: 7\ndata: a\n\nid: x\0y\ndata: b\n\n", [ServerEvent("a"), ServerEvent("b")]),
        (b"Data: a\nwhat: b\n:data: c\n data: d\n\n", []),
        (b"data: a: b\n\n", [ServerEvent("a: b")]),
        # Bytes that are not UTF-8 are replaced; what is unfinished is dropped.
        (b"data: \xff\xe2\x82\n\n", [ServerEvent("��")]),
        ("data: \u2028 \u0085 \x0b\n\n".encode(), [ServerEvent("\u2028 \u0085 \x0b")]),
        (b"data: whole\n\ndata: half\n", [ServerEvent("whole")]),
        (b"", []),
    ],
)
def test_standard(stream: bytes, events: list[ServerEvent]) -> None:
    assert decode(stream) == events
    assert decode(*(stream[i : i + 1] for i in range(len(stream)))) == events


def test_event_comes_with_the_byte_that_completes_it() -> None:
    decoder = SSEDecoder()
    assert list(decoder.feed(b"data: a\r\n\r")) == [ServerEvent("a")]
    assert list(decoder.feed(b"\ndata: b\n")) == []
    assert list(decoder.feed(b"\n")) == [ServerEvent("b")]


_BYTES = st.lists(
    st.sampled_from(
        [b"data", b": ", b":", b"x", b"\r", b"\n", b"\r\n", b"\n\n", b"id: 1", b"event: e", b"\xef\xbb\xbf", b" "]
    )
    | st.sampled_from(["é".encode(), "🙂".encode(), b"\xff", b"\xe2\x82", b"\0", b"retry: 5"]),
    max_size=30,
).map(b"".join)


@given(_BYTES | st.binary(max_size=60), st.lists(st.integers(0, 200), max_size=12))
def test_any_cut_gives_the_same_events(stream: bytes, cuts: list[int]) -> None:
    places = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    pieces = [stream[a:b] for a, b in pairwise(places)]
    assert decode(*pieces) == decode(stream)
    assert decode(*(stream[i : i + 1] for i in range(len(stream)))) == decode(stream)


@given(st.lists(st.text(st.characters(exclude_characters="\r\n", codec="utf-8")), min_size=1), st.booleans())
def test_round_trip(lines: list[str], crlf: bool) -> None:
    end = "\r\n" if crlf else "\n"
    stream = "".join(f"data: {line}{end}" for line in lines) + end
    assert decode(stream.encode()) == [ServerEvent("\n".join(lines))]


@pytest.mark.parametrize(
    "pieces",
    [[b"data: " + b"x" * 200], [b"x" * 60, b"x" * 60], [b"data: " + b"x" * 200 + b"\n\n"], [b"data: xxxxxxxx\n"] * 20],
)
def test_over_the_limit_is_refused(pieces: list[bytes]) -> None:
    with pytest.raises(ProtocolError, match="over 100"):
        decode(*pieces, limit=100)


def test_under_the_limit_without_end_is_fine() -> None:
    stream = b": a comment of some length\ndata: 1234567890\n\n" * 100
    assert len(decode(stream, limit=100)) == 100
