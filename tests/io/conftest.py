"""Real peers on loopback: scripted sockets, TLS with a CA of the test's own, a small HTTP/2 server."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h2.config
import h2.connection
import h2.events
import pytest
import trustme

from harness.core.endpoint import Deadlines, Endpoint
from harness.core.errors import ProtocolError
from harness.core.exchange import EventKind, StreamEvent
from harness.io.client import Client
from harness.io.response_reader import Caps

PATIENCE = 10.0
"""Seconds after which any wait of a peer gives up: only a broken test gets there."""

QUICK = Deadlines(connect=5.0, first_byte=5.0, inter_token=5.0, total=10.0)


class Conn:
    """The peer's side of one connection."""

    def __init__(self, sock: socket.socket, stopping: threading.Event, seen: list[bytes]) -> None:
        self.sock = sock
        self.seen = seen
        self._stopping = stopping

    def request(self) -> bytes:
        """One request, head and body (by its content-length); empty when the client has closed."""
        data = b""
        while b"\r\n\r\n" not in data:
            piece = self.sock.recv(65536)
            if not piece:
                return b""
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        length = next(
            (int(x.split(b":")[1]) for x in head.split(b"\r\n") if x.lower().startswith(b"content-length")), 0
        )
        while len(body) < length:
            body += self.sock.recv(65536)
        self.seen.append(head + b"\r\n\r\n" + body)
        return self.seen[-1]

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def answer(self, body: bytes, *lines: bytes, status: bytes = b"200 OK") -> None:
        head = b"".join(line + b"\r\n" for line in lines)
        self.send(b"HTTP/1.1 %b\r\ncontent-length: %d\r\n%b\r\n%b" % (status, len(body), head, body))

    def begin(self, *lines: bytes) -> None:
        """The head of a chunked 200."""
        head = b"".join(line + b"\r\n" for line in lines)
        self.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n%b\r\n" % head)

    def chunk(self, data: bytes) -> None:
        self.send(b"%x\r\n%b\r\n" % (len(data), data))

    def drip(self, data: bytes, seconds: float) -> None:
        """Send these bytes again and again with a pause between, until the client or the test ends."""
        while not self.pause(seconds):
            self.send(data)

    def pause(self, seconds: float = PATIENCE) -> bool:
        """Wait; True when the test is over."""
        return self._stopping.wait(seconds)

    def until_closed(self) -> None:
        with contextlib.suppress(OSError):
            while self.sock.recv(65536):
                pass


Script = Callable[[Conn], None]


class Peer:
    """A listening socket whose connections each run a script in a thread."""

    def __init__(self, script: Script, context: ssl.SSLContext | None = None) -> None:
        self.seen: list[bytes] = []
        self.accepted = 0
        self._script = script
        self._context = context
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._socks: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.port}"
        self._start(self._accept)

    def _start(self, target: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            self._start(self._talk, sock)

    def _talk(self, sock: socket.socket) -> None:
        sock.settimeout(PATIENCE)
        with contextlib.suppress(OSError):
            if self._context is not None:
                sock = self._context.wrap_socket(sock, server_side=True)
        self._socks.append(sock)
        with sock, contextlib.suppress(OSError, ValueError):
            self._script(Conn(sock, self._stopping, self.seen))

    def close(self) -> None:
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in self._socks:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)


Serve = Callable[..., Peer]
Connect = Callable[..., Client]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """`serve(script, context=None)`: a peer that lives as long as the test."""
    peers: list[Peer] = []

    def start(script: Script, context: ssl.SSLContext | None = None) -> Peer:
        peers.append(Peer(script, context))
        return peers[-1]

    yield start
    for peer in peers:
        peer.close()


@pytest.fixture
def connect() -> Iterator[Connect]:
    """`connect(url, **endpoint fields, caps=None)`: a client that is closed after the test."""
    clients: list[Client] = []

    def make(url: str, *, caps: Caps | None = None, deadlines: Deadlines = QUICK, **fields: Any) -> Client:
        clients.append(Client(Endpoint(url, deadlines=deadlines, **fields), caps=caps))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


class Lines:
    """A stream decoder for `data: X` lines: X is a delta, `[DONE]` the end, `bad` an error; cuts fall anywhere."""

    def __init__(self) -> None:
        self._pending = b""

    def feed(self, data: bytes) -> list[StreamEvent]:
        *lines, self._pending = (self._pending + data).split(b"\n")
        return [self._event(line[6:].decode()) for line in lines if line.startswith(b"data: ")]

    def close(self) -> list[StreamEvent]:
        return self.feed(b"\n")

    @staticmethod
    def _event(text: str) -> StreamEvent:
        if text == "bad":
            raise ProtocolError("bad is no event", at="line")
        return StreamEvent(EventKind.DONE) if text == "[DONE]" else StreamEvent(EventKind.DELTA, text)


@pytest.fixture
def lines() -> Callable[[], Lines]:
    return Lines


@pytest.fixture(scope="session")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def ca_file(ca: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path: Path = tmp_path_factory.mktemp("ca") / "ca.pem"
    ca.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture(scope="session")
def server_context(ca: trustme.CA) -> Callable[..., ssl.SSLContext]:
    """`server_context(*names, mutual=False, alpn=None, issuer=None, **issue)`: a server's side of TLS."""

    def make(
        *names: str, mutual: bool = False, alpn: str | None = None, issuer: trustme.CA | None = None, **issue: Any
    ) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        (issuer or ca).issue_cert(*(names or ("127.0.0.1", "localhost")), **issue).configure_cert(context)
        if mutual:
            context.verify_mode = ssl.CERT_REQUIRED
            ca.configure_trust(context)
        if alpn:
            context.set_alpn_protocols([alpn])
        return context

    return make


class Http2:
    """A script that speaks HTTP/2 (RFC 9113): `/silent` is never answered, `/flood` never ends, others are echoed."""

    def __init__(self) -> None:
        self.versions: list[str | None] = []
        self.resets = 0

    def __call__(self, conn: Conn) -> None:
        assert isinstance(conn.sock, ssl.SSLSocket)
        self.versions.append(conn.sock.selected_alpn_protocol())
        http2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        http2.initiate_connection()
        conn.send(http2.data_to_send())
        flooding: set[int] = set()
        while data := conn.sock.recv(65536):
            for event in http2.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    self._answer(http2, event, flooding)
            for stream in flooding:
                while (room := http2.local_flow_control_window(stream)) > 0:
                    http2.send_data(stream, b"x" * min(room, http2.max_outbound_frame_size))
            conn.send(http2.data_to_send())

    @staticmethod
    def _answer(http2: h2.connection.H2Connection, event: h2.events.RequestReceived, flooding: set[int]) -> None:
        assert event.stream_id is not None
        path = dict(event.headers or ())[b":path"]
        if path == b"/silent":
            return
        http2.send_headers(event.stream_id, [(":status", "200")])
        if path == b"/flood":
            flooding.add(event.stream_id)
        elif path == b"/reset":
            http2.reset_stream(event.stream_id)
        else:
            http2.send_data(event.stream_id, path, end_stream=True)


@pytest.fixture
def http2_script() -> Http2:
    return Http2()
