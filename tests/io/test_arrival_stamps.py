"""The kernel's stamps, from real sockets."""

from __future__ import annotations

import socket
import struct
import sys
import time
from collections.abc import Iterator

import pytest

from harness.io.arrival_stamps import NOTE_BYTES, ask_for_stamps, measure_lateness


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two ends of a connection; the second one has its reads stamped."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        socket.create_connection(listening.getsockname()) as ours,
    ):
        theirs, _ = listening.accept()
        with theirs:
            ask_for_stamps(ours)
            yield theirs, ours


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux stamps what a TCP socket receives")
def test_what_is_read_late_was_not_late(pair: tuple[socket.socket, socket.socket]) -> None:
    theirs, ours = pair
    for _ in range(500):  # the kernel begins to stamp a while after it was asked to
        theirs.sendall(b"x")
        sent = time.time()
        time.sleep(0.01)
        asked = time.time()
        data, notes, _, _ = ours.recvmsg(100, NOTE_BYTES)
        if notes:
            break
    assert data == b"x"
    assert notes
    assert measure_lateness(notes) >= asked - sent - 1e-6


def test_nothing_is_known_without_a_stamp() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ask_for_stamps(ours)
        theirs.sendall(b"x")
        data, notes, _, _ = ours.recvmsg(100, NOTE_BYTES)
        assert data == b"x"
        assert measure_lateness([]) == 0
        if not notes:
            assert measure_lateness(notes) == 0


def test_a_stamp_in_the_future_is_no_lateness() -> None:
    stamp = struct.pack("@ll", int(time.time()) + 3600, 0)
    assert measure_lateness([(socket.SOL_SOCKET, 35, stamp)]) == 0


@pytest.mark.parametrize(
    "note", [(socket.SOL_SOCKET, 35, b"short"), (socket.SOL_SOCKET, 1, bytes(16)), (socket.IPPROTO_TCP, 35, bytes(16))]
)
def test_other_notes_are_no_stamps(note: tuple[int, int, bytes]) -> None:
    assert measure_lateness([note]) == 0
