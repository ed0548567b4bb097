"""Session: asks one endpoint on behalf of the checks, and keeps their exchanges."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, TypeVar

from harness.checks.generation.template_marks import TextTally
from harness.core.adapter import Adapter, Capabilities, Facts, HealthReader, StreamDecoder, make_sample
from harness.core.endpoint import Credentials, Endpoint
from harness.core.errors import ErrorClass, HarnessError
from harness.core.exchange import Exchange, Headers, Query, Request
from harness.core.generation_options import choose_limit_value, find_limit_option, merge_options
from harness.core.noise import may_be_noise
from harness.core.replay import name_authorization, show_exchange, show_timed_exchange
from harness.core.settings import Promises, Settings
from harness.core.verdict import Counterexample
from harness.io.client import ENDPOINT_CREDENTIALS, Client
from harness.io.ledger import Ledger
from harness.io.raw import BytesOrPause, RawConnection, encode_request
from harness.run.decoding import decode_exchange, mark_invalid
from harness.run.series import Meter
from harness.run.shared_answers import SharedAnswers, ValidRequests

_T = TypeVar("_T")

Write = Callable[[bytes, bytes], Sequence[BytesOrPause]]
"""Head (with its blank line) and body of a request, made into what goes over the wire: bytes, and pauses in seconds."""

_MOST_EXCHANGES = 20
"""Exchanges of one check that are saved in the run directory; a long sampling saves its first and its failed ones."""

RECENT = 3
"""The last exchanges of one check, which are the counterexample of a test that asserts something of its own."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An inference that was sent and may not have ended."""

    request: Request
    future: Future[Exchange]


class Session:
    """One endpoint, asked through one adapter over one client.

    Every request is counted against the ceilings before it is sent; every inference is metered, counted in `texts`, and
    given to `watch` during one check. Once `is_reached` is set, a service that cannot be connected to any more is gone,
    which counts against it. `sent_requests` counts those of the current check, `valid` the plain valid ones among them;
    `noise` has the exchanges of the check's current attempt that failed in a way that noise explains.
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
        self.watch: Callable[[Exchange], None] = _ignore_exchange
        self.is_reached = False
        self.sample_query: Query | None = None
        self.sent_requests = 0
        self.noise: list[Exchange] = []
        self.valid, self.texts = ValidRequests(), TextTally()
        self._shared = SharedAnswers()
        self.ledger = ledger
        self._meter = meter

    @property
    def promises(self) -> Promises:
        """What the configuration promises of the service."""
        return self.settings.promises

    @property
    def capabilities(self) -> Capabilities:
        """What can be asked here."""
        return self.adapter.capabilities(self.endpoint, self.facts)

    def sample(self, *, stream: bool = False) -> Query:
        """One valid query: the user's fixture `ai_sample`, else the configured sample, else the adapter's own."""
        query = self.sample_query or make_sample(self.adapter, self.endpoint, self.facts)
        return replace(query, stream=stream)

    def request(self, query: Query | None = None, headers: Headers = ()) -> Request:
        """The request that asks a query, with these header lines in place of its own of the same names.

        The configured options are sent with it, unless the query has a value of its own.
        """
        query = self.sample() if query is None else query
        query = replace(query, options=merge_options(self.endpoint.options, query.options))
        request = self.adapter.encode(self.endpoint, query, self.facts)
        replaced = {name.lower() for name, _ in headers}
        own = tuple(line for line in request.headers if line[0].lower() not in replaced)
        return replace(request, headers=(*own, *headers))

    def limit_answer(self, query: Query, tokens: int, *, exact: bool = False) -> Query:
        """The query with a limit of tokens; a larger one in the configured options is kept, unless `exact`."""
        limit = tokens if exact else choose_limit_value(self.endpoint.options, tokens)
        return replace(query, options={**query.options, find_limit_option(query.options): limit})

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
        repeat: bool = False,
    ) -> Exchange:
        """Send one inference and decode its answer; never raises for what the service does.

        `again`: once more where the service ended a kept connection, as `send` does. Not where the share of requests
        that fail is what is judged. `repeat`: it was sent before, and does not count towards a measurement's cost.
        """
        request = self.request(query, headers)
        exchange = self._infer(request, credentials, repeat=repeat)
        if again and _is_dropped(exchange):
            exchange = self._infer(request, credentials, repeat=True)
        if not headers and credentials is ENDPOINT_CREDENTIALS:
            self._count_valid([query], [exchange])
        return exchange

    def _count_valid(self, queries: Sequence[Query | Request | None], exchanges: Sequence[Exchange]) -> None:
        """Count those of them that ask the plain sample; without a sample there are none."""
        sample = None
        with suppress(HarnessError):
            sample = self.sample()
        for query, exchange in zip(queries, exchanges, strict=True):
            if query is None or (isinstance(query, Query) and replace(query, stream=False) == sample):
                self.valid.add(exchange, self.show)

    def _infer(
        self, request: Request, credentials: Credentials | None = ENDPOINT_CREDENTIALS, *, repeat: bool = False
    ) -> Exchange:
        self.ledger.before_request(repeat=repeat)
        exchange = self.client.exchange(request, decoder=self.decoder(request), credentials=credentials)
        exchange = self._note_credentials(exchange, credentials)
        return self._meter_inference(self.finish_exchange(exchange))

    def _note_credentials(self, exchange: Exchange, credentials: Credentials | None) -> Exchange:
        """The exchange with what it says of the credentials that it carried."""
        if credentials is ENDPOINT_CREDENTIALS:
            return exchange
        return replace(exchange, authorization=name_authorization(self.endpoint, credentials))

    def begin(self, query: Query, intended: float | None = None) -> Asked:
        """Send one inference without waiting for its end, which `end` does; `intended` is when it was due (None: now).

        It is not sent again where the service ended a kept connection.
        """
        request = self.request(query)
        self.ledger.before_request()
        return Asked(request, self.client.begin(request, decoder=self.decoder(request), intended=intended))

    def end(self, asked: Asked) -> Exchange:
        """The exchange of an inference that `begin` sent, decoded, when it has ended."""
        return self._meter_inference(self.finish_exchange(self.client.wait_for(asked.future, asked.request)))

    def ask_many(
        self, queries: Sequence[Query | Request], *, concurrency: int, headers: Sequence[Headers] | None = None
    ) -> list[Exchange]:
        """Send inferences side by side, at most `concurrency` at once; answers in the queries' order.

        `headers` has further header lines of each. What `ask` sends again is sent again at the end, by itself. A
        request among them (a wrong one) is sent as it is, and not metered.
        """
        pairs = zip(queries, [()] * len(queries) if headers is None else headers, strict=True)
        requests = [query if isinstance(query, Request) else self.request(query, lines) for query, lines in pairs]
        for _ in requests:
            self.ledger.before_request()
        decoders = [self.decoder(request) for request in requests]
        answered = self.client.exchange_many(requests, concurrency=concurrency, decoders=decoders)
        exchanges = [self.finish_exchange(exchange) for exchange in answered]
        for place, exchange in enumerate(exchanges):
            if isinstance(queries[place], Query):
                self._meter_inference(exchange)
            if _is_dropped(exchange):
                exchanges[place] = self._infer(requests[place], repeat=True)
        if headers is None:
            self._count_valid(queries, exchanges)
        return exchanges

    def ask_as_they_end(self, queries: Sequence[Query], *, concurrency: int) -> Iterator[tuple[int, Exchange]]:
        """As `ask_many`: the place of each query and its exchange, as soon as that has ended."""
        requests, dropped = list(map(self.request, queries)), list[int]()
        for _ in requests:
            self.ledger.before_request()
        decoders = list(map(self.decoder, requests))
        for place, answered in self.client.exchange_as_they_end(requests, concurrency=concurrency, decoders=decoders):
            exchange = self._meter_inference(self.finish_exchange(answered))
            self._count_valid([queries[place]], [exchange])
            if _is_dropped(exchange):
                dropped.append(place)
            else:
                yield place, exchange
        for place in dropped:
            yield place, self._infer(requests[place], repeat=True)

    def send(self, request: Request, *, credentials: Credentials | None = ENDPOINT_CREDENTIALS) -> Exchange:
        """Send a request as it is: a wrong one, or a probe. Its answer is not decoded.

        It is sent once more where the service ended a kept-alive connection, perhaps before it saw the request: it may
        do so at any time, and many do after an error, unannounced (RFC 9112 section 9.5).
        """
        for repeat in (False, True):
            self.ledger.before_request(repeat=repeat)
            exchange = self.client.exchange(request, credentials=credentials)
            exchange = self._keep_exchange(self._note_credentials(exchange, credentials))
            if not _is_dropped(exchange):
                break
        return exchange

    def read(self, exchange: Exchange) -> Exchange:
        """An exchange of `send` with its answer decoded, as `ask` has it."""
        return decode_exchange(self.adapter, self.endpoint, exchange, self.facts)

    def probe(self, role: str) -> Exchange | None:
        """Send the adapter's probe of this role (`live`, `ready`, `model_ready`, ...); None when it has none."""
        request = self.adapter.probes(self.endpoint).get(role)
        if request is None:
            return None
        exchange = self.send(request)
        if not exchange.ok or exchange.response is None or not isinstance(self.adapter, HealthReader):
            return exchange
        denial = self.adapter.find_denial(role, exchange.response)
        return mark_invalid(exchange, denial) if denial else exchange

    def raw(self, requests: Sequence[Request], write: Write | None = None, *, together: bool = False) -> list[Exchange]:
        """Send inferences over one connection as `write` puts them on the wire (None: as they are), and decode.

        Each is sent when the one before is answered; `together`, all at once and in one piece. Where the service ends
        the connection between two of them, as it may, the rest goes over the next one.
        """
        parts = [encode_request(self.endpoint, request) for request in requests]
        wires = [write(head, body) if write else [head + body] for head, body in parts]
        with RawConnection(self.endpoint, self.client.clock) as connection:
            if not together:
                turns = zip(requests, wires, strict=True)
                return [self._take_turn(connection, request, wire) for request, wire in turns]
            for _ in requests:
                self.ledger.before_request()
            self.prepare_connection(connection)
            pieces = list(chain.from_iterable(wires))
            data = [piece for piece in pieces if isinstance(piece, bytes)]
            connection.send(pieces if len(data) < len(pieces) else [b"".join(data)], answers=len(requests))
            return self._receive_all(connection, requests, None)

    @contextmanager
    def hold_open(
        self, request: Request, write: Write, *, patience: float | None = None, answers: int = 1
    ) -> Iterator[list[Exchange]]:
        """Send one request as `write` puts it on the wire, and keep the connection open inside the `with`.

        Yields what is answered: the first within `patience` seconds (None: the endpoint's deadline), and further ones
        where it may be taken for several requests.
        """
        self.ledger.before_request()
        with RawConnection(self.endpoint, self.client.clock) as connection:
            self.prepare_connection(connection)
            connection.send(write(*encode_request(self.endpoint, request)), answers)
            yield self._receive_all(connection, [request] * answers, patience)

    def leave(self, query: Query, *, after: float = 0.0, events: int = 1) -> Exchange:
        """Send an inference and close the connection in mid-answer.

        A stream is left after so many of its content events, anything else `after` seconds. An exchange with `done`
        was answered whole before it could be left; one with an error was never begun.
        """
        request = self.request(query)
        self.ledger.before_request()
        self.client.wait_turn()
        with RawConnection(self.endpoint, self.client.clock) as connection:
            connection.send([b"".join(encode_request(self.endpoint, request)), after])
            if not request.stream:
                return self._keep_exchange(connection.abandon(request))
            exchange = connection.receive(request, decoder=self.decoder(request), until=events)
            if exchange.ok and exchange.timing.done is None and connection.has_arrived(whole=True):
                exchange = replace(exchange, timing=replace(exchange.timing, done=self.client.clock.now()))
            return self._keep_exchange(exchange)

    def once(self, name: Hashable, ask: Callable[[], _T]) -> _T:
        """What several checks judge: the first of them in this process asks for it."""
        return self._shared.get(name, ask, self.noise)

    def show(self, summary: str, exchange: Exchange) -> Counterexample:
        """The exchange as a counterexample: request, answer and curl line, without secrets."""
        return show_exchange(exchange, self.endpoint, summary)

    def begin_check(self) -> None:
        """Forget the last check's exchanges."""
        self.exchanges = []
        self.recent.clear()
        self.watch = _ignore_exchange
        self.sent_requests = 0
        self.valid = ValidRequests()
        self._shared.begin_check()
        self.noise.clear()

    def begin_attempt(self) -> None:
        """Begin a check, or repeat it: shared answers that noise may have spoilt are asked for again."""
        self._shared.forget_noisy()
        self.noise.clear()
        self.client.patience.begin_attempt()

    def settle_noise(self) -> None:
        """What failed in this attempt is no noise: checks that share its answers judge them as they are."""
        self._shared.settle()
        self.noise.clear()

    def flush(self) -> None:
        """Write down what was metered so far."""
        self._meter.flush()

    def show_exchanges(self) -> list[dict[str, Any]]:
        """What the current check sent and got, JSON-able and without secrets."""
        return [show_timed_exchange(exchange, self.endpoint) for exchange in self.exchanges]

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def _meter_inference(self, exchange: Exchange) -> Exchange:
        self._meter.record(exchange)
        self.texts.add(exchange, self.show)
        self.watch(exchange)
        return exchange

    def _take_turn(self, connection: RawConnection, request: Request, wire: Sequence[BytesOrPause]) -> Exchange:
        for repeat in (False, True):
            self.ledger.before_request(repeat=repeat)
            self.prepare_connection(connection)
            connection.send(wire)
            exchange = self._receive(connection, request)
            # A server may end a kept-alive connection at any time, also while a request is on its way (RFC 9112 9.5).
            is_dropped = connection.is_reused and exchange.error is ErrorClass.CLOSED and exchange.response is None
            if not self.client.learn(exchange) and not is_dropped:
                break
        return exchange

    def _receive_all(
        self, connection: RawConnection, requests: Sequence[Request], patience: float | None
    ) -> list[Exchange]:
        first = self._receive(connection, requests[0], patience)
        self.client.learn(first)
        # What was sent behind others is answered when they are, or never: a lost one would cost a whole deadline.
        seconds = first.timing.service_time
        wait = self.endpoint.deadlines.first_byte if seconds is None else 1.0 + 4 * seconds
        return [first, *(self._receive(connection, request, wait) for request in requests[1:])]

    def _receive(self, connection: RawConnection, request: Request, patience: float | None = None) -> Exchange:
        exchange = connection.receive(request, patience=patience, decoder=self.decoder(request))
        if patience is None:
            exchange = self.client.patience.note(exchange, connection.deadlines, self.client.clock.now())
        return self.finish_exchange(exchange)

    def prepare_connection(self, connection: RawConnection) -> None:
        """Wait until the next request may leave, and choose how long its answer is waited for."""
        self.client.wait_turn()
        connection.deadlines = self.client.patience.deadlines

    def finish_exchange(self, exchange: Exchange) -> Exchange:
        """The exchange decoded, counted and kept."""
        exchange = decode_exchange(self.adapter, self.endpoint, exchange, self.facts)
        self.ledger.after_answer(exchange.generated_tokens)
        return self._keep_exchange(exchange)

    def _keep_exchange(self, exchange: Exchange) -> Exchange:
        self.sent_requests += 1
        if self.is_reached and exchange.error and exchange.error.is_before_contact:
            exchange = replace(exchange, error=ErrorClass.GONE, detail=f"it answered before: {exchange.detail}")
        self.recent.append(exchange)
        if may_be_noise(exchange):
            self.noise.append(exchange)
        limit = _MOST_EXCHANGES if exchange.ok else 2 * _MOST_EXCHANGES
        if len(self.exchanges) < limit:
            self.exchanges.append(exchange)
        return exchange


def _ignore_exchange(exchange: Exchange) -> None:
    """For a session that nobody watches."""


def _is_dropped(exchange: Exchange) -> bool:
    """Whether the service ended a kept connection in place of an answer."""
    return exchange.error is ErrorClass.CLOSED and exchange.response is None and "kept alive" in exchange.detail
