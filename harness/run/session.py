"""Session: asks one endpoint on behalf of the checks, and keeps what they saw."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from harness.core.adapter import Adapter, Facts
from harness.core.endpoint import Credentials, Endpoint
from harness.core.errors import ErrorClass, ProtocolError
from harness.core.exchange import Exchange, Query, Request
from harness.core.replay import show, show_request, show_response
from harness.core.settings import Settings
from harness.core.verdict import Counterexample
from harness.io.client import ENDPOINT_CREDENTIALS, Client
from harness.io.ledger import Ledger
from harness.run.meter import Meter

T = TypeVar("T")

KEPT = 20
"""Exchanges of one check that are kept for the run directory; a long sampling keeps its first and its failed ones."""


class Session:
    """One endpoint, asked through one adapter over one client.

    Every request is counted against the ceilings before it is sent; every inference is metered. Once `reached` is set,
    a service that cannot be connected to any more is gone, which counts against it.
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
        self.reached = False
        self.sample_query: Query | None = None
        self.sent = 0
        self._once: dict[str, Any] = {}
        self._ledger = ledger
        self._meter = meter

    def sample(self, *, stream: bool = False) -> Query:
        """One valid query: the user's fixture `ai_sample`, else the configured sample, else the adapter's own."""
        query = self.sample_query or self.adapter.sample(self.endpoint, self.facts)
        return replace(query, stream=stream)

    def ask(self, query: Query | None = None, *, credentials: Credentials | None = ENDPOINT_CREDENTIALS) -> Exchange:
        """Send one inference and decode its answer; never raises for what the service does."""
        query = self.sample() if query is None else query
        request = self.adapter.encode(self.endpoint, query, self.facts)
        exchange = self._exchange(request, credentials)
        self._meter.record(exchange)
        return exchange

    def ask_many(self, queries: Sequence[Query], *, concurrency: int) -> list[Exchange]:
        """Send inferences side by side, at most `concurrency` at once; answers in the queries' order."""
        requests = [self.adapter.encode(self.endpoint, query, self.facts) for query in queries]
        for _ in requests:
            self._ledger.before_request()
        decoders = [self.adapter.decoder() if request.stream else None for request in requests]
        raw = self.client.exchange_many(requests, concurrency=concurrency, decoders=decoders)
        found = [self._finish(exchange) for exchange in raw]
        for exchange in found:
            self._meter.record(exchange)
        return found

    def send(self, request: Request, *, credentials: Credentials | None = ENDPOINT_CREDENTIALS) -> Exchange:
        """Send a request as it is: a wrong one, or a probe. Its answer is not decoded."""
        self._ledger.before_request()
        return self._keep(self.client.exchange(request, credentials=credentials))

    def probe(self, role: str) -> Exchange | None:
        """Send the adapter's probe of this role (`live`, `ready`, `model_ready`, ...); None when it has none."""
        request = self.adapter.probes(self.endpoint).get(role)
        return None if request is None else self.send(request)

    def once(self, name: str, asked: Callable[[], T]) -> T:
        """What several checks judge: asked for by the first of them in this process."""
        if name not in self._once:
            self._once[name] = asked()
        found: T = self._once[name]
        return found

    def show(self, summary: str, exchange: Exchange) -> Counterexample:
        """The exchange as a counterexample: request, answer and curl line, without secrets."""
        return show(exchange, self.endpoint, summary)

    def begin_check(self) -> None:
        """Forget the last check's exchanges."""
        self.exchanges = []
        self.sent = 0

    def flush(self) -> None:
        """Write down what was metered so far."""
        self._meter.flush()

    def shown_exchanges(self) -> list[dict[str, Any]]:
        """What the current check sent and got, JSON-able and without secrets."""
        return [self._shown(exchange) for exchange in self.exchanges]

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def _exchange(self, request: Request, credentials: Credentials | None) -> Exchange:
        self._ledger.before_request()
        decoder = self.adapter.decoder() if request.stream else None
        return self._finish(self.client.exchange(request, decoder=decoder, credentials=credentials))

    def _finish(self, exchange: Exchange) -> Exchange:
        exchange = decoded(self.adapter, self.endpoint, exchange)
        self._ledger.after_answer(exchange.generated_tokens)
        return self._keep(exchange)

    def _keep(self, exchange: Exchange) -> Exchange:
        self.sent += 1
        if self.reached and exchange.error and exchange.error.never_reached:
            exchange = replace(exchange, error=ErrorClass.GONE, detail=f"it answered before: {exchange.detail}")
        if len(self.exchanges) < KEPT or (not exchange.ok and len(self.exchanges) < 2 * KEPT):
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


def decoded(adapter: Adapter, endpoint: Endpoint, exchange: Exchange) -> Exchange:
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
