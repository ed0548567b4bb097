"""The fault proxy as a process of its own: options, ready line, signals."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import uvicorn

from harness.chaos.proxy.api import ProxyApi
from harness.chaos.proxy.api_rows import ApiRefusal
from harness.chaos.proxy.proxy import ListenError, bind_listener, format_address
from harness.core.errors import UsageError

_GRACE_SECONDS = 3
_USAGE_STATUS = 4


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # the handlers of `_serve` set should_exit, and the process exits with 0


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT. Returns the exit status: 0, or 4 for an option that cannot be used.

    One line `{"url": ..., "pid": ...}` goes to standard output when the API accepts connections.
    """
    options = _make_parser().parse_args(argv)
    _raise_file_limit()
    try:
        _check_host(options.host)
        # The standard loop: uvloop 0.23 dies when half-open connections end by the hundred.
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            runner.run(_serve(options))
    except (UsageError, ListenError) as error:
        print(f"error: {error}", file=sys.stderr)
        return _USAGE_STATUS
    return 0


def _check_host(host: str) -> None:
    """Raises `UsageError` for an address with a scheme, a path or a port, such as people copy it from a URL."""
    if "/" in host or re.search(r"^[^:]*:\d+$", host):
        raise UsageError(f"--host {host!r} is not an address alone: write --host 127.0.0.1, and the port with --port")


def _raise_file_limit() -> None:
    """A connection takes two files: as many as the system allows, where the usual limit is 1,024."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _report_problem(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """One line on standard error for what went wrong with a connection, in place of a traceback."""
    print(f"warning: {context['message']}: {context.get('exception')!r}", file=sys.stderr, flush=True)


async def _serve(options: argparse.Namespace) -> None:
    api = ProxyApi(options.seed, allow_remote=options.allow_remote)
    listening = await bind_listener(format_address((options.host, options.port)), options.allow_remote)
    config = uvicorn.Config(
        api,
        loop="none",
        http="h11",
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    server = _Server(config)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_report_problem)

    def stop() -> None:
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    if options.stop_with_stdin:
        threading.Thread(target=_watch_stdin, args=(loop, stop), daemon=True).start()
    try:
        if options.config:
            await _configure(api, options.config)
        serving = loop.create_task(server.serve(sockets=[listening]))
        while not server.started and not serving.done():
            await asyncio.sleep(0.01)
        print(json.dumps({"url": f"http://{format_address(listening.getsockname())}", "pid": os.getpid()}), flush=True)
        await serving
    finally:
        listening.close()
        for proxy in api.proxies.values():
            proxy.stop()
        await asyncio.sleep(0)


async def _configure(api: ProxyApi, path: str) -> None:
    try:
        await api.populate(Path(path).read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except ApiRefusal as refusal:
        raise UsageError(f"{path}: {refusal.message}") from None


def _watch_stdin(loop: asyncio.AbstractEventLoop, stop: Callable[[], None]) -> None:
    """Stop when the parent has died: its end of the pipe is closed then."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    loop.call_soon_threadsafe(stop)
    time.sleep(2 * _GRACE_SECONDS)
    os._exit(1)


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="aiharness proxy", description="A fault proxy that speaks Toxiproxy's API.", allow_abbrev=False
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address of the API (default: %(default)s)")
    add("--port", type=int, default=8474, help="port of the API, 0 for a free one (default: %(default)s)")
    add(
        "--seed",
        type=int,
        default=0,
        help="seed that decides which connections and requests a toxic strikes",
    )
    add("--config", metavar="FILE", help="JSON array of proxies, as for POST /populate; their toxics are added")
    add("--allow-remote", action="store_true", help="let the API and the proxies listen beyond loopback")
    add("--stop-with-stdin", action="store_true", help="end when standard input closes")
    return parser
