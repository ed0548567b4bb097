"""Every fault file behind the harness's own proxy: it counts the effect, ends streams in order, and checks ranges."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from queue import Queue
from typing import Any

import pytest

from harness.core.fault import FaultKind, Parameter, load_fault
from harness.core.registry import list_plugins
from tests.chaos.proxy.conftest import Link, Served, serve
from tests.faults.test_fault_conformance import PARAMETERS, REQUEST, list_traffic

KINDS = [kind for kind in map(load_fault, list_plugins("faults")) if kind.stage is not None]
every_toxic = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
STREAMS = [pytest.param(kind, stream, id=f"{kind.name}-{stream}") for kind in KINDS for stream in kind.streams]
every_stream = pytest.mark.parametrize(("kind", "stream"), STREAMS)


@pytest.fixture
def streaming() -> Iterator[tuple[str, Queue[bytes]]]:
    """A service that answers known traffic, then reads to the end; what each client sent, once it ended."""
    answers = dict(map(list_traffic, KINDS))
    sent: Queue[bytes] = Queue()

    def handle(peer: socket.socket) -> None:
        data = b""
        with contextlib.suppress(OSError):
            while more := peer.recv(65536):
                data += more
                peer.sendall(answers.get(data, b""))
        sent.put(data)

    address, end = serve(handle)
    yield address, sent
    end()


def await_effect(link: Link) -> dict[str, int]:
    """The counts of the toxic `f` once it has struck: the end of a connection arrives after its client has gone."""
    ends = time.monotonic() + 5
    while not (counts := link.counts("f"))["affected"] and time.monotonic() < ends:
        time.sleep(0.02)
    return counts


def add(link: Link, kind: FaultKind[Any], stream: str) -> dict[str, Any]:
    body = {"type": kind.name, "name": "f", "stream": stream, "attributes": asdict(kind.example)}
    answer = link.server.http.post(f"{link.path}/toxics", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@every_stream
def test_the_effect_is_counted(
    ours: Served, streaming: tuple[str, Queue[bytes]], kind: FaultKind[Any], stream: str
) -> None:
    link = ours.proxy(streaming[0])
    row = add(link, kind, stream)
    assert row["attributes"] == asdict(kind.example)
    with link.connect(1.0) as peer:
        peer.sendall(list_traffic(kind)[0])
        with contextlib.suppress(OSError):
            while peer.recv(65536):
                pass
    size = len(REQUEST)
    if kind.example.is_idle:
        assert not link.counts("f")["affected"]
        return
    counts = await_effect(link)
    assert counts["affected"], f"the example does not act on {size} bytes, or does not call record_effect"
    assert counts["affected_connections"] == 1
    assert bool(counts["affected_requests"]) is kind.by_request
    link.remove("f")


@every_toxic
def test_the_end_of_the_requests_reaches_the_service_behind_them(
    ours: Served, streaming: tuple[str, Queue[bytes]], kind: FaultKind[Any]
) -> None:
    """The half-close of a client: the service sees every byte and then the end, or the fault was counted."""
    address, sent = streaming
    link = ours.proxy(address)
    stream = kind.streams[0]
    add(link, kind, stream)
    with link.connect(5.0) as peer:
        peer.sendall(REQUEST)
        with suppress(OSError):  # a reset may come first; the fault is counted then
            peer.shutdown(socket.SHUT_WR)
        data = sent.get(timeout=10)
    assert data == REQUEST or (stream == "upstream" and link.counts("f")["affected"] > 0)
    link.remove("f")


@pytest.mark.parametrize(("kind", "parameter"), PARAMETERS)
def test_a_value_out_of_range_is_refused_by_the_api(ours: Served, kind: FaultKind[Any], parameter: Parameter) -> None:
    link = ours.proxy("127.0.0.1:1")
    body = {"type": kind.name, "stream": kind.streams[-1], "attributes": {parameter.name: [1]}}
    answer = ours.http.post(f"{link.path}/toxics", json=body)
    assert answer.status_code == 400
    assert f"attribute {parameter.name} must be {parameter.range}, not [1]" in answer.json()["error"]
    assert ours.http.get(f"{link.path}/toxics").json() == []
