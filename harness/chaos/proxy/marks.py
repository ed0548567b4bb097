"""Which requests of a connection carry a mark: requests of one run among those of everybody.

A mark is looked for in the head and in the body of each HTTP/1.1 request. In what is not HTTP/1.1, or was begun before
the mark was known, every occurrence counts for a request.

Tested in tests/chaos/proxy/test_marks.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from harness.core.http1 import MessageHead, MessagePart, MessageScanner

_REQUEST = re.compile(rb"[A-Z]+ \S+ HTTP/1\.[01]\r\n")


class MarkScanner:
    """Follows the requests of one connection.

    `current` is the number, as `count` gives it, of the marked request that is the connection's last one; 0 where the
    last one has no mark.
    """

    def __init__(self, mark: bytes, count: Callable[[], int]) -> None:
        self.current = 0
        self._mark, self._count = mark, count
        self._requests: MessageScanner | None = None
        self._tail = b""

    def observe(self, data: bytes) -> None:
        """See data that a client sends."""
        if self._requests is None and _REQUEST.match(data):
            self._requests = MessageScanner(_choose_framing)
        if self._requests is None:
            self._look(data, is_message=False)
            return
        for part, raw in self._requests.scan(data):
            if part is MessagePart.HEAD:
                self.current, self._tail = 0, b""
            if part in (MessagePart.HEAD, MessagePart.DATA):
                self._look(raw, is_message=True)
            elif part is MessagePart.RAW:
                self._look(raw, is_message=False)

    def _look(self, data: bytes, *, is_message: bool) -> None:
        window = self._tail + data
        occurrences = window.count(self._mark)
        if is_message:
            occurrences = int(occurrences > 0 and not self.current)
        for _ in range(occurrences):
            self.current = self._count()
        self._tail = window[1 - len(self._mark) :] if len(self._mark) > 1 else b""


def _choose_framing(head: MessageHead) -> int | str:
    """How the body of a request is framed. Raises `ValueError` for what is no request."""
    if not head.start[2].startswith("HTTP/1."):
        raise ValueError("not a request line")
    framing = head.find_framing()
    return 0 if framing == "close" else framing
