"""A proxy: its listener, its toxics with their leases, and its counters."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.chaos.proxy.link import Connection
from harness.chaos.proxy.record import Counts, Journal
from harness.core.errors import HarnessError
from harness.faults._kind import Duty, FaultKind, Stage

_MOST_KEPT = 100


class ListenError(HarnessError):
    """An address that cannot be listened on, in Toxiproxy's words."""


@dataclass(eq=False)
class Toxic:
    """A toxic on one stream of a proxy. `lease` is its time in ms until it lifts itself, 0 for none."""

    proxy: Proxy
    kind: FaultKind
    name: str
    stream: str
    toxicity: float
    attributes: Mapping[str, Any]
    lease: int = 0
    generation: int = 0
    asked: int = 0
    counts: Counts = field(default_factory=Counts)
    timer: asyncio.TimerHandle | None = None

    @property
    def direction(self) -> str:
        """The stream in lower case."""
        return self.stream.lower()

    def row(self) -> dict[str, Any]:
        """As the API shows it."""
        toxicity = int(self.toxicity) if float(self.toxicity).is_integer() else self.toxicity
        row = {"attributes": dict(self.attributes), "name": self.name, "type": self.kind.name, "stream": self.stream}
        return row | {"toxicity": toxicity} | ({"lease_ms": self.lease} if self.lease else {})

    def stage(self, number: int, now: float, fresh: bool) -> Stage | None:
        """For one connection; None when the draw spares it. Single requests are drawn by the stage itself."""
        journal, key = self.proxy.journal, (self.proxy.name, self.name, self.generation)
        by_request = self.kind.layer == "http"
        if self.kind.stage is None or not (by_request or journal.draw(*key, number) < self.toxicity):
            return None
        self.counts.connections += 1
        seen = False

        def struck(size: int) -> None:
            nonlocal seen
            self.counts.bytes += size
            if by_request or not seen:
                self.counts.affected_connections += not seen
                self.counts.affected_requests += by_request
                more = {"request": self.asked} if by_request else {}
                journal.write("affected", self.proxy.name, self.name, connection=number, bytes=size, **more)
            seen = True

        def chosen() -> bool:
            self.asked += 1
            return journal.draw(*key, "request", self.asked) < self.toxicity

        return self.kind.stage(Duty(self.attributes, journal.uniform(*key, number), chosen, struck, fresh), now)

    def renew(self) -> None:
        """Start the lease anew."""
        if self.timer is not None:
            self.timer.cancel()
        loop = asyncio.get_running_loop()
        self.timer = loop.call_later(self.lease / 1000, self.proxy.remove, self, "lease") if self.lease else None


class Proxy:
    """Forwards what comes to `listen` to `upstream`, through the toxics of each stream."""

    def __init__(self, name: str, listen: str, upstream: str, journal: Journal, allow_remote: bool) -> None:
        self.name, self.listen, self.upstream, self.journal = name, listen, upstream, journal
        self.toxics: dict[str, list[Toxic]] = {"upstream": [], "downstream": []}
        self.lifted: dict[str, Counts] = {}
        self._allow_remote = allow_remote
        self._server: asyncio.Server | None = None
        self._live: set[Connection] = set()
        self._accepted = self._bytes = 0

    @property
    def enabled(self) -> bool:
        """Whether it listens."""
        return self._server is not None

    def row(self) -> dict[str, Any]:
        """As the API shows it."""
        toxics = [toxic.row() for toxic in self.every()]
        row = {"name": self.name, "listen": self.listen, "upstream": self.upstream, "enabled": self.enabled}
        return row | {"toxics": toxics}

    def counters(self) -> dict[str, Any]:
        """Live figures of the proxy, of its toxics, and of those lifted (the last 100 names)."""
        live = sum(link.bytes for connection in self._live for link in connection.links)
        toxics = self.lifted | {toxic.name: toxic.counts for toxic in self.every()}
        figures: dict[str, Any] = {"connections": self._accepted, "open": len(self._live), "bytes": self._bytes + live}
        return figures | {"toxics": {name: counts.row() for name, counts in toxics.items()}}

    def every(self) -> list[Toxic]:
        """Its toxics in chain order, upstream first."""
        return self.toxics["upstream"] + self.toxics["downstream"]

    def chain(self, stream: str) -> list[Toxic]:
        """The toxics of a stream, in order."""
        return self.toxics[stream]

    async def start(self) -> None:
        """Listen. Raises `ListenError`."""
        if self._server is not None:
            return
        listening = await bound(self.listen, self._allow_remote)
        server = await asyncio.get_running_loop().create_server(lambda: Connection(self).client, sock=listening)
        self._server, self.listen = server, joined(listening.getsockname())

    def stop(self) -> None:
        """Stop listening and close every connection; the toxics stay."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in tuple(self._live):
            connection.close()

    def add(self, toxic: Toxic) -> None:
        """At the end of the chain, on live connections too."""
        self.lifted.pop(toxic.name, None)
        chain = self.toxics[toxic.direction]
        chain.append(toxic)
        self._change(toxic, len(chain) - 1, toxic, insert=True)
        toxic.renew()
        self.journal.write("applied", self.name, toxic.name, type=toxic.kind.name)

    def update(self, toxic: Toxic) -> None:
        """In place on live connections, each drawn anew."""
        toxic.generation += 1
        self._change(toxic, self.toxics[toxic.direction].index(toxic), toxic)

    def remove(self, toxic: Toxic, why: str = "removed") -> None:
        """What is in flight goes on; nothing happens when it is gone already."""
        chain = self.toxics[toxic.direction]
        if toxic.timer is not None:
            toxic.timer.cancel()
        if toxic in chain:
            place = chain.index(toxic)
            chain.remove(toxic)
            self._change(toxic, place, None)
            self.lifted[toxic.name] = toxic.counts
            while len(self.lifted) > _MOST_KEPT:
                del self.lifted[next(iter(self.lifted))]
            self.journal.write("lifted", self.name, toxic.name, why=why, bytes=toxic.counts.bytes)

    def _change(self, toxic: Toxic, place: int, new: Toxic | None, *, insert: bool = False) -> None:
        for connection in tuple(self._live):
            if connection.stood:
                link = connection.links[toxic.direction == "downstream"]
                link.change(place, new, insert=insert)

    def entered(self, connection: Connection) -> int:
        """A client has come; its number."""
        self._live.add(connection)
        self._accepted += 1
        return self._accepted

    def left(self, connection: Connection) -> None:
        """A connection has ended."""
        if connection in self._live:
            self._live.remove(connection)
            self._bytes += sum(link.bytes for link in connection.links)

    def target(self) -> tuple[str, int]:
        """Host and port of the upstream. Raises `ValueError`."""
        host, _, port = self.upstream.rpartition(":")
        return host.strip("[]") or "localhost", int(port)


async def resolve(listen: str, allow_remote: bool) -> tuple[socket.AddressFamily, tuple[str, int]]:
    """The address to bind for "host:port". Raises `ListenError`, also for one beyond loopback that is not allowed."""
    host, colon, port = listen.rpartition(":")
    if not colon and listen:
        raise ListenError(f"address {listen}: missing port in address")
    host = host.strip("[]")
    if not host:
        found = [(socket.AF_INET, ("0.0.0.0", int(port) if port.isdigit() else 0))]
    else:
        try:
            answers = await asyncio.get_running_loop().getaddrinfo(host, port or "0", type=socket.SOCK_STREAM)
        except (OSError, UnicodeError, ValueError, OverflowError) as error:
            raise ListenError(f"listen tcp: lookup {listen}: {error}") from None
        found = sorted((family, (str(at[0]), int(at[1]))) for family, _, _, _, at in answers)
    family, address = found[0]
    with contextlib.suppress(ValueError):
        if not allow_remote and not ipaddress.ip_address(address[0].partition("%")[0]).is_loopback:
            raise ListenError(f"listen tcp {joined(address)}: beyond loopback; start the server with --allow-remote")
    return family, address


async def bound(listen: str, allow_remote: bool) -> socket.socket:
    """A listening socket for "host:port". Raises `ListenError`."""
    family, address = await resolve(listen, allow_remote)
    # Named TCP: only then asyncio sets TCP_NODELAY on the connections, without which small writes wait 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(1024)
    except (OSError, OverflowError) as error:
        listening.close()
        why = (getattr(error, "strerror", None) or str(error)).lower()
        raise ListenError(f"listen tcp {joined(address)}: bind: {why}") from None
    return listening


def joined(address: tuple[Any, ...]) -> str:
    """Host and port as "host:port", with an IPv6 address in brackets."""
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
