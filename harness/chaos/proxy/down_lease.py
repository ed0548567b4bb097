"""The lease of a disabled proxy: it listens again by itself when nobody renews it.

Tested in tests/chaos/proxy/test_down_lease.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from harness.core.errors import HarnessError

_RETRY_SECONDS = 0.5
"""Until the next try where another program listens at the address for now."""


class DownLease:
    """`ms` is the length of the lease in milliseconds, 0 for none; `listen_again` ends it."""

    def __init__(self, listen_again: Callable[[], Awaitable[None]]) -> None:
        self.ms = 0
        self._listen_again = listen_again
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def renew(self, ms: int) -> None:
        """Start the lease again with this length; 0 forgets it."""
        self.ms = ms
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if ms:
            self._timer = asyncio.get_running_loop().call_later(ms / 1000, self._begin_end)

    def _begin_end(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._end())

    async def _end(self) -> None:
        ms = self.ms
        try:
            await self._listen_again()
        except HarnessError:
            self.ms = ms
            self._timer = asyncio.get_running_loop().call_later(_RETRY_SECONDS, self._begin_end)
