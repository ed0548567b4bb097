"""1,600 connections at once that end hard: no traceback, no connection that is counted as open for good."""

from __future__ import annotations

import contextlib
import resource
import socket
import struct
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.chaos.proxy.conftest import Served, end_child, spawn

COUNT = 1600


@pytest.fixture
def files() -> Iterator[None]:
    """Enough open files for both ends of each connection."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 2 * COUNT + 500
    if hard < needed:
        pytest.skip(f"needs {needed} open files, the system allows {hard} (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def reset(peer: socket.socket) -> None:
    """End a connection with RST."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


class Accepting:
    """A service that keeps its connections open and says nothing."""

    def __init__(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=COUNT)
        self.peers: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.listening.getsockname()[1]}"

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self.peers.append(self.listening.accept()[0])

    def await_peers(self, count: int) -> None:
        ends = time.monotonic() + 20
        while len(self.peers) < count and time.monotonic() < ends:
            time.sleep(0.02)
        assert len(self.peers) == count

    def close(self) -> None:
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()


@pytest.mark.slow
@pytest.mark.usefixtures("files")
def test_no_traceback_and_nothing_left_when_all_are_reset_at_once(capfd: pytest.CaptureFixture[str]) -> None:
    child, url = spawn()
    service = Accepting()
    try:
        with httpx.Client(base_url=url, timeout=20) as http:
            link = Served(url, False, http).proxy(service.address)
            clients = [link.connect(20) for _ in range(COUNT)]
            service.await_peers(COUNT)
            for number, (client, peer) in enumerate(zip(clients, service.peers, strict=True)):
                if number % 4 == 0:
                    client.sendall(b"data")
                elif number % 4 == 1:
                    client.shutdown(socket.SHUT_WR)
                elif number % 4 == 2:
                    peer.sendall(b"data")
            for peer in [*clients[: COUNT // 2], *service.peers[COUNT // 2 :]]:
                reset(peer)
            for peer in [*clients[COUNT // 2 :], *service.peers[: COUNT // 2]]:
                peer.close()
            link.await_none_open()
            assert http.get("/version").status_code == 200
    finally:
        service.close()
        assert end_child(child) == 0
    assert capfd.readouterr().err == ""
