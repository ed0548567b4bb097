"""Every disturbance, against a real server: it does what it counts, ends when lifted, and leaves no connection."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from harness.chaos.client_target import ServiceTarget
from harness.chaos.direct import ActiveDisturbance
from harness.chaos.queries import KnownQuery, QueryPool
from harness.core.adapter import Facts
from harness.core.disturbance import MOST_CONNECTIONS, Disturbance
from harness.core.endpoint import Endpoint
from harness.core.exchange import Query
from harness.core.experiment import Fault
from harness.core.fault import load_fault
from harness.core.registry import list_plugins
from harness.core.settings import Settings
from harness.protocols.text.openai_chat import ADAPTER
from harness.run.session import Session

KINDS: list[Disturbance[Any]] = [load_fault(name) for name in list_plugins("disturbances")]  # type: ignore[misc]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n" + b"data: {}\n\n" * 500


class Peer:
    """A server that answers each whole request with a stream, and keeps what came on each connection."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        self.received: list[bytes] = []
        self.open = 0
        self.lock = threading.Lock()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(peer,), daemon=True).start()

    def serve(self, peer: socket.socket) -> None:
        with self.lock:
            self.open += 1
            number = len(self.received)
            self.received.append(b"")
        has_answered = False
        try:
            while data := peer.recv(65536):
                self.received[number] += data
                head, blank, body = self.received[number].partition(b"\r\n\r\n")
                size = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
                if blank and len(body) >= size and not has_answered:
                    has_answered = True
                    peer.sendall(STREAM)
        except OSError:
            pass
        finally:
            peer.close()
            with self.lock:
                self.open -= 1


@contextmanager
def serve() -> Iterator[Peer]:
    peer = Peer()
    try:
        yield peer
    finally:
        peer.listener.close()


def make_target(port: int, counted: list[int]) -> ServiceTarget:
    endpoint = Endpoint(f"http://127.0.0.1:{port}", protocol="openai_chat", model="tiny-chat")
    settings = Settings(endpoint, ("chaos",))
    session = Session(settings, ADAPTER, Facts(models=("tiny-chat",)), None, None, None)  # type: ignore[arg-type]
    run: Any = SimpleNamespace(ledger=SimpleNamespace(before_request=lambda: counted.append(1)))
    return ServiceTarget(session, run, QueryPool("0" * 16, (KnownQuery(Query("a b c d")),)), 30.0, 10.0)


def await_true(holds: Any, seconds: float = 20.0) -> bool:
    ends = time.monotonic() + seconds
    while not (is_so := holds()) and time.monotonic() < ends:
        time.sleep(0.01)
    return bool(is_so)


@every_kind
def test_it_does_what_it_counts_and_leaves_nothing(kind: Disturbance[Any]) -> None:
    counted: list[int] = []
    with serve() as peer:
        target = make_target(peer.port, counted)
        active = ActiveDisturbance(kind, Fault("", kind.name, name=kind.name, duration=30.0), target)
        assert active.prove().confirmed == "none"
        active.apply()
        try:
            assert await_true(lambda: active.prove().confirmed == "counter"), active.prove().detail
            active.renew()
            assert await_true(lambda: peer.received)
        finally:
            active.lift()
        proof = active.prove()
        assert proof.affected, "what it did stays counted"
        assert proof.affected == sum(target.counts[what] for what in kind.proof)
        assert all(what in proof.detail for what in kind.proof)
        assert await_true(lambda: peer.open == 0), "every connection is closed"
        time.sleep(0.1)
        assert active.prove() == proof, "nothing is done after the lift"
        assert len(counted) <= len(peer.received) + MOST_CONNECTIONS
        active.lift()


@every_kind
def test_its_declaration_is_bounded(kind: Disturbance[Any]) -> None:
    assert kind.stage is None
    assert kind.proof
    assert not kind.needs_own_proxy
    for parameter in kind.parameters:
        if parameter.name in ("connections", "rate", "clients"):
            assert 1 <= parameter.low <= parameter.high <= MOST_CONNECTIONS
    assert kind.count_requests(kind.example, 10.0) >= 0


def test_a_refused_connection_is_counted_and_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    target = make_target(port, [])
    active = ActiveDisturbance(
        load_fault("connection_churn"),  # type: ignore[arg-type]
        Fault("", "connection_churn", name="c", duration=30.0),
        target,
    )
    active.apply()
    try:
        assert await_true(lambda: target.counts["connections that the service refused or ended"] >= 2)
        active.renew()
    finally:
        active.lift()
    assert active.prove().confirmed == "none"


def test_a_slow_request_never_ends() -> None:
    with serve() as peer:
        kind = load_fault("slowloris")
        active = ActiveDisturbance(
            kind,  # type: ignore[arg-type]
            Fault("", "slowloris", {"connections": 2, "pause": 10}, name="s", duration=30.0),
            make_target(peer.port, []),
        )
        active.apply()
        try:
            assert await_true(lambda: len(peer.received) == 2 and all(b"X-Slow: a" in part for part in peer.received))
        finally:
            active.lift()
        assert all(b"\r\n\r\n" not in part for part in peer.received)
