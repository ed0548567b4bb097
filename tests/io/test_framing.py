"""HTTP/1.1 framing: the same answer however its bytes were cut, and a class for all that is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.errors import ErrorClass, TransportError
from harness.io.framing import Framer
from harness.io.response_reader import Caps

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: a\r\n\r\n"
WHOLE = {
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello": (b"hello", True),
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi": (b"hi", True),
    CHUNKED + b"3\r\nabc\r\nA;x=1\r\n0123\r\n6789\r\n0\r\n\r\n": (b"abc0123\r\n6789", True),
    CHUNKED + b"1\r\nz\r\n0\r\nTrailer: 1\r\n\r\n": (b"z", True),
    b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n": (b"", False),
    b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx": (b"x", False),
    b"HTTP/1.1 204 No Content\r\n\r\n": (b"", True),
    b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200": (b"x", False),
}


@given(st.sampled_from(sorted(WHOLE)), st.lists(st.integers(1, 200), max_size=12))
def test_the_answer_does_not_depend_on_where_it_was_cut(data: bytes, cuts: list[int]) -> None:
    framer, body, at = Framer(Caps()), b"", 0
    for cut in (*sorted(set(cuts)), len(data)):
        body += framer.feed(data[at:cut]) if data[at:cut] else b""
        at = max(at, cut)
    expected, reusable = WHOLE[data]
    assert framer.done
    assert body == expected
    assert framer.head is not None
    assert framer.reusable == reusable


def test_without_a_length_the_end_of_the_connection_is_the_end() -> None:
    framer = Framer(Caps())
    assert framer.feed(b"HTTP/1.1 200 OK\r\n\r\nab") + framer.feed(b"c") == b"abc"
    assert not framer.done
    framer.end()
    assert framer.done
    assert not framer.reusable


@pytest.mark.parametrize(
    "data", [b"", b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", CHUNKED + b"5\r\nab", CHUNKED]
)
def test_an_answer_cut_off_is_closed(data: bytes) -> None:
    framer = Framer(Caps())
    if data:
        framer.feed(data)
    with pytest.raises(TransportError) as caught:
        framer.end()
    assert caught.value.error is ErrorClass.CLOSED


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 99 No\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        CHUNKED + b"+5\r\nabcde\r\n",
        CHUNKED + b"2\r\nabc\r\n",
    ],
)
def test_what_is_not_http_is_malformed(data: bytes) -> None:
    with pytest.raises(TransportError) as caught:
        Framer(Caps()).feed(data)
    assert caught.value.error is ErrorClass.MALFORMED


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200,
        b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n" + b"a" * 200,
        CHUNKED + b"1" * 9000,
    ],
)
def test_what_is_over_a_cap_is_too_large(data: bytes) -> None:
    with pytest.raises(TransportError) as caught:
        Framer(Caps(body_bytes=100, header_bytes=100)).feed(data)
    assert caught.value.error is ErrorClass.TOO_LARGE


@given(chunks=st.lists(st.binary(min_size=1, max_size=80), max_size=8), data=st.data())
def test_pieces_are_framed_as_one_after_the_other(chunks: list[bytes], data: st.DataObject) -> None:
    """Whole chunks take a shorter way: bytes, times, the end and the rest are the same however it is split."""
    whole = CHUNKED + b"".join(b"%x\r\n%s\r\n" % (len(body), body) for body in chunks) + b"0\r\n\r\nrest"
    cuts = sorted(data.draw(st.sets(st.integers(1, len(whole) - 1), max_size=12)))
    pieces = [(float(i), whole[i:j]) for i, j in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    one_by_one, together = Framer(Caps()), Framer(Caps())
    expected = [(at, body) for at, piece in pieces if (body := one_by_one.feed(piece))]
    bodies: list[tuple[float, bytes]] = []
    together.feed_pieces(pieces, bodies)
    assert bodies == expected
    assert b"".join(body for _, body in expected) == b"".join(chunks)
    assert (together.done, together.rest, together.head) == (True, b"rest", one_by_one.head)
