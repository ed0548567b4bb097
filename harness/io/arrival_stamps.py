"""When the bytes of a read arrived, by the stamp of the system's kernel: read late, they did not come late.

Linux stamps what a TCP socket receives. Of bytes that came in several pieces and are read at once, it tells when the
last piece came. Elsewhere, and of a Unix socket, nothing is known: then the time of the read has to do.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from struct import Struct
from time import time

_SO_TIMESTAMPNS = 35
"""Linux's name for "with each read say when the last of it arrived", which Python's `socket` lacks."""
_TIME = Struct("@ll")
"""Seconds and nanoseconds since 1970."""
NOTE_BYTES = socket.CMSG_SPACE(_TIME.size)
"""The bytes that `recvmsg` needs for the stamp."""


def ask_for_stamps(sock: socket.socket) -> None:
    """Let the kernel stamp what this socket receives, if it can."""
    if sys.platform == "linux":
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)


def measure_lateness(notes: Sequence[tuple[int, int, bytes]]) -> float:
    """Seconds since the last of the bytes arrived that `recvmsg` has just returned with these notes; 0: not known.

    The stamp is of the time of day. If somebody sets that clock between arrival and read, the seconds are wrong.
    """
    if not notes:
        return 0.0
    level, kind, data = notes[0]
    if kind != _SO_TIMESTAMPNS or level != socket.SOL_SOCKET or len(data) != _TIME.size:
        return 0.0
    seconds, nanoseconds = _TIME.unpack(data)
    late: float = time() - seconds - nanoseconds * 1e-9
    return late if late > 0 else 0.0
