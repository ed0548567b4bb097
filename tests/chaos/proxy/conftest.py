"""Ours and the real Toxiproxy 2.12.0 behind one fixture, and small TCP services to put behind them."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

FOLDER = Path.home() / ".cache" / "aiharness-servers" / "toxiproxy-2.12.0"


def real_binary() -> Path:
    """The server of Toxiproxy 2.12.0."""
    return build_once(FOLDER, "server")


def build_once(folder: Path, name: str) -> Path:
    """A program of Toxiproxy 2.12.0; skips where there is no Go, but never in CI."""
    binary = folder / name
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not binary.exists():
            command = ["go", "install", f"github.com/Shopify/toxiproxy/v2/cmd/{name}@v2.12.0"]
            if shutil.which("go") is None and not os.environ.get("CI"):
                pytest.skip(f"needs Go: GOBIN={folder} {' '.join(command)}")
            subprocess.run(command, env={**os.environ, "GOBIN": str(folder)}, check=True, timeout=300)
    return binary


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def spawn(*arguments: str) -> tuple[subprocess.Popen[bytes], str]:
    """Our server as a child, and its URL."""
    command = [sys.executable, "-m", "harness.chaos.proxy", "--port", "0", "--stop-with-stdin", *arguments]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    line = child.stdout.readline()
    return child, json.loads(line)["url"] if line else ""


def end_child(child: subprocess.Popen[bytes]) -> int:
    for stream in (child.stdin, child.stdout):
        if stream is not None:
            stream.close()
    try:
        return child.wait(8)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
        raise


@dataclass
class Served:
    """A running server; `real` for the Go one."""

    url: str
    real: bool
    http: httpx.Client
    number: Iterator[int] = field(default_factory=itertools.count)

    def raw(self, request: str) -> bytes:
        """One request as written, the whole answer."""
        host, port = self.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), 5) as peer:
            peer.sendall(f"{request}\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            return b"".join(iter(lambda: peer.recv(65536), b""))

    def proxy(self, upstream: str, **more: Any) -> Link:
        name = f"p{next(self.number)}"
        body = {"name": name, "listen": "127.0.0.1:0", "upstream": upstream, **more}
        answer = self.http.post("/proxies", json=body)
        assert answer.status_code == 201, answer.text
        return Link(self, name, answer.json()["listen"])


@dataclass
class Link:
    """A proxy on a server."""

    server: Served
    name: str
    listen: str

    @property
    def path(self) -> str:
        return f"/proxies/{self.name}"

    def connect(self, seconds: float = 3.0) -> socket.socket:
        host, port = self.listen.rsplit(":", 1)
        return socket.create_connection((host, int(port)), seconds)

    def toxic(self, kind: str, *, status: int = 200, **more: Any) -> dict[str, Any]:
        keys = {"name", "stream", "toxicity", "lease_ms", "seed"}
        top = {k: v for k, v in more.items() if k in keys}
        attributes = {k: v for k, v in more.items() if k not in keys}
        body = {"type": kind, "attributes": attributes, **top}
        answer = self.server.http.post(f"{self.path}/toxics", json=body)
        assert answer.status_code == status, answer.text
        return dict(answer.json())

    def patch(self, toxic: str, **body: Any) -> httpx.Response:
        return self.server.http.patch(f"{self.path}/toxics/{toxic}", json=body)

    def remove(self, toxic: str) -> None:
        assert self.server.http.delete(f"{self.path}/toxics/{toxic}").status_code == 204

    def await_none_open(self) -> None:
        """Wait until the proxy has noticed that every connection of this link is closed."""
        ends = time.monotonic() + 20
        while (counts := self.server.http.get("/aiharness/counters").json()["proxies"][self.name])["open"]:
            assert time.monotonic() < ends, f"{counts['open']} connections are counted as open, and nobody has them"
            time.sleep(0.02)

    def counts(self, toxic: str) -> dict[str, int]:
        rows = self.server.http.get("/aiharness/counters").json()["proxies"][self.name]["toxics"]
        return dict(rows[toxic])


def exactly(peer: socket.socket, size: int) -> bytes:
    """`size` bytes, or fewer when the stream ends."""
    data = b""
    while len(data) < size and (more := peer.recv(min(65536, size - len(data)))):
        data += more
    return data


@pytest.fixture(scope="session")
def ours() -> Iterator[Served]:
    child, url = spawn("--seed", "7")
    with httpx.Client(base_url=url, timeout=10) as http:
        yield Served(url, False, http)
    assert end_child(child) == 0


@pytest.fixture(scope="session")
def real() -> Iterator[Served]:
    port = free_port()
    command = [str(real_binary()), "-host", "127.0.0.1", "-port", str(port)]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=15) as http:
            for _ in range(100):
                try:
                    http.get("/version")
                    break
                except httpx.ConnectError:
                    time.sleep(0.05)
            yield Served(f"http://127.0.0.1:{port}", True, http)
    finally:
        child.terminate()
        child.wait(35)


@pytest.fixture(params=["ours", "real"])
def toxiproxy(request: pytest.FixtureRequest) -> Iterator[Served]:
    """Each of the two; its proxies are gone afterwards."""
    server: Served = request.getfixturevalue(request.param)
    yield server
    for name in server.http.get("/proxies").json():
        server.http.delete(f"/proxies/{name}")


def serve(handle: Callable[[socket.socket], None]) -> tuple[str, Callable[[], None]]:
    """A TCP service on loopback: its address, and how to end it."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=128)

    def one(peer: socket.socket) -> None:
        with peer:
            peer.settimeout(20)
            with contextlib.suppress(OSError):
                handle(peer)

    def accept() -> None:
        while True:
            try:
                peer, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=one, args=(peer,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()

    def end() -> None:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()

    return f"127.0.0.1:{listening.getsockname()[1]}", end


@pytest.fixture(scope="session")
def echo() -> Iterator[str]:
    """Sends back what it gets."""

    def handle(peer: socket.socket) -> None:
        while data := peer.recv(65536):
            peer.sendall(data)

    address, end = serve(handle)
    yield address
    end()
