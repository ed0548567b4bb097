"""A service that fetches what requests name: addresses of this machine are asked for, by nobody but a proof.

Tested in tests/commands/test_prove.py.
"""

from __future__ import annotations

import asyncio
import re

_ADDRESS = re.compile(rb"http://(?:127\.0\.0\.1|localhost):(\d{2,5})/(\w+)")
_SECONDS = 2.0


class AddressFetcher:
    """Fetches each address on loopback that `look` sees while it is started, but none at the endpoint's own `port`.

    `fetched` counts them since the start.
    """

    def __init__(self, port: int) -> None:
        self._own_port = port
        self._is_active = False
        self._tasks: set[asyncio.Task[None]] = set()
        self.fetched = 0

    def start(self) -> None:
        """Fetch from now on, and count from 0."""
        self._is_active, self.fetched = True, 0

    def stop(self) -> None:
        """Fetch nothing more."""
        self._is_active, self.fetched = False, 0

    def look(self, data: bytes) -> None:
        """See a piece of a request, in the loop of the link."""
        if not self._is_active:
            return
        for port, path in _ADDRESS.findall(data):
            if int(port) != self._own_port:
                self.fetched += 1
                task = asyncio.ensure_future(_fetch(int(port), path))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)


async def _fetch(port: int, path: bytes) -> None:
    try:
        async with asyncio.timeout(_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /%b HTTP/1.0\r\nHost: 127.0.0.1:%d\r\n\r\n" % (path, port))
            await reader.read()
            writer.close()
    except (OSError, TimeoutError, OverflowError):
        return
