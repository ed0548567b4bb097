"""A small, correct HTTP/1.1 service on bare sockets; tests override what it does wrong."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.core.endpoint import Deadlines, Endpoint
from harness.core.settings import Promises, Settings
from harness.core.verdict import Verdict
from tests.services import asking

SHORT = Deadlines(connect=2.0, first_byte=1.0, inter_token=0.5, total=1.5)


class Bad(Exception):
    """A request that cannot be read; its text is the status of the answer."""


@dataclass
class Asked:
    """A request as it came; header names in lower case, `body` without transfer coding."""

    line: str
    headers: dict[str, str]
    body: bytes
    lines: list[str] = field(default_factory=list)

    @property
    def is_chunked(self) -> bool:
        return "chunked" in self.headers.get("transfer-encoding", "")


class Wire:
    """One connection: reads requests out of the stream."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock, self.buffer, self.last = sock, b"", b""

    def more(self) -> None:
        data = self.sock.recv(65536)
        if not data:
            raise EOFError
        self.buffer += data

    def until(self, mark: bytes) -> bytes:
        while mark not in self.buffer:
            self.more()
        line, _, self.buffer = self.buffer.partition(mark)
        return line

    def take(self, size: int) -> bytes:
        while len(self.buffer) < size:
            self.more()
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data


class Service:
    """Answers `{"instances": rows}` with the sum of each row. Methods are there to be overridden."""

    def read(self, wire: Wire) -> Asked:
        while wire.buffer.startswith(b"\r\n") or not wire.buffer:
            wire.buffer = wire.buffer.removeprefix(b"\r\n")
            if not wire.buffer:
                wire.more()
        first, *lines = wire.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        if not first.endswith((" HTTP/1.1", " HTTP/1.0")):
            raise Bad("400 Bad Request")
        if sum(map(len, lines)) > 32768:
            raise Bad("431 Too Large")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        asked = Asked(first, headers, b"", lines)
        self.accept(asked)
        if headers.get("expect"):
            wire.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        asked.body = self.content(wire, asked)
        return asked

    def accept(self, asked: Asked) -> None:
        names = [line.partition(":")[0].lower() for line in asked.lines]
        length = asked.headers.get("content-length", "0")
        twice = asked.is_chunked and "content-length" in asked.headers
        if twice or names.count("content-length") > 1 or not length.isdigit() or int(length) > 2**40:
            raise Bad("400 Bad Request")
        if asked.line.endswith("1.1") and "host" not in asked.headers:
            raise Bad("400 Bad Request")

    def content(self, wire: Wire, asked: Asked) -> bytes:
        if not asked.is_chunked:
            return wire.take(int(asked.headers.get("content-length", "0")))
        content = b""
        while True:
            try:
                size = int(wire.until(b"\r\n"), 16)
            except ValueError:
                raise Bad("400 Bad Request") from None
            content += wire.take(size)
            wire.take(2)
            if not size:
                return content

    def answer(self, asked: Asked, wire: Wire) -> tuple[str, Any]:
        try:
            coded = asked.headers.get("content-encoding") == "gzip"
            rows = json.loads(gzip.decompress(asked.body) if coded else asked.body)["instances"]
            return "200 OK", {"sums": [sum(row) for row in rows]}
        except (ValueError, TypeError, KeyError, OSError):
            return "400 Bad Request", {"error": "no rows"}

    def render(self, asked: Asked, status: str, value: Any) -> bytes:
        return self.frame(status, json.dumps(value).encode(), close=self.closes(asked))

    def closes(self, asked: Asked) -> bool:
        return asked.line.endswith("1.0") or asked.headers.get("connection") == "close"

    def frame(self, status: str, body: bytes, *lines: str, close: bool = False, length: int | None = None) -> bytes:
        size = len(body) if length is None else length
        head = ["content-type: application/json", f"content-length: {size}", *lines]
        head += ["connection: close"] if close else []
        return "\r\n".join([f"HTTP/1.1 {status}", *head, "", ""]).encode() + body

    def talk(self, wire: Wire) -> None:
        while True:
            try:
                asked = self.read(wire)
            except Bad as problem:
                wire.sock.sendall(self.frame(str(problem), b'{"error": "bad"}', close=True))
                return
            status, value = self.answer(asked, wire)
            wire.sock.sendall(self.render(asked, status, value))
            if self.closes(asked):
                return

    def serve_connection(self, sock: socket.socket) -> None:
        with sock, suppress(OSError, EOFError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.talk(Wire(sock))

    def dispatch(self, sock: socket.socket) -> None:
        threading.Thread(target=self.serve_connection, args=(sock,), daemon=True).start()


@contextmanager
def serve_wire(service: Service) -> Iterator[str]:
    """The URL of a service that runs inside the `with`."""
    listening = socket.create_server(("127.0.0.1", 0))
    address = listening.getsockname()
    over = threading.Event()

    def accepting() -> None:
        while not over.is_set():
            sock, _ = listening.accept()
            if over.is_set():
                sock.close()
                return
            sock.settimeout(5.0)
            service.dispatch(sock)

    thread = threading.Thread(target=accepting, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{address[1]}"
    finally:
        over.set()
        with suppress(OSError):
            socket.create_connection(address, 1.0).close()
        thread.join(5)
        listening.close()


def run_checks(
    service: Service, folder: Path, *tests: Callable[..., Verdict], promises: Promises | None = None, **more: Any
) -> list[Verdict]:
    """The verdicts of the checks on a service that takes rows of three numbers over plain JSON."""
    more.setdefault("deadlines", SHORT)
    with serve_wire(service) as url:
        endpoint = Endpoint(url, "plain_json", sample=[[0.25, 0.5, 2.0]], **more)
        with asking(Settings(endpoint, ("integration",), promises=promises or Promises()), folder) as session:
            session.is_reached = True
            return [test(session) for test in tests]
