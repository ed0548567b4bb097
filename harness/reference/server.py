"""Run the service in this process: one uvicorn server on a socket that is announced when it is ready."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
from typing import Any, Literal

import uvicorn
from starlette.types import ASGIApp

GRACE_S = 2
"""Seconds that a stop lets running requests finish."""


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listening in sockets or ():
            print(json.dumps({"url": format_socket_url(listening), "pid": os.getpid()}), flush=True)


def serve(
    app: ASGIApp,
    listening: socket.socket,
    *,
    lifespan: Literal["on", "off"] = "off",
    http: Any = "auto",
) -> None:
    """Serve an application on a listening socket until SIGTERM or SIGINT; `http` is uvicorn's option of that name.

    When it accepts connections, one line `{"url": ..., "pid": ...}` goes to standard output and nothing else ever does;
    warnings go to standard error.
    """
    configured = uvicorn.Config(
        app,
        http=http,
        lifespan=lifespan,
        log_level="warning",
        access_log=False,
        server_header=False,
        # Longer than the pools of clients keep a connection: a close that crosses a request looks like a failure.
        timeout_keep_alive=75,
        timeout_graceful_shutdown=GRACE_S,
    )
    with listening:
        _Server(configured).run(sockets=[listening])


def listen(host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises `OSError` when the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY only on sockets that name their protocol; without it, Nagle's algorithm and the client's
    # delayed acknowledgement add 40 ms to an answer.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(2048)
    except OSError:
        listening.close()
        raise
    return listening


def format_socket_url(listening: socket.socket) -> str:
    """The URL of a listening socket."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def stop_with_standard_input() -> None:
    """End this process when its standard input closes: a parent that dies, however it dies, closes its pipe."""

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GRACE_S + 1)
        os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
