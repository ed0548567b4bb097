"""A stream that has begun and is read on later, so that something else can be sent while it is under way.

Tested in tests/detection/test_detection.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from harness.core.exchange import Exchange, Query, Request
from harness.io.raw import RawConnection, encode_request
from harness.run.session import Session


@dataclass(frozen=True, slots=True)
class BegunStream:
    """One stream of which the first content event has come; `first` is its exchange until then."""

    connection: RawConnection
    request: Request
    first: Exchange

    def is_under_way(self) -> bool:
        """Whether more of it is still to come from the service."""
        return self._is_unfinished() and not self.connection.has_arrived(whole=True)

    def read_on(self) -> Exchange:
        """The whole exchange, not decoded: what came meanwhile, and the rest."""
        return self.connection.read_on(self.request) if self._is_unfinished() else self.first

    def _is_unfinished(self) -> bool:
        return self.first.ok and self.first.timing.done is None


@contextmanager
def begin_streams(session: Session, queries: Sequence[Query]) -> Iterator[list[BegunStream]]:
    """Streams side by side, each after its first content event; inside the `with` they stay under way."""
    with ExitStack() as stack:
        connections, requests = [], []
        for query in queries:
            requests.append(session.request(replace(query, stream=True)))
            session.ledger.before_request()
            connections.append(stack.enter_context(RawConnection(session.endpoint, session.client.clock)))
            session.prepare_connection(connections[-1])
            connections[-1].send([b"".join(encode_request(session.endpoint, requests[-1]))])
        begun = []
        for connection, request in zip(connections, requests, strict=True):
            first = connection.receive(request, decoder=session.decoder(request), until=1)
            begun.append(BegunStream(connection, request, first))
        yield begun
