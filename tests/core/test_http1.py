"""The parts of HTTP/1.1 messages: nothing is lost, and what is not HTTP is not held back."""

from __future__ import annotations

import pytest

from harness.core.http1 import Framing, MessageHead, MessagePart, MessageScanner


def choose(head: MessageHead) -> Framing:
    if not head.start[0].startswith("HTTP/1."):
        raise ValueError
    return head.find_framing()


def scan(data: bytes, mark: bytes = b"HTTP/1.") -> tuple[list[tuple[MessagePart, bytes]], bytes]:
    scanner = MessageScanner(choose, mark)
    return list(scanner.scan(data)), scanner.release()


def test_the_parts_of_a_chunked_message_with_trailers() -> None:
    data = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nA: b\r\n\r\nHTTP/1.1 "
    parts, rest = scan(data)
    assert [part.name for part, _ in parts] == ["HEAD", "CHUNK_SIZE", "DATA", "CHUNK_END", "LAST_CHUNK", "TRAILERS"]
    assert b"".join(raw for _, raw in parts) + rest == data
    assert rest == b"HTTP/1.1 "


def test_any_cut_gives_the_same_parts() -> None:
    """One byte after the other: each part but data comes whole, and quiet or not, no byte is lost."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    data = 2 * (head + b"3\r\nabc\r\n0\r\nA: b\r\n\r\n" + head + b"1\r\nx\r\n0\r\n\r\n")
    whole, _ = scan(data)
    scanner, quiet = MessageScanner(choose, b"HTTP/1."), MessageScanner(choose, b"HTTP/1.")
    parts: list[tuple[MessagePart, bytes]] = []
    passed, heads = b"", 0
    for place in range(len(data)):
        parts += scanner.scan(data[place : place + 1])
        for part, raw in quiet.scan(data[place : place + 1]):
            quiet.is_quiet = not quiet.is_between
            heads += part is MessagePart.HEAD
            passed += raw
    assert [part for part in parts if part[0] is not MessagePart.DATA] == [
        part for part in whole if part[0] is not MessagePart.DATA
    ]
    assert b"".join(raw for _, raw in parts) == passed == data
    assert heads == 4


def test_a_chunk_that_comes_whole_is_taken_and_anything_else_is_left_to_the_scan() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"a;x=y\r\n0123\r\n6789\r\n"
    scanner = MessageScanner(choose, b"HTTP/1.")
    assert scanner.take_chunk(chunk) is None, "before the head it is no chunk"
    assert [part for part, _ in scanner.scan(head)] == [MessagePart.HEAD]
    for place in range(len(chunk)):
        assert scanner.take_chunk(chunk[:place]) is None
    for other in (
        chunk + chunk,
        chunk + b"0",
        b"0\r\n\r\n",
        b"zz\r\nabc\r\n",
        b"3\r\nabcd\r\n",
        b"ffffffffffffffff\r\n\r\n",
    ):
        assert scanner.take_chunk(other) is None
    assert scanner.take_chunk(chunk) == b"0123\r\n6789"
    assert [part.name for part, _ in scanner.scan(chunk[:4])] == []
    assert scanner.take_chunk(chunk) is None, "a size line has begun"
    rest = list(scanner.scan(chunk[4:] + b"0\r\n\r\n"))
    assert [part.name for part, _ in rest] == ["CHUNK_SIZE", "DATA", "CHUNK_END", "LAST_CHUNK", "TRAILERS"]
    assert scanner.is_between


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 3\n",
        b"\x00\x00\x12\x04PRI",
        b"HTTP/2 200\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-3\r\nabc",
    ],
)
def test_what_is_not_http_is_not_held_back(data: bytes) -> None:
    parts, rest = scan(data)
    assert b"".join(raw for _, raw in parts) == data
    assert not rest


def test_a_line_end_between_messages_passes() -> None:
    head = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"
    parts, _ = scan(head + b"\r\n" + head)
    assert [part.name for part, _ in parts] == ["HEAD", "RAW", "HEAD"]


def test_headers_are_read_in_any_case_and_replaced() -> None:
    head = MessageHead(b"HTTP/1.1 200 OK\r\nCONTENT-length:  5 \r\nX-A: b\r\n\r\n")
    assert head.read_header("content-length") == "5"
    assert (head.has_header("x-a"), head.has_header("x")) == (True, False)
    assert head.replace_headers(("content-length",), b"a: b\r\n") == b"HTTP/1.1 200 OK\r\nX-A: b\r\na: b\r\n\r\n"
    assert head.replace_headers(("x-a", "content-length"), b"") == b"HTTP/1.1 200 OK\r\n\r\n"
