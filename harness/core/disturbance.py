"""Disturbance: a fault that needs no proxy, since clients make it; each file of `harness.disturbances` offers one.

Tested in tests/disturbances/test_every_disturbance.py.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

from harness.core.endpoint import Endpoint, is_loopback
from harness.core.experiment import Fault
from harness.core.fault import FaultKind, FaultParameters, load_fault

MOST_CONNECTIONS = 200
"""The most connections that a disturbance may hold at a time, and the most that it may open per second."""


class PeerConnection(Protocol):
    """One connection to the service."""

    async def send(self, data: bytes) -> None:
        """Send bytes. Raises `OSError` when the peer has ended the connection."""

    async def receive(self, most: int = 65536) -> bytes:
        """What arrives next, at most so many bytes; empty at the end. Raises `OSError`."""

    def reset(self) -> None:
        """Leave without a farewell: RST in place of FIN."""


class TargetService(Protocol):
    """The service under test, as a disturbance sees it. `seconds` is for how long it is disturbed at most.

    What a disturbance does, it counts: the counts are the proof that it acted.
    """

    seconds: float
    rate: float
    """Requests/s of the steady load beside it."""

    def encode_request(self, *, words: int = 0) -> tuple[bytes, bytes]:
        """The next request, streamed where the service streams, as (head, body); the head asks to close after it.

        With `words` its prompt has so many, which no other request has. Raises `UsageError` where it has no prompt,
        and `BudgetExhausted`.
        """

    def connect(self, *, receive_buffer: int = 0) -> AbstractAsyncContextManager[PeerConnection]:
        """A connection, which is closed in order at the end of the block, and reset where an exception ends it.

        With a `receive_buffer` the kernel takes about so many bytes that nobody reads. Raises `OSError`.
        """

    def count(self, what: str, amount: int = 1) -> None:
        """Add to a count, such as "connections held"."""


_Parameters = TypeVar("_Parameters", bound=FaultParameters)


@dataclass(frozen=True, slots=True)
class Disturbance(FaultKind[_Parameters]):
    """A kind of fault that clients make.

    `disturb(target, parameters)` runs until it is cancelled, which is the lift; its connections are closed for it.
    `proof` names the counts that show that it acted. `spares_others`: what it does is so little that a sound service
    answers its other clients as before. `count_requests(parameters, rate)` is about how many requests/s it sends at
    most, beside a load of so many. `needs_prompt`: only a service that takes texts can be disturbed by it. `overloads`:
    its clients ask, at a rate of their own, for more than the service may be able to do.
    """

    disturb: Callable[[TargetService, _Parameters], Awaitable[None]] | None = None
    proof: Sequence[str] = ()
    spares_others: bool = False
    needs_prompt: bool = False
    overloads: bool = False
    count_requests: Callable[[_Parameters, float], float] = lambda _parameters, _rate: 0.0


def may_disturb(url: str, allow: Sequence[str]) -> bool:
    """Whether this URL's host is this machine, or on the allow-list (`[targets] allow`)."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return is_loopback(host) or bool({host, parts.netloc} & set(allow))


def find_obstacle(endpoint: Endpoint, allow: Sequence[str]) -> str | None:
    """Why clients of ours may not, or cannot, disturb an endpoint; None where they can."""
    if not may_disturb(endpoint.url, allow):
        remedy = f'to disturb it, write [targets] allow = ["{endpoint.host}"]'
        return f"{endpoint.url} is neither this machine nor on the allow-list: {remedy}"
    if endpoint.is_grpc or endpoint.proxy is not None or endpoint.signer is not None:
        return "a fault without a link needs HTTP that is neither sent through a proxy nor signed"
    return None


def spares_others(faults: Sequence[Fault]) -> bool:
    """Whether other clients are served as before under all of these faults, where the service is sound."""
    kinds = [find_disturbance(load_fault(fault.kind)) for fault in faults]
    return all(kind is not None and kind.spares_others for kind in kinds)


def overloads(faults: Sequence[Fault]) -> bool:
    """Whether all of these faults ask the service for more than it may be able to do."""
    kinds = [find_disturbance(load_fault(fault.kind)) for fault in faults]
    return all(kind is not None and kind.overloads for kind in kinds)


def find_disturbance(kind: FaultKind[Any]) -> Disturbance[Any] | None:
    """The kind as one that clients make; None for one of a link."""
    return kind if isinstance(kind, Disturbance) else None
