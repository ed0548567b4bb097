"""Run a service in this process: one uvicorn server on a socket that is announced when it is ready."""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Literal

import uvicorn
from starlette.types import ASGIApp

from harness.core.errors import UsageError

GRACE_S = 2
"""Seconds that a stop lets running requests finish."""
USAGE_STATUS = 4


def add_server_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options that `run_server` reads."""
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=int, default=0, help="0 takes a free one; standard output says which")
    add("--listening", type=int, metavar="FD", help="inherited socket to serve on, instead of host and port")
    add("--api-key-env", metavar="VAR", help="ask every caller for the key in this environment variable")
    add("--stop-with-stdin", action="store_true", help="end when standard input closes")


def run_server(
    options: argparse.Namespace,
    make_app: Callable[[str | None], tuple[ASGIApp, Any]],
    lifespan: Literal["on", "off"] = "off",
) -> int:
    """Serve until stopped. Returns the exit status: 0, or 4 for an option that cannot be used.

    `make_app` gets the key, and returns the application and uvicorn's option `http`.
    """
    try:
        key = None
        if options.api_key_env is not None and not (key := os.environ.get(options.api_key_env)):
            raise UsageError(f"the environment variable {options.api_key_env} is not set or empty")
        if options.stop_with_stdin:
            _stop_with_standard_input()
        if options.listening is None:
            listening = listen(options.host, options.port)
        else:
            # The protocol is named, since asyncio sets TCP_NODELAY on no other socket.
            listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, options.listening)
        with listening:
            app, http = make_app(key)
            _serve(app, listening, lifespan, http)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return USAGE_STATUS
    except OSError as error:
        print(f"error: cannot serve on {options.host} port {options.port}: {error.strerror}", file=sys.stderr)
        return USAGE_STATUS
    return 0


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listening in sockets or ():
            print(json.dumps({"url": format_socket_url(listening), "pid": os.getpid()}), flush=True)


def _serve(app: ASGIApp, listening: socket.socket, lifespan: Literal["on", "off"], http: Any) -> None:
    """Serve an application on a listening socket until SIGTERM or SIGINT.

    When it accepts connections, one line `{"url": ..., "pid": ...}` goes to standard output and nothing else ever does;
    warnings go to standard error.
    """
    config = uvicorn.Config(
        app,
        http=http,
        lifespan=lifespan,
        log_level="warning",
        access_log=False,
        server_header=False,
        # Longer than clients' pools keep a connection: a close at the same time as a request looks like a failure.
        timeout_keep_alive=75,
        timeout_graceful_shutdown=GRACE_S,
    )
    _Server(config).run(sockets=[listening])


def listen(host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises `OSError` when the address cannot be used."""
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


def _stop_with_standard_input() -> None:
    """End this process when its standard input closes: a parent that dies, however it dies, closes its pipe."""

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GRACE_S + 1)
        os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
