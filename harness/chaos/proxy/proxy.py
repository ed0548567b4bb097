"""A proxy: its listener, its toxics with their leases, and its counters."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from harness.chaos.proxy.alarm import AlarmClock
from harness.chaos.proxy.down_lease import DownLease
from harness.chaos.proxy.link import ProxiedConnection
from harness.chaos.proxy.marks import MarkScanner
from harness.chaos.proxy.reading import SocketReader
from harness.chaos.proxy.record import Journal, ToxicCounts, TrafficKey
from harness.core.errors import HarnessError
from harness.core.fault import FaultKind, FaultParameters
from harness.core.fault_stage import Stage, StageContext

MOST_PORT = 65535
_MOST_LIFTED = 100
"""Toxics whose counters are kept after they were lifted."""


class ListenError(HarnessError):
    """An address at which the proxy cannot listen, in Toxiproxy's words."""


@dataclass(eq=False)
class Toxic:
    """A fault on one stream of a proxy. `lease` is the time in ms until it lifts itself, 0 for no lease.

    With a `seed` of its own its draws depend on that, its name, and how many connections or requests it has seen;
    without, on the server's seed, the proxy and the number of the connection.
    """

    proxy: Proxy
    kind: FaultKind[Any]
    name: str
    stream: str
    toxicity: float
    parameters: FaultParameters
    lease: int = 0
    seed: int | None = None
    generation: int = 0
    connections: int = 0
    requests: int = 0
    counts: ToxicCounts = field(default_factory=ToxicCounts)
    timer: asyncio.TimerHandle | None = None
    memory: dict[Any, Any] = field(default_factory=dict)

    @property
    def direction(self) -> str:
        """The stream in lower case."""
        return self.stream.lower()

    def to_row(self) -> dict[str, Any]:
        """The object of the API."""
        row = {"attributes": asdict(self.parameters), "name": self.name, "type": self.kind.name, "stream": self.stream}
        toxicity = int(self.toxicity) if float(self.toxicity).is_integer() else self.toxicity
        lease = {"lease_ms": self.lease} if self.lease else {}
        return {**row, "toxicity": toxicity, **lease}

    def make_stage(self, number: int, now: float, is_fresh: bool) -> Stage[Any] | None:
        """A stage for the connection of this number; None if the draw leaves the connection alone.

        For a fault on single requests, the stage draws for each request.
        """
        journal, by_request, seed = self.proxy.journal, self.kind.by_request, self.seed
        self.connections += 1
        place, turn = (self.proxy.name, number) if seed is None else ("", self.connections)
        key = (place, self.name, self.generation)
        if self.kind.stage is None or not (by_request or journal.draw(*key, turn, seed=seed) < self.toxicity):
            return None
        self.counts.connections += 1
        was_affected, last_marked, request = False, 0, 0

        def record_effect(size: int) -> None:
            nonlocal was_affected, last_marked
            self.counts.bytes += size
            marked = self.proxy.find_marked_request(number)
            if marked != last_marked:
                self.counts.marked += marked > 0
                last_marked = marked
            if by_request or not was_affected:
                self.counts.affected_connections += not was_affected
                self.counts.affected_requests += by_request
                more = {"request": request} if by_request else {}
                journal.write("affected", self.proxy.name, self.name, connection=number, bytes=size, **more)
            was_affected = True

        def record_wait(is_early: bool) -> None:
            ours = self.proxy.find_marked_request(number) > 0
            self.counts.early += ours and is_early
            self.counts.waits += ours and not is_early

        def draw_request() -> bool:
            nonlocal request
            self.requests += 1
            request = self.requests
            return self.toxicity >= 1 or journal.draw(*key, "request", self.requests, seed=seed) < self.toxicity

        draw_uniform = journal.make_generator(*key, turn, seed=seed)
        chances = (draw_uniform, draw_request, record_effect)
        return self.kind.stage(StageContext(self.parameters, *chances, is_fresh, self.memory, record_wait), now)

    def renew(self) -> None:
        """Start the lease again."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        if self.lease:
            loop = asyncio.get_running_loop()
            self.timer = loop.call_later(self.lease / 1000, self.proxy.remove, self, "lease")


class Proxy:
    """Forwards connections from `listen` to `upstream`, through the toxics of each stream."""

    def __init__(self, name: str, listen: str, upstream: str, journal: Journal, allow_remote: bool) -> None:
        self.name, self.listen, self.upstream, self.journal = name, listen, upstream, journal
        self.clock = AlarmClock(asyncio.get_running_loop())
        self.reader = SocketReader(asyncio.get_running_loop())
        self.down_lease = DownLease(self.start)
        self._toxics: dict[str, list[Toxic]] = {"upstream": [], "downstream": []}
        self._lifted: dict[str, ToxicCounts] = {}
        self._allow_remote = allow_remote
        self._server: asyncio.Server | None = None
        self._connections: set[ProxiedConnection] = set()
        self._accepted = self._bytes = self._marked = 0
        self._mark = b""
        self._scanners: dict[int, MarkScanner] = {}

    @property
    def is_enabled(self) -> bool:
        """Whether it listens."""
        return self._server is not None

    def to_row(self) -> dict[str, Any]:
        """The object of the API."""
        row = {"name": self.name, "listen": self.listen, "upstream": self.upstream, "enabled": self.is_enabled}
        lease = {"lease_ms": self.down_lease.ms} if self.down_lease.ms else {}
        return {**row, "toxics": [toxic.to_row() for toxic in self.list_toxics()], **lease}

    def read_counters(self) -> dict[str, Any]:
        """Current figures of the proxy, of its toxics, and of those lifted (the last 100 names)."""
        toxics = self._lifted | {toxic.name: toxic.counts for toxic in self.list_toxics()}
        return {
            "connections": self._accepted,
            "open": len(self._connections),
            "marked": self._marked,
            "bytes": self._bytes + sum(connection.count_bytes() for connection in self._connections),
            "toxics": {name: counts.to_row() for name, counts in toxics.items()},
        }

    def list_toxics(self) -> list[Toxic]:
        """Its toxics in chain order, upstream first."""
        return self._toxics["upstream"] + self._toxics["downstream"]

    def find_chain(self, stream: str) -> list[Toxic]:
        """The toxics of a stream, in order."""
        return self._toxics[stream]

    async def start(self) -> None:
        """Listen. Raises `ListenError`."""
        self.down_lease.renew(0)
        if self._server is not None:
            return
        listening = await bind_listener(self.listen, self._allow_remote)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: ProxiedConnection(self).client, sock=listening)
        self._server, self.listen = server, format_address(listening.getsockname())

    def stop(self) -> None:
        """Stop listening and close every connection; the toxics stay."""
        self.down_lease.renew(0)
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in tuple(self._connections):
            connection.close()

    def add(self, toxic: Toxic) -> None:
        """Add a toxic at the end of the chain, on open connections too."""
        self._lifted.pop(toxic.name, None)
        chain = self._toxics[toxic.direction]
        chain.append(toxic)
        self._change_links(toxic, len(chain) - 1, toxic, insert=True)
        toxic.renew()
        self.journal.write("applied", self.name, toxic.name, type=toxic.kind.name)

    def update(self, toxic: Toxic) -> None:
        """Replace the stages of a toxic on open connections; the toxicity is drawn again for each of them."""
        toxic.generation += 1
        self._change_links(toxic, self._toxics[toxic.direction].index(toxic), toxic)

    def remove(self, toxic: Toxic, reason: str = "removed") -> None:
        """Remove a toxic, if it is still there; data in flight continues."""
        chain = self._toxics[toxic.direction]
        if toxic.timer is not None:
            toxic.timer.cancel()
        if toxic not in chain:
            return
        place = chain.index(toxic)
        chain.remove(toxic)
        self._change_links(toxic, place, None)
        self._lifted[toxic.name] = toxic.counts
        while len(self._lifted) > _MOST_LIFTED:
            del self._lifted[next(iter(self._lifted))]
        self.journal.write("lifted", self.name, toxic.name, why=reason, bytes=toxic.counts.bytes)

    def _change_links(self, toxic: Toxic, place: int, new: Toxic | None, *, insert: bool = False) -> None:
        for connection in sorted(self._connections, key=lambda connection: connection.number):
            if connection.is_connected:
                link = connection.links[toxic.direction == "downstream"]
                link.change(place, new, insert=insert)

    def set_mark(self, mark: bytes) -> None:
        """Count the requests that hold these bytes, from now on and from 0; none where they are empty."""
        self._mark, self._marked = mark, 0
        self._scanners.clear()
        for connection in self._connections:
            self._follow(connection, connection.number)
        for toxic in self.list_toxics():
            toxic.counts.marked = 0

    def find_marked_request(self, number: int) -> int:
        """Which of the marked requests the last one on the connection of this number is; 0 where it has no mark."""
        scanner = self._scanners.get(number)
        return 0 if scanner is None else scanner.current

    def _follow(self, connection: ProxiedConnection, number: int) -> None:
        scanner = MarkScanner(self._mark, self._count_marked) if self._mark else None
        connection.links[0].scanner = scanner
        if scanner is not None:
            self._scanners[number] = scanner

    def _count_marked(self) -> int:
        self._marked += 1
        return self._marked

    def add_connection(self, connection: ProxiedConnection) -> int:
        """Count a client's connection; returns its number, from 1."""
        self._connections.add(connection)
        self._accepted += 1
        self._follow(connection, self._accepted)
        return self._accepted

    def remove_connection(self, connection: ProxiedConnection) -> None:
        """A connection has ended."""
        if connection in self._connections:
            self._connections.remove(connection)
            self._bytes += connection.count_bytes()
            for traffic in connection.list_traffic():
                self.journal.count_traffic(*traffic)
            self._scanners.pop(connection.number, None)

    def list_traffic(self) -> list[tuple[TrafficKey, int, int]]:
        """What each direction of each open connection has received and sent so far, in bytes."""
        return [traffic for connection in self._connections for traffic in connection.list_traffic()]

    async def connect_upstream(self, make_side: Callable[[], asyncio.Protocol]) -> None:
        """Connect one side of a connection to the upstream. Raises `OSError`, `ValueError` or `UnicodeError`."""
        host, _, port = self.upstream.rpartition(":")
        address = host.strip("[]") or "localhost", int(port)
        await asyncio.get_running_loop().create_connection(make_side, *address)


def is_beyond_ports(port: str) -> bool:
    """Whether this is a number, and that of no port."""
    return port.isdecimal() and (len(port.lstrip("0")) > len(str(MOST_PORT)) or int(port) > MOST_PORT)


async def resolve_listen_address(listen: str, allow_remote: bool) -> tuple[socket.AddressFamily, tuple[str, int]]:
    """The address to bind for "host:port". Raises `ListenError`, also for one beyond loopback that is not allowed."""
    host, colon, port = listen.rpartition(":")
    if not colon and listen:
        raise ListenError(f"address {listen}: missing port in address")
    if is_beyond_ports(port):
        raise ListenError(f"listen tcp: address {port}: invalid port, it must be from 0 to {MOST_PORT}")
    host = host.strip("[]")
    family, address = socket.AF_INET, ("0.0.0.0", int(port) if port.isdecimal() else 0)
    if host:
        try:
            answers = await asyncio.get_running_loop().getaddrinfo(host, port or "0", type=socket.SOCK_STREAM)
        except (OSError, UnicodeError, ValueError, OverflowError) as error:
            raise ListenError(f"listen tcp: lookup {listen}: {error}") from None
        family, address = min((family, (str(at[0]), int(at[1]))) for family, _, _, _, at in answers)
    with contextlib.suppress(ValueError):
        if not allow_remote and not ipaddress.ip_address(address[0].partition("%")[0]).is_loopback:
            where = format_address(address)
            raise ListenError(f"listen tcp {where}: beyond loopback; start the server with --allow-remote")
    return family, address


async def bind_listener(listen: str, allow_remote: bool) -> socket.socket:
    """A listening socket for "host:port". Raises `ListenError`."""
    family, address = await resolve_listen_address(listen, allow_remote)
    # With the protocol named, asyncio sets TCP_NODELAY on the connections; without it, small writes wait 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(1024)
    except (OSError, OverflowError) as error:
        listening.close()
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise ListenError(f"listen tcp {format_address(address)}: bind: {reason}") from None
    return listening


def format_address(address: tuple[Any, ...]) -> str:
    """Host and port as "host:port", with an IPv6 address in brackets."""
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
