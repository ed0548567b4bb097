"""A name with several addresses, of which some are dead or silent: each is tried, within the deadline."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import pytest

from harness.core.endpoint import Deadlines, Endpoint
from harness.core.errors import ErrorClass
from harness.core.exchange import Exchange, Request
from harness.io.client import Client
from harness.io.reachability import open_connection
from tests.services import serving

NAME = "several-addresses.test"
PATIENT = Deadlines(connect=6.0, first_byte=20.0, inter_token=20.0, total=60.0)


def resolve_to(monkeypatch: pytest.MonkeyPatch, addresses: Sequence[str]) -> None:
    real = socket.getaddrinfo

    def look_up(host: str | bytes | None, port: int, *args: int, **options: int) -> list[tuple[object, ...]]:
        if host not in (NAME, NAME.encode()):
            return [tuple(entry) for entry in real(host, port, *args, **options)]
        entries: list[tuple[object, ...]] = []
        for address in addresses:
            kind = (socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
            if ":" in address:
                entries.append((socket.AF_INET6, *kind, (address, port, 0, 0)))
            else:
                entries.append((socket.AF_INET, *kind, (address, port)))
        return entries

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


@contextmanager
def silence(port: int) -> Iterator[None]:
    """127.0.0.2 answers no handshake on this port: the queue of its socket is full."""
    with socket.socket() as listening, ExitStack() as stack:
        listening.bind(("127.0.0.2", port))
        listening.listen(0)
        for _ in range(4):
            peer = stack.enter_context(socket.socket())
            peer.setblocking(False)
            peer.connect_ex(("127.0.0.2", port))
        yield


def ask(port: int, deadlines: Deadlines = PATIENT) -> Exchange:
    with Client(Endpoint(f"http://{NAME}:{port}", deadlines=deadlines)) as client:
        return client.exchange(Request("GET", "/"))


@pytest.mark.parametrize(
    "addresses",
    [
        ("::1", "127.0.0.1"),
        ("127.0.0.3", "127.0.0.1"),
        ("127.0.0.2", "127.0.0.1"),
        ("127.0.0.2", "::1", "127.0.0.1"),
        ("127.0.0.1", "127.0.0.2"),
    ],
    ids=", ".join,
)
def test_the_address_that_answers_is_used(monkeypatch: pytest.MonkeyPatch, addresses: Sequence[str]) -> None:
    with serving(lambda path, body: (200, {})) as url:
        port = urlsplit(url).port
        assert port is not None
        with silence(port):
            resolve_to(monkeypatch, addresses)
            assert ask(port).ok
            with open_connection(Endpoint(f"http://{NAME}:{port}"), PATIENT.connect) as sock:
                assert sock.getpeername()[0] == "127.0.0.1"


def test_silent_addresses_alone_fail_by_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(lambda path, body: (200, {})) as url:
        port = urlsplit(url).port
        assert port is not None
        with silence(port):
            resolve_to(monkeypatch, ("127.0.0.2",))
            quick = Deadlines(connect=0.5, first_byte=5.0, inter_token=5.0, total=10.0)
            assert ask(port, quick).error is ErrorClass.CONNECT_TIMEOUT
