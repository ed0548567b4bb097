"""The load engine against servers that misbehave; in a child, for gevent would patch this process."""

from __future__ import annotations

import json
import select
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trustme

from harness.core.endpoint import TLS, Deadlines, Endpoint

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
Answer = Callable[[socket.socket, bytes], None]


@contextmanager
def serve_answers(answer: Answer, context: ssl.SSLContext | None = None) -> Iterator[tuple[int, list[bytes]]]:
    """A server on loopback whose every request is handed to `answer`; yields its port and the requests seen."""
    listening = socket.create_server(("127.0.0.1", 0))
    seen: list[bytes] = []
    accepted: list[socket.socket] = []

    def serve(peer: socket.socket) -> None:
        with suppress(OSError), peer if context is None else context.wrap_socket(peer, server_side=True) as sock:
            sock.settimeout(10)
            while data := _request(sock):
                seen.append(data)
                answer(sock, data)

    def accept() -> None:
        with suppress(OSError):
            while True:
                peer, _ = listening.accept()
                accepted.append(peer)
                threading.Thread(target=serve, args=(peer,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1], seen
    finally:
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        for peer in accepted:
            peer.close()
        thread.join(5)


def _request(sock: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        got = sock.recv(65536)
        if not got:
            return b""
        data += got
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += sock.recv(65536)
    return head + b"\r\n\r\n" + body


Fetch = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def fetch() -> Iterator[Fetch]:
    """What the engine fetches from a port, as `engine_child.py` says; one child carries out all tasks of a module."""
    command = [sys.executable, str(Path(__file__).with_name("engine_child.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        orders, answers = child.stdin, child.stdout

        def order(port: int, *, scheme: str = "http", tls: TLS | None = None, **task: Any) -> list[dict[str, Any]]:
            deadlines = task.pop("deadlines", Deadlines(connect=2, first_byte=2, inter_token=2, total=5))
            endpoint = Endpoint(f"{scheme}://127.0.0.1:{port}/base", deadlines=deadlines, tls=tls or TLS())
            print(json.dumps({"endpoint": msgspec.to_builtins(endpoint), **task}), file=orders, flush=True)
            if not select.select([answers], [], [], 90)[0]:
                child.kill()
                pytest.fail("the child has not answered for 90 s")
            line = answers.readline()
            assert line, "the child has ended; its standard error says why"
            outcomes: list[dict[str, Any]] = json.loads(line)
            return outcomes

        yield order


def test_requests_share_a_kept_connection(fetch: Fetch) -> None:
    peers = set()

    def answer(sock: socket.socket, _: bytes) -> None:
        peers.add(sock.getpeername())
        sock.sendall(OK)

    with serve_answers(answer) as (port, seen):
        outcomes = fetch(port, rounds=5, at_once=2)
    assert [(f["status"], f["body"], f["error"]) for f in outcomes] == [(200, "hi", None)] * 10
    assert len(peers) == 2
    assert seen[0].startswith(b"POST /base/x HTTP/1.1\r\n")


@pytest.mark.parametrize("delay", [0.0, 0.02], ids=["at once", "soon after"])
def test_connections_that_the_service_ends_unannounced_are_not_used_again(fetch: Fetch, delay: float) -> None:
    """As llama.cpp's server does after each stream: only requests that come before this was seen are lost."""

    def answer(sock: socket.socket, _: bytes) -> None:
        sock.sendall(OK)
        time.sleep(delay)
        sock.shutdown(socket.SHUT_RDWR)

    with serve_answers(answer) as (port, _):
        outcomes = fetch(port, rounds=10, at_once=4)
    assert [f["error"] for f in outcomes[8:]] == [None] * 32
    assert {f["error"] for f in outcomes[:8]} <= {None, "closed"}


def test_a_service_that_ended_its_first_connections_is_trusted_again(fetch: Fetch) -> None:
    peers: list[int] = []

    def answer(sock: socket.socket, _: bytes) -> None:
        peers.append(sock.getpeername()[1])
        sock.sendall(OK)
        if len(set(peers)) == 1:
            sock.shutdown(socket.SHUT_RDWR)

    with serve_answers(answer) as (port, _):
        outcomes = fetch(port, rounds=8, pause=0.6)
    assert [f["error"] for f in outcomes] == [None] * 8
    assert len(set(peers)) == 2


def test_a_large_request_is_sent_whole(fetch: Fetch) -> None:
    with serve_answers(lambda sock, _: sock.sendall(OK)) as (port, seen):
        outcomes = fetch(port, size=3_000_000)
    assert outcomes[0]["error"] is None
    assert len(seen[0]) > 3_000_000


@pytest.mark.parametrize("in_portions", [False, True])
def test_pieces_are_stamped_as_they_come(fetch: Fetch, in_portions: bool) -> None:
    def answer(sock: socket.socket, _: bytes) -> None:
        sock.sendall(CHUNKED + b"1\r\na\r\n")
        time.sleep(0.15)
        sock.sendall(b"1\r\nb\r")
        time.sleep(0.05)
        sock.sendall(b"\n0\r\n\r\n")

    with serve_answers(answer) as (port, _):
        (outcome,) = fetch(port, in_portions=in_portions)
    assert outcome["body"] == "ab"
    assert outcome["stamps"][1] - outcome["stamps"][0] >= 0.14


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux stamps what a TCP socket receives")
def test_a_generator_that_stands_still_stamps_the_arrival(fetch: Fetch) -> None:
    def answer(sock: socket.socket, _: bytes) -> None:
        time.sleep(0.05)
        sock.sendall(OK)

    with serve_answers(answer) as (port, _):
        outcomes = fetch(port, rounds=5, stands_still=True)
    assert [outcome["error"] for outcome in outcomes] == [None] * 5
    assert not outcomes[-1]["is_stamp_late"]  # the kernel begins to stamp a while after it was asked to


def _reset(sock: socket.socket, _: bytes) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def _break_off(sock: socket.socket, _: bytes) -> None:
    sock.sendall(CHUNKED + b"5\r\nab")
    sock.close()


def _talk(sock: socket.socket, _: bytes) -> None:
    sock.sendall(b"+PONG\r\n")


def _drip(sock: socket.socket, _: bytes) -> None:
    sock.sendall(CHUNKED)
    for _i in range(40):
        sock.sendall(b"1\r\nx\r\n")
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("answer", "deadlines", "error"),
    [
        (_reset, Deadlines(), "closed"),
        (_break_off, Deadlines(), "closed"),
        (_talk, Deadlines(), "malformed_http"),
        (lambda *_: time.sleep(0.1), Deadlines(first_byte=0.2), "first_byte_timeout"),
        (lambda sock, _: sock.sendall(OK[:-1]), Deadlines(inter_token=0.2), "inter_token_timeout"),
        (_drip, Deadlines(total=0.5), "total_timeout"),
    ],
    ids=["reset", "cut", "not http", "hang", "silence", "drip"],
)
def test_a_broken_exchange_has_its_class(fetch: Fetch, answer: Answer, deadlines: Deadlines, error: str) -> None:
    with serve_answers(answer) as (port, _):
        (outcome,) = fetch(port, deadlines=deadlines)
    assert outcome["error"] == error
    assert outcome["detail"]
    assert not outcome["ended"]


def test_a_refused_connection_is_one_and_none_is_sent_twice(fetch: Fetch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    assert [f["error"] for f in fetch(port, rounds=2)] == ["connect"] * 2


@contextmanager
def silent_address(port: int) -> Iterator[tuple[int, tuple[str, int]]]:
    """An address that answers no handshake: a socket of loopback whose queue is full."""
    with socket.socket() as listening, ExitStack() as stack:
        listening.bind(("127.0.0.2", port))
        listening.listen(0)
        for _ in range(4):
            peer = stack.enter_context(socket.socket())
            peer.setblocking(False)
            peer.connect_ex(("127.0.0.2", port))
        yield socket.AF_INET, ("127.0.0.2", port)


UNKNOWN_FAMILY = 12345, ("nowhere", 1)


@pytest.mark.parametrize("position", [0, 1])
def test_dead_and_silent_addresses_are_followed_by_the_next(fetch: Fetch, position: int) -> None:
    with serve_answers(lambda sock, _: sock.sendall(OK)) as (port, seen), silent_address(port) as silent:
        alive, dead = (socket.AF_INET, ("127.0.0.1", port)), (socket.AF_INET6, ("::1", port, 0, 0))
        for others in ([dead], [silent], [UNKNOWN_FAMILY], [silent, dead, UNKNOWN_FAMILY], [dead, silent]):
            addresses = [*others, alive] if position else [alive, *others]
            outcomes = fetch(port, addresses=addresses, rounds=2, at_once=3)
            assert [outcome["error"] for outcome in outcomes] == [None] * 6, others
    assert len(seen) == 5 * 6


def test_addresses_that_are_all_dead_or_silent_fail_by_the_deadline(fetch: Fetch) -> None:
    quick = Deadlines(connect=1, first_byte=2, inter_token=2, total=5)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    dead = [(socket.AF_INET, ("127.0.0.1", port)), (socket.AF_INET6, ("::1", port, 0, 0))]
    assert [f["error"] for f in fetch(port, addresses=dead)] == ["connect"]
    with silent_address(port) as silent:
        assert [f["error"] for f in fetch(port, addresses=[silent, *dead], deadlines=quick)] == ["connect_timeout"]


def test_after_a_broken_exchange_the_next_one_gets_a_connection_of_its_own(fetch: Fetch) -> None:
    seen_ports = set()

    def answer(sock: socket.socket, data: bytes) -> None:
        seen_ports.add(sock.getpeername()[1])
        _break_off(sock, data) if len(seen_ports) == 1 else sock.sendall(OK)

    with serve_answers(answer) as (port, _):
        outcomes = fetch(port, rounds=2)
    assert [f["error"] for f in outcomes] == ["closed", None]


def test_tls_is_verified_and_spoken(fetch: Fetch, tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusted = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(trusted)
    with serve_answers(lambda sock, _: sock.sendall(OK), context) as (port, seen):
        outcomes = fetch(port, scheme="https", tls=TLS(ca_file=str(trusted)), rounds=3, size=100_000)
        assert [(f["body"], f["error"]) for f in outcomes] == [("hi", None)] * 3
        count = len(seen)
        (untrusted,) = fetch(port, scheme="https")
    assert untrusted["error"] == "certificate"
    assert len(seen) == count == 3


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


ENDS: dict[str, tuple[list[bytes], bytes, str | None]] = {
    "line feeds": ([chunk(b"data: a\n\n"), chunk(b"data: b\n\n"), b"0\r\n\r\n"], b"data: a\n\ndata: b\n\n", None),
    "blank lines as in HTTP": ([chunk(b"x: 0\r\n\r\n"), chunk(b"y\r\n"), b"0\r\n\r\n"], b"x: 0\r\n\r\ny\r\n", None),
    "an end in the last event's read": ([chunk(b"a"), chunk(b"b") + b"0\r\n\r\n"], b"ab", None),
    "an end cut after its zero": ([chunk(b"a"), chunk(b"b") + b"0", b"\r\n\r\n"], b"ab", None),
    "an end cut in its line": ([chunk(b"a"), b"0\r", b"\n\r\n"], b"a", None),
    "an end cut before its last byte": ([chunk(b"a"), b"0\r\n\r", b"\n"], b"a", None),
    "an end byte by byte": ([chunk(b"a"), b"0", b"\r", b"\n", b"\r", b"\n"], b"a", None),
    "a trailer": ([chunk(b"a"), b"0\r\nx-sum: 1\r\n\r\n"], b"a", None),
    "a trailer cut before the blank line": ([chunk(b"a"), b"0\r\nx-sum: 1\r\n", b"\r\n"], b"a", None),
    "a size that is no number": ([chunk(b"a"), b"xyz\r\nb\r\n0\r\n\r\n"], b"a", "malformed_http"),
}


@pytest.mark.parametrize("name", ENDS)
def test_a_stream_of_chunks_ends_where_its_last_chunk_is(fetch: Fetch, name: str) -> None:
    """Chunks are framed when their last may have come; however the end is cut, it is noticed, and nothing is lost."""
    pieces, body, error = ENDS[name]

    def answer(sock: socket.socket, _: bytes) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in (CHUNKED, chunk(b"first"), *pieces):
            sock.sendall(piece)
            time.sleep(0.01)

    with serve_answers(answer) as (port, seen):
        outcomes = fetch(port, rounds=2)
    assert [(f["body"], f["error"]) for f in outcomes] == [("first" + body.decode(), error)] * 2
    assert len(seen) == 2


def test_what_came_before_a_stream_was_cut_is_kept(fetch: Fetch) -> None:
    def answer(sock: socket.socket, _: bytes) -> None:
        for piece in (CHUNKED, chunk(b"a"), chunk(b"b")):
            sock.sendall(piece)
            time.sleep(0.01)
        sock.shutdown(socket.SHUT_RDWR)

    with serve_answers(answer) as (port, _):
        outcomes = fetch(port)
    assert [(f["body"], f["error"]) for f in outcomes] == [("ab", "closed")]


def test_a_connection_that_the_peer_closed_is_not_used_again(fetch: Fetch) -> None:
    """Not even where the hub had no time to hear of its end."""

    def answer(sock: socket.socket, _: bytes) -> None:
        sock.sendall(OK)
        sock.shutdown(socket.SHUT_RDWR)

    with serve_answers(answer) as (port, seen):
        outcomes = fetch(port, rounds=3, at_once=2, busy=0.2)
    assert [outcome["error"] for outcome in outcomes] == [None] * 6
    assert len(seen) == 6
