"""Adapter: one wire protocol without IO. A file in `harness/protocols/` offers one as `ADAPTER`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from harness.core.endpoint import Endpoint
from harness.core.exchange import Answer, Query, Request, Response, StreamEvent


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a protocol, or an endpoint by its own announcement, can do. A check that needs what is False is SKIPPED.

    `batches`: one request may hold several rows, and its answer one result for each. `generates`: text is generated
    under `max_tokens`, `stop` and `temperature`, and its tokens are counted (`Usage`). `embeds`: texts are
    answered with one vector each. `model_name` and `model_version`: the service may say somewhere what it serves.
    Of what streams: `roles` says that the answerer's role is told.
    Of what generates: `seeds` says that a `seed` can be given, `shapes` that `n`, `logprobs`, `tools` and
    `response_format` can be asked for as OpenAI's chat has them.
    """

    streaming: bool = False
    liveness: bool = False
    readiness: bool = False
    model_readiness: bool = False
    metadata: bool = False
    text: bool = False
    tensors: bool = False
    batches: bool = False
    generates: bool = False
    embeds: bool = False
    roles: bool = False
    seeds: bool = False
    shapes: bool = False
    model_name: bool = True
    model_version: bool = False

    def missing(self, needs: Sequence[str]) -> str | None:
        """The first needed capability that is not there, or None. Raises `AttributeError` for an unknown name."""
        return next((name for name in needs if not getattr(self, name)), None)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the endpoint says of itself, gathered once before the plan: JSON-able, handed to every worker.

    `models` are the served names; `version` the model's version; `inputs` the adapter's own notes for making a valid
    request (tensor names, shapes, datatypes, an example).
    """

    models: tuple[str, ...] = ()
    version: str | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recognition:
    """How sure an adapter is that an endpoint speaks its protocol: `score` 0 (no) to 1 (sure), and why, in words."""

    score: float
    reason: str
    facts: Facts = Facts()


class StreamDecoder(Protocol):
    """Decodes one streamed body, fed in whatever pieces the socket gave."""

    def feed(self, data: bytes) -> list[StreamEvent]:
        """The events completed by these bytes. Raises `ProtocolError` on what cannot be an event."""

    def close(self) -> list[StreamEvent]:
        """The events left when the body has ended."""


@runtime_checkable
class Adapter(Protocol):
    """One wire protocol: encode a request, decode an answer, decode a stream. No IO, no state."""

    name: str
    title: str

    def capabilities(self, endpoint: Endpoint, facts: Facts) -> Capabilities:
        """What can be asked here: what the protocol offers, less what the endpoint's own announcement rules out."""

    def probes(self, endpoint: Endpoint) -> Mapping[str, Request]:
        """Harmless GETs by role: any of `live`, `ready`, `model_ready`, `metadata`, `models`, and names of its own."""

    def recognise(self, endpoint: Endpoint, answers: Mapping[str, Response]) -> Recognition:
        """Judge from the answers to `probes` (a probe that got none is absent) whether this protocol is spoken."""

    def sample(self, endpoint: Endpoint, facts: Facts) -> Query:
        """One small valid query. Raises `UsageError` that says which setting is needed when none can be made."""

    def encode(self, endpoint: Endpoint, query: Query, facts: Facts) -> Request:
        """The request for a query. Raises `UsageError` for a query that the protocol cannot express."""

    def decode(self, endpoint: Endpoint, response: Response) -> Answer:
        """The answer in a complete body of success status. Raises `ProtocolError`."""

    def decoder(self, endpoint: Endpoint) -> StreamDecoder:
        """A fresh decoder for one streamed body."""

    def assemble(self, events: Sequence[StreamEvent]) -> Answer:
        """The answer that a stream's events add up to, `complete` only with the protocol's proper end."""

    def bad_requests(self, endpoint: Endpoint, facts: Facts) -> Mapping[str, Request]:
        """Wrong requests by name, each of which a service should refuse with a clear 4xx and one error shape."""

    def identity(self, answers: Mapping[str, Response]) -> tuple[str | None, str | None]:
        """The model name and version in the answers to `probes`, as far as they are stated."""


@runtime_checkable
class HealthReader(Protocol):
    """An adapter whose health calls answer in words: a success may say no."""

    def denies(self, role: str, response: Response) -> str | None:
        """What the answer of success status to the probe of this role says, where that is no; None for a yes."""
