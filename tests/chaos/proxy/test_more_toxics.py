"""slicer, slow_close, limit_data and noop, line by line of Toxiproxy's contract, on ours and on the real one."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from queue import Queue

import pytest

from tests.chaos.proxy.conftest import Link, Served, exactly, serve


@pytest.fixture
def page() -> Iterator[str]:
    """Answers the first data with 2,048 bytes, and closes."""

    def handle(peer: socket.socket) -> None:
        peer.recv(100)
        peer.sendall(bytes(index % 251 for index in range(2048)))

    address, end = serve(handle)
    yield address
    end()


@pytest.fixture
def sink() -> Iterator[tuple[str, Queue[bytes]]]:
    """Reads to the end; what each client has sent."""
    sent: Queue[bytes] = Queue()

    def handle(peer: socket.socket) -> None:
        data = b""
        with contextlib.suppress(OSError):
            while more := peer.recv(65536):
                data += more
        sent.put(data)

    address, end = serve(handle)
    yield address, sent
    end()


def read_pieces(peer: socket.socket) -> list[bytes]:
    """What each call to recv returns until the end."""
    return list(iter(lambda: peer.recv(65536), b""))


def test_slicer_cuts_into_pieces(toxiproxy: Served, page: str) -> None:
    link = toxiproxy.proxy(page)
    link.toxic("slicer", average_size=64, size_variation=32, delay=10_000)
    with link.connect() as peer:
        peer.sendall(b"x")
        pieces = read_pieces(peer)
    assert b"".join(pieces) == bytes(index % 251 for index in range(2048))
    assert 5 <= len(pieces) <= 2048 / 16  # a busy machine may read some at once, never one in two
    assert min(map(len, pieces[:-1])) >= 16


def test_slicer_pauses_after_each_piece(toxiproxy: Served, page: str) -> None:
    link = toxiproxy.proxy(page)
    link.toxic("slicer", average_size=512, delay=100_000)
    with link.connect() as peer:
        peer.sendall(b"x")
        began = time.monotonic()
        assert len(exactly(peer, 2048)) == 2048
        assert time.monotonic() - began >= 0.29
        assert peer.recv(1) == b""
        assert time.monotonic() - began >= 0.39


def test_slicer_gives_up_what_waits_when_it_is_removed(toxiproxy: Served, echo: str) -> None:
    link = toxiproxy.proxy(echo)
    link.toxic("slicer", name="s", average_size=1, delay=60_000_000)
    with link.connect() as peer:
        peer.sendall(b"abcdef")
        assert exactly(peer, 1) == b"a"
        link.remove("s")
        assert exactly(peer, 5) == b"bcdef"


def test_slow_close_holds_the_end_and_no_data(toxiproxy: Served, page: str) -> None:
    link = toxiproxy.proxy(page)
    link.toxic("slow_close", name="s", delay=60_000)
    with link.connect() as peer:
        peer.sendall(b"x")
        assert len(exactly(peer, 2048)) == 2048
        peer.settimeout(0.15)
        with pytest.raises(TimeoutError):
            peer.recv(1)
        if not toxiproxy.real:  # the real one loses the end when the toxic is removed, and the client waits for good
            peer.settimeout(3)
            link.remove("s")
            assert peer.recv(1) == b""


def test_slow_close_takes_its_time(toxiproxy: Served, page: str) -> None:
    link = toxiproxy.proxy(page)
    link.toxic("slow_close", delay=200)
    with link.connect() as peer:
        peer.sendall(b"x")
        began = time.monotonic()
        assert len(b"".join(read_pieces(peer))) == 2048
        assert time.monotonic() - began >= 0.199


def test_slow_close_upstream(toxiproxy: Served, sink: tuple[str, Queue[bytes]]) -> None:
    address, sent = sink
    link = toxiproxy.proxy(address)
    link.toxic("slow_close", stream="upstream", delay=200)
    with link.connect() as peer:
        peer.sendall(b"whole")
        began = time.monotonic()
    assert sent.get(timeout=5) == b"whole"
    assert time.monotonic() - began >= 0.199


@pytest.mark.parametrize(("limit", "expected"), [(0, 0), (1, 1), (100, 100), (2047, 2047), (2048, 2048), (9999, 2048)])
def test_limit_data_passes_exactly_as_many_bytes(toxiproxy: Served, page: str, limit: int, expected: int) -> None:
    link = toxiproxy.proxy(page)
    link.toxic("limit_data", bytes=limit)
    with link.connect() as peer:
        peer.sendall(b"x")
        assert len(b"".join(read_pieces(peer))) == expected


def test_limit_data_upstream(toxiproxy: Served, sink: tuple[str, Queue[bytes]]) -> None:
    address, sent = sink
    link = toxiproxy.proxy(address)
    link.toxic("limit_data", stream="upstream", bytes=3)
    with link.connect() as peer:
        peer.sendall(b"whole")
        assert sent.get(timeout=5) == b"who"


def _echo(peer: socket.socket, data: bytes) -> bytes:
    peer.sendall(data)
    return exactly(peer, len(data))


def test_limit_data_counts_from_when_it_is_added_and_over_changes(toxiproxy: Served, echo: str) -> None:
    link = toxiproxy.proxy(echo)
    with link.connect() as peer:
        assert _echo(peer, b"before") == b"before"
        link.toxic("limit_data", name="l", bytes=100)
        assert _echo(peer, b"1234") == b"1234"
        link.patch("l", attributes={"bytes": 8})
        assert _echo(peer, b"567890") == b"5678"
        assert peer.recv(1) == b""


def test_limit_data_below_what_has_passed_closes_with_the_next_data(toxiproxy: Served, echo: str) -> None:
    link = toxiproxy.proxy(echo)
    link.toxic("limit_data", name="l", bytes=100)
    with link.connect() as peer:
        assert _echo(peer, b"1234") == b"1234"
        link.patch("l", attributes={"bytes": 2})
        peer.settimeout(0.15)
        with pytest.raises(TimeoutError):
            peer.recv(1)
        peer.settimeout(3)
        assert _echo(peer, b"x") == b""


def test_limit_data_leaves_an_idle_connection_alone(toxiproxy: Served, echo: str) -> None:
    link = toxiproxy.proxy(echo)
    link.toxic("limit_data")
    with link.connect(0.15) as peer, pytest.raises(TimeoutError):
        peer.recv(1)


def test_noop_changes_nothing(toxiproxy: Served, echo: str) -> None:
    link = toxiproxy.proxy(echo)
    assert link.toxic("noop", name="n")["attributes"] == {}
    with link.connect() as peer:
        assert _echo(peer, b"x" * 100_000) == b"x" * 100_000


def test_a_chain_of_every_one(toxiproxy: Served, page: str) -> None:
    """In the order in which they were added: the limit counts what the slicer lets pass."""
    link = toxiproxy.proxy(page)
    link.toxic("noop")
    link.toxic("slicer", average_size=100, delay=2000)
    link.toxic("limit_data", bytes=1000)
    link.toxic("slow_close", delay=150)
    with link.connect() as peer:
        peer.sendall(b"x")
        began = time.monotonic()
        data = b"".join(read_pieces(peer))
    assert data == bytes(index % 251 for index in range(1000))
    assert time.monotonic() - began >= 0.149


def test_values_that_kill_a_real_server_are_refused(ours: Served) -> None:
    link: Link = ours.proxy("127.0.0.1:1")
    answer = link.toxic("slicer", status=400, average_size=10, size_variation=10)
    assert "size_variation 10 must be less than average_size 10" in answer["error"]
    link.toxic("slicer", name="s", average_size=10, size_variation=9)
    assert link.patch("s", attributes={"average_size": 9}).status_code == 400
    assert ours.http.get(f"{link.path}/toxics/s").json()["attributes"]["average_size"] == 10
