"""Reads the sockets of a proxy's connections in one place: one callback of the event loop for all that are ready.

The loop's own way, a callback with a context for each read, costs half of the CPU that a request needs here.
Tested in tests/chaos/proxy/test_toxic_conformance.py and test_many_connections.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import sys
from typing import Protocol

_MOST_READY, _MOST_BYTES = 256, 1 << 17
"""Sockets that are read before the loop has its turn, and bytes of one read."""


class Receiver(Protocol):
    """What reads a socket."""

    transport: asyncio.Transport | None

    def data_received(self, data: bytes) -> None:
        """Bytes came."""

    def eof_received(self) -> bool:
        """The end came."""


class SocketReader:
    """One for each proxy; made inside the event loop that it uses. `transport` must be paused for good."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._receivers: dict[int, Receiver] = {}
        if sys.platform == "linux":
            self._epoll = select.epoll()
            loop.add_reader(self._epoll.fileno(), self._read_all)

    def watch(self, number: int, receiver: Receiver) -> None:
        """Read the socket of this file number from now on."""
        if sys.platform != "linux":
            if receiver.transport is not None:
                receiver.transport.resume_reading()
        elif number not in self._receivers:
            self._receivers[number] = receiver
            self._epoll.register(number, select.EPOLLIN)

    def forget(self, number: int, receiver: Receiver) -> None:
        """Leave the socket alone; before it is closed at the latest."""
        if sys.platform != "linux":
            if receiver.transport is not None:
                receiver.transport.pause_reading()
        elif self._receivers.pop(number, None) is not None:
            with contextlib.suppress(OSError, ValueError):  # closed
                self._epoll.unregister(number)

    def close(self) -> None:
        """Read nothing any more."""
        if sys.platform == "linux":
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()

    def _read_all(self) -> None:
        for number, _ in self._epoll.poll(0, _MOST_READY):
            receiver = self._receivers.get(number)
            if receiver is not None:
                self._read(number, receiver)

    def _read(self, number: int, receiver: Receiver) -> None:
        transport = receiver.transport
        if transport is None or transport.is_closing():
            self.forget(number, receiver)
            return
        try:
            data = os.read(number, _MOST_BYTES)
            if data:
                receiver.data_received(data)
            else:
                self.forget(number, receiver)
                receiver.eof_received()
        except (BlockingIOError, InterruptedError):
            pass
        except Exception as error:  # a stage that fails ends its connection alone
            self.forget(number, receiver)
            transport.abort()
            if not isinstance(error, OSError):
                self._loop.call_exception_handler({"message": "a connection was ended", "exception": error})
