"""Session: asks one endpoint on behalf of the checks, and keeps what they saw."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

from harness.core.adapter import Adapter, Capabilities, Facts, HealthReader, StreamDecoder
from harness.core.endpoint import Credentials, Endpoint
from harness.core.errors import ErrorClass, ProtocolError
from harness.core.exchange import Exchange, Headers, Query, Request
from harness.core.replay import show_exchange, show_request, show_response
from harness.core.settings import Promises, Settings
from harness.core.verdict import Counterexample
from harness.io.client import ENDPOINT_CREDENTIALS, Client
from harness.io.ledger import Ledger
from harness.io.raw import BytesOrPause, RawConnection, encode_request
from harness.run.series import Meter

_T = TypeVar("_T")

Write = Callable[[bytes, bytes], Sequence[BytesOrPause]]
"""Head (with its blank line) and body of a request, made into what goes over the wire: bytes, and pauses in seconds."""

_KEPT = 20
"""Exchanges of one check that are kept for the run directory; a long sampling keeps its first and its failed ones."""

RECENT = 3
"""The last exchanges of one check, which are the counterexample of a test that asserts something of its own."""


class Session:
    """One endpoint, asked through one adapter over one client.

    Every request is counted against the ceilings before it is sent; every inference is metered, and shown to `watch`
    during one check. Once `reached` is set, a service that cannot be connected to any more is gone, which counts
    against it.
    """

    def __init__(
        self, settings: Settings, adapter: Adapter, facts: Facts, client: Client, ledger: Ledger, meter: Meter
    ) -> None:
        self.settings = settings
        self.endpoint: Endpoint = settings.endpoint
        self.adapter = adapter
        self.facts = facts
        self.client = client
        self.exchanges: list[Exchange] = []
        self.recent: deque[Exchange] = deque(maxlen=RECENT)
        self.watch: Callable[[Exchange], None] = _unwatched
        self.reached = False
        self.sample_query: Query | None = None
        self.sent = 0
        self._once: dict[Hashable, Any] = {}
        self._ledger = ledger
        self._meter = meter

    @property
    def promises(self) -> Promises:
        """What the configuration promises of the service."""
        return self.settings.promises

    @property
    def able(self) -> Capabilities:
        """What can be asked here."""
        return self.adapter.capabilities(self.endpoint, self.facts)

    def sample(self, *, stream: bool = False) -> Query:
        """One valid query: the user's fixture `ai_sample`, else the configured sample, else the adapter's own."""
        query = self.sample_query or self.adapter.sample(self.endpoint, self.facts)
        return replace(query, stream=stream)

    def request(self, query: Query | None = None, headers: Headers = ()) -> Request:
        """The request that asks a query, with these header lines in place of its own of the same names."""
        request = self.adapter.encode(self.endpoint, self.sample() if query is None else query, self.facts)
        named = {name.lower() for name, _ in headers}
        kept = tuple(line for line in request.headers if line[0].lower() not in named)
        return replace(request, headers=(*kept, *headers))

    def decoder(self, request: Request) -> StreamDecoder | None:
        """A fresh decoder for the answer to a request that asks for a stream."""
        return self.adapter.decoder(self.endpoint) if request.stream else None

    def ask(
        self,
        query: Query | None = None,
        *,
        credentials: Credentials | None = ENDPOINT_CREDENTIALS,
        headers: Headers = (),
        again: bool = True,
    ) -> Exchange:
        """Send one inference and decode its answer; never raises for what the service does.

        `again`: once more where the service ended a kept connection, as `send` does. Not where the share of requests
        that fail is what is judged.
        """
        request = self.request(query, headers)
        for repeat in (False, True) if again else (False,):
            self._ledger.before_request(repeat=repeat)
            raw = self.client.exchange(request, decoder=self.decoder(request), credentials=credentials)
            exchange = self._finish(raw)
            self._metered(exchange)
            if not _raced(exchange):
                break
        return exchange

    def ask_many(
        self, queries: Sequence[Query], *, concurrency: int, headers: Sequence[Headers] | None = None
    ) -> list[Exchange]:
        """Send inferences side by side, at most `concurrency` at once; answers in the queries' order.

        `headers` has the header lines that each of them carries besides. What `ask` asks again is asked again at the
        end, by itself.
        """
        extra = [()] * len(queries) if headers is None else headers
        requests = [self.request(query, lines) for query, lines in zip(queries, extra, strict=True)]
        for _ in requests:
            self._ledger.before_request()
        decoders = [self.decoder(request) for request in requests]
        raw = self.client.exchange_many(requests, concurrency=concurrency, decoders=decoders)
        found = [self._finish(exchange) for exchange in raw]
        for exchange in found:
            self._metered(exchange)
        for at, exchange in enumerate(found):
            if _raced(exchange):
                self._ledger.before_request(repeat=True)
                raw_again = self.client.exchange(requests[at], decoder=self.decoder(requests[at]))
                found[at] = self._finish(raw_again)
                self._metered(found[at])
        return found

    def send(self, request: Request) -> Exchange:
        """Send a request as it is: a wrong one, or a probe. Its answer is not decoded.

        It is sent once more where the service ended a kept-alive connection, perhaps before it saw the request: it may
        do so at any time, and many do after an error, unannounced (RFC 9112 section 9.5).
        """
        for repeat in (False, True):
            self._ledger.before_request(repeat=repeat)
            exchange = self._keep(self.client.exchange(request))
            if not _raced(exchange):
                break
        return exchange

    def read(self, exchange: Exchange) -> Exchange:
        """An exchange of `send` with its answer decoded, as `ask` has it."""
        return decode_exchange(self.adapter, self.endpoint, exchange)

    def probe(self, role: str) -> Exchange | None:
        """Send the adapter's probe of this role (`live`, `ready`, `model_ready`, ...); None when it has none."""
        request = self.adapter.probes(self.endpoint).get(role)
        if request is None:
            return None
        exchange = self.send(request)
        if exchange.ok and exchange.response is not None and isinstance(self.adapter, HealthReader):
            said = self.adapter.find_denial(role, exchange.response)
            return _invalid(exchange, said) if said else exchange
        return exchange

    def raw(self, requests: Sequence[Request], write: Write | None = None, *, together: bool = False) -> list[Exchange]:
        """Send inferences over one connection as `write` puts them on the wire (None: as they are), and decode.

        Each is sent when the one before is answered; `together`, all at once and in one piece. Where the service ends
        the connection between two of them, as it may, the rest goes over the next one.
        """
        wires = [(write or _whole)(*encode_request(self.endpoint, request)) for request in requests]
        with RawConnection(self.endpoint, self.client.clock) as line:
            if not together:
                return [self._turn(line, request, wire) for request, wire in zip(requests, wires, strict=True)]
            for _ in requests:
                self._ledger.before_request()
            pieces = [piece for wire in wires for piece in wire]
            only = [piece for piece in pieces if isinstance(piece, bytes)]
            line.send(pieces if len(only) < len(pieces) else [b"".join(only)], answers=len(requests))
            return self._answers(line, requests, None)

    @contextmanager
    def holding(
        self, request: Request, write: Write, *, patience: float | None = None, answers: int = 1
    ) -> Iterator[list[Exchange]]:
        """Send one request as `write` puts it on the wire, and keep the connection open inside the `with`.

        Yields what is answered: the first within `patience` seconds (None: the endpoint's deadline), and further ones
        where it may be taken for several requests.
        """
        self._ledger.before_request()
        with RawConnection(self.endpoint, self.client.clock) as line:
            line.send(write(*encode_request(self.endpoint, request)), answers)
            yield self._answers(line, [request] * answers, patience)

    def leave(self, query: Query, *, after: float = 0.0) -> Exchange:
        """Send an inference and close the connection in mid-answer.

        A stream is left after the first of its content events, anything else `after` seconds. An exchange with `done`
        was answered whole before it could be left; one with an error was never begun.
        """
        request = self.request(query)
        self._ledger.before_request()
        with RawConnection(self.endpoint, self.client.clock) as line:
            line.send([b"".join(encode_request(self.endpoint, request)), after])
            if not request.stream:
                return self._keep(line.abandon(request))
            return self._keep(line.receive(request, decoder=self.decoder(request), until=1))

    def once(self, name: Hashable, asked: Callable[[], _T]) -> _T:
        """What several checks judge: asked for by the first of them in this process."""
        if name not in self._once:
            self._once[name] = asked()
        found: _T = self._once[name]
        return found

    def show(self, summary: str, exchange: Exchange) -> Counterexample:
        """The exchange as a counterexample: request, answer and curl line, without secrets."""
        return show_exchange(exchange, self.endpoint, summary)

    def begin_check(self) -> None:
        """Forget the last check's exchanges."""
        self.exchanges = []
        self.recent.clear()
        self.watch = _unwatched
        self.sent = 0

    def flush(self) -> None:
        """Write down what was metered so far."""
        self._meter.flush()

    def show_exchanges(self) -> list[dict[str, Any]]:
        """What the current check sent and got, JSON-able and without secrets."""
        return [self._shown(exchange) for exchange in self.exchanges]

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def _metered(self, exchange: Exchange) -> None:
        self._meter.record(exchange)
        self.watch(exchange)

    def _turn(self, line: RawConnection, request: Request, wire: Sequence[BytesOrPause]) -> Exchange:
        for repeat in (False, True):
            self._ledger.before_request(repeat=repeat)
            line.send(wire)
            exchange = self._heard(line, request)
            # A server may end a kept-alive connection at any time, also while a request is on its way (RFC 9112 9.5).
            if not line.is_reused or exchange.error is not ErrorClass.CLOSED or exchange.response is not None:
                break
        return exchange

    def _answers(self, line: RawConnection, requests: Sequence[Request], patience: float | None) -> list[Exchange]:
        first = self._heard(line, requests[0], patience)
        # What was sent behind others is answered when they are, or never: a lost one would cost a whole deadline.
        seconds = first.timing.service_time
        wait = self.endpoint.deadlines.first_byte if seconds is None else 1.0 + 4 * seconds
        return [first, *(self._heard(line, each, wait) for each in requests[1:])]

    def _heard(self, line: RawConnection, request: Request, patience: float | None = None) -> Exchange:
        return self._finish(line.receive(request, patience=patience, decoder=self.decoder(request)))

    def _finish(self, exchange: Exchange) -> Exchange:
        exchange = decode_exchange(self.adapter, self.endpoint, exchange)
        self._ledger.after_answer(exchange.generated_tokens)
        return self._keep(exchange)

    def _keep(self, exchange: Exchange) -> Exchange:
        self.sent += 1
        if self.reached and exchange.error and exchange.error.is_before_contact:
            exchange = replace(exchange, error=ErrorClass.GONE, detail=f"it answered before: {exchange.detail}")
        self.recent.append(exchange)
        if len(self.exchanges) < _KEPT or (not exchange.ok and len(self.exchanges) < 2 * _KEPT):
            self.exchanges.append(exchange)
        return exchange

    def _shown(self, exchange: Exchange) -> dict[str, Any]:
        timing = exchange.timing
        return {
            "request": show_request(exchange.request, self.endpoint),
            "response": show_response(exchange.response, self.endpoint) if exchange.response else None,
            "error": exchange.error,
            "detail": exchange.detail,
            "timing": {
                "intended": timing.intended,
                "sent": timing.sent,
                "first_byte": timing.first_byte,
                "first_token": timing.tokens[0] if timing.tokens else None,
                "done": timing.done,
            },
        }


def _unwatched(exchange: Exchange) -> None:
    """Nobody looks on."""


def _raced(exchange: Exchange) -> bool:
    return exchange.error is ErrorClass.CLOSED and exchange.response is None and "kept alive" in exchange.detail


def _whole(head: bytes, body: bytes) -> Sequence[BytesOrPause]:
    return [head + body]


def decode_exchange(adapter: Adapter, endpoint: Endpoint, exchange: Exchange) -> Exchange:
    """The exchange with its answer read: INVALID where it is not one, INCOMPLETE where it never came to its end."""
    if exchange.error is not None or exchange.response is None:
        return exchange
    try:
        if exchange.request.stream and exchange.events:
            answer = adapter.assemble(exchange.events)
        elif exchange.request.stream:
            return _invalid(exchange, f"a stream was asked for and {_what_came(exchange)} came")
        else:
            answer = adapter.decode(endpoint, exchange.response)
    except ProtocolError as error:
        return _invalid(exchange, str(error))
    if not answer.complete:
        detail = "the answer was declared a success and never came to its proper end"
        return replace(exchange, answer=answer, error=ErrorClass.INCOMPLETE, detail=detail)
    return replace(exchange, answer=answer)


def _invalid(exchange: Exchange, detail: str) -> Exchange:
    return replace(exchange, error=ErrorClass.INVALID, detail=detail)


def _what_came(exchange: Exchange) -> str:
    response = exchange.response
    assert response is not None
    if not response.body:
        return "an empty body"
    return f"a body of type {response.content_type or 'unknown'}"
