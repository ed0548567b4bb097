"""A server on loopback that nobody has a reason to call: who fetches a path of it was led there by a request."""

from __future__ import annotations

import base64
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

_PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
_LONGEST_AGENT = 60


class CanaryServer:
    """A context manager around a server on a free port of 127.0.0.1 that answers every request with one white pixel.

    `port` is its port; `wait_for_hits` says who came. It is asked by nobody but the service that is examined.
    """

    def __init__(self) -> None:
        self._hits: dict[str, list[str]] = defaultdict(list)
        self._changed = threading.Condition()
        self._server = _Server(("127.0.0.1", 0), _make_handler(self._add_hit))
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="aiharness-canary", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def wait_for_hits(self, tokens: Collection[str], seconds: float) -> Mapping[str, Sequence[str]]:
        """By token, the user agents of the requests whose path held it; waits this long for the first of them."""
        with self._changed:
            self._changed.wait_for(lambda: any(token in self._hits for token in tokens), seconds)
            return {token: tuple(self._hits[token]) for token in tokens if token in self._hits}

    def _add_hit(self, path: str, agent: str) -> None:
        with self._changed:
            for part in path.replace("?", "/").split("/"):
                self._hits[part].append(agent[:_LONGEST_AGENT])
            self._changed.notify_all()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """What breaks off has come, and that is all that counts."""


def _make_handler(add_hit: Callable[[str, str], None]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 5

        def _answer(self) -> None:
            add_hit(self.path, self.headers.get("user-agent", ""))
            self.send_response(200)
            self.send_header("content-type", "image/png")
            self.send_header("content-length", str(len(_PIXEL)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(_PIXEL)

        do_GET = do_HEAD = do_POST = do_PUT = do_OPTIONS = _answer

        def log_message(self, format: str, *values: object) -> None:
            return

    return Handler
