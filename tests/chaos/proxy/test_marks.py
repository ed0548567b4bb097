"""Requests of a run are told from everybody's by a mark, however the bytes are split."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.chaos.proxy.marks import MarkScanner
from tests.chaos.proxy.conftest import Link, Served, exactly, serve

MARK = "0a1b2c3d4e5f6071"
HEAD = b"POST /v1/x HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n%s\r\n"


def write_request(body: bytes, *lines: bytes) -> bytes:
    return HEAD % (len(body), b"".join(line + b"\r\n" for line in lines)) + body


def write_chunked(*pieces: bytes) -> bytes:
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"


OURS = write_request(b'{"prompt": "%b hello"}' % MARK.encode())
IN_HEAD = write_request(b"", b"traceparent: 00-%b0000000000000001-0000000000000001-01" % MARK.encode())
IN_BOTH = write_request(MARK.encode() * 2, b"x-request-id: " + MARK.encode())
IN_CHUNKS = write_chunked(b"ab" + MARK[:5].encode(), MARK[5:].encode() + b"cd")
FOREIGN = write_request(b'{"prompt": "hello"}')
ALMOST = write_request(MARK[:-1].encode()), write_request(MARK[-1:].encode())


def scan(pieces: list[bytes]) -> tuple[int, list[int]]:
    """The marked requests, and the current one after each piece."""
    numbers = count(1)
    total = 0

    def add() -> int:
        nonlocal total
        total = next(numbers)
        return total

    scanner = MarkScanner(MARK.encode(), add)
    current = []
    for piece in pieces:
        scanner.observe(piece)
        current.append(scanner.current)
    return total, current


@given(st.lists(st.integers(0, 600), max_size=12))
def test_marked_requests_are_counted_once_under_every_split(cuts: list[int]) -> None:
    stream = OURS + FOREIGN + IN_HEAD + ALMOST[0] + ALMOST[1] + IN_BOTH + IN_CHUNKS + FOREIGN
    places = sorted({min(cut, len(stream)) for cut in cuts} | {0, len(stream)})
    pieces = [stream[start:end] for start, end in pairwise(places)]
    if len(pieces[0]) < len(b"POST /v1/x HTTP/1.1\r\n"):
        pieces = [stream]  # a connection that begins with a part of a line is not followed as HTTP
    total, current = scan(pieces)
    assert total == 4
    assert current[-1] == 0, "the last request is somebody else's"


def test_each_request_of_a_kept_connection_is_told_apart() -> None:
    assert scan([OURS, FOREIGN, OURS, IN_HEAD])[1] == [1, 0, 2, 3]


def test_what_is_no_http_counts_each_mark() -> None:
    assert scan([b"\x00\x00" + MARK.encode(), b"..", MARK.encode() + b"," + MARK.encode()])[0] == 3
    assert scan([MARK[:7].encode(), MARK[7:].encode()])[0] == 1


@pytest.fixture
def link(ours: Served) -> Iterator[Link]:
    """A link to a service that answers each 18 bytes or more with as many."""

    def handle(peer: object) -> None:
        while data := peer.recv(65536):  # type: ignore[attr-defined]
            peer.sendall(data)  # type: ignore[attr-defined]

    address, end = serve(handle)
    proxy = ours.proxy(address)
    assert ours.http.post(f"/aiharness/marks/{proxy.name}", json={"mark": MARK}).json() == {"mark": MARK}
    yield proxy
    ours.http.delete(proxy.path)
    end()


def count_marked(link: Link) -> int:
    return int(link.server.http.get("/aiharness/counters").json()["proxies"][link.name]["marked"])


def test_the_proxy_counts_marked_requests_and_those_that_a_toxic_struck(link: Link) -> None:
    with link.connect() as peer:
        for request in (OURS, FOREIGN, IN_HEAD):
            peer.sendall(request)
            assert exactly(peer, len(request)) == request
        assert count_marked(link) == 2
        link.toxic("latency", name="slow", latency=1)
        for request in (FOREIGN, OURS, FOREIGN, OURS, OURS, FOREIGN):
            peer.sendall(request)
            assert exactly(peer, len(request)) == request
    counts = link.counts("slow")
    assert (counts["marked"], counts["affected"]) == (3, 1)
    assert count_marked(link) == 5
    link.remove("slow")
    assert link.counts("slow")["marked"] == 3, "known after the lift"


def test_foreign_requests_are_not_ours(link: Link) -> None:
    link.toxic("latency", name="slow", latency=1)
    with link.connect() as peer:
        for _ in range(5):
            peer.sendall(FOREIGN)
            exactly(peer, len(FOREIGN))
    assert (link.counts("slow")["marked"], count_marked(link)) == (0, 0)


@pytest.mark.parametrize(
    "body", [{}, {"mark": 7}, {"mark": "short"}, {"mark": "a b c d e f g"}, [], {"mark": "x" * 65}]
)
def test_a_mark_that_is_none_is_refused(link: Link, body: object) -> None:
    answer = link.server.http.post(f"/aiharness/marks/{link.name}", json=body)
    assert answer.status_code == 400
    assert "8 to 64" in answer.text


def test_marks_need_a_proxy_and_a_post(ours: Served) -> None:
    assert ours.http.post("/aiharness/marks/nowhere", json={"mark": MARK}).status_code == 404
    assert ours.http.get("/aiharness/marks/nowhere").status_code == 405
