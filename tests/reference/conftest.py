from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import httpx
import pytest
import uvicorn

from harness.reference.backend import create_app
from harness.reference.digits import make_dataset
from harness.reference.settings import ServiceSettings
from harness.reference.switches import choose_http

Serving = Callable[[ServiceSettings], contextlib.AbstractContextManager[httpx.Client]]


@contextlib.contextmanager
def _serving(settings: ServiceSettings) -> Iterator[httpx.Client]:
    """A client of the service, run on a real socket in a thread of this process (its models are trained once)."""
    config = uvicorn.Config(
        create_app(settings),
        http=choose_http(settings),
        lifespan="off",
        log_level="critical",
        server_header=False,
        timeout_graceful_shutdown=1,
        timeout_keep_alive=75,
    )
    with serve_config(config) as client:
        yield client


@contextlib.contextmanager
def serve_config(config: uvicorn.Config) -> Iterator[httpx.Client]:
    """A client of the application, which a thread of this process serves on a port of loopback."""
    server = uvicorn.Server(config)
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    ends = time.monotonic() + 30
    while not server.started and time.monotonic() < ends:
        time.sleep(0.005)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=5) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()
        assert not thread.is_alive()


@pytest.fixture(scope="session")
def serving() -> Serving:
    return _serving


@pytest.fixture(scope="session")
def client(serving: Serving) -> Iterator[httpx.Client]:
    """The healthy service, without artificial time."""
    with serving(ServiceSettings(token_ms=0)) as opened:
        yield opened


@pytest.fixture(scope="session")
def rows() -> list[list[float]]:
    """Three valid pictures."""
    return [list(map(float, row)) for row in make_dataset(7, 3)[0]]
