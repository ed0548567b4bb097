"""Small services in this process: a model of rows as plain JSON, and the reference chat service with a change."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from harness.reference.backend import create_app
from harness.reference.settings import ServiceSettings

RowModel = Callable[[list[Any]], Mapping[str, Any]]
"""Outputs, as JSON has them, for rows."""
_START_S = 30.0


@contextmanager
def serve_rows(answer: RowModel) -> Iterator[str]:
    """A service whose POST /predict answers `{"instances": rows}` with the outputs; its URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._reply(404, {"error": "not found"})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            try:
                outputs = answer(json.loads(body)["instances"])
            except (ValueError, KeyError, TypeError, IndexError) as problem:
                self._reply(400, {"error": f"{type(problem).__name__}"})
            else:
                self._reply(200, outputs)

        def _reply(self, status: int, value: Any) -> None:
            data = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def serve_chat(wrap: Callable[[ASGIApp], ASGIApp] = lambda app: app) -> Iterator[str]:
    """The reference service without artificial time, with this change around it; its URL."""
    config = uvicorn.Config(
        wrap(create_app(ServiceSettings(token_ms=0))),
        lifespan="off",
        log_level="critical",
        timeout_graceful_shutdown=1,
        timeout_keep_alive=75,
    )
    server = uvicorn.Server(config)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        ends = time.monotonic() + _START_S
        while not server.started and time.monotonic() < ends:
            time.sleep(0.005)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
