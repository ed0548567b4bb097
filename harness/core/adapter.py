"""Adapter: one wire protocol without IO. A file in `harness/protocols/` defines one as `ADAPTER`.

Tested in tests/protocols/test_conformance.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

from harness.core.endpoint import Endpoint
from harness.core.exchange import Answer, Query, Request, Response, StreamEvent
from harness.core.generation_options import merge_options


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a protocol can do, less what the endpoint itself rules out. A check that needs a False one is SKIPPED.

    `batches`: one request may contain several rows, and the answer has one result for each. `generates`: the service
    generates text, accepts `max_tokens`, `stop` and `temperature`, and counts tokens (`Usage`). `embeds`: each text is
    answered with one vector. `sentences`: an input that is no prompt holds a text of several words. `categories`: the
    values of a field of the input are announced. `messages`: the input may be a conversation. `model_name` and
    `model_version`: the service can state what it serves. `other_versions`: it lists several versions of the model, and
    a request may name one. `own_ids`: a request may carry an `id` that its answer
    states. `echoes`: the text may begin with the prompt, on request. `text_tensors`: a tensor takes any text. `roles`:
    a stream states the role of the speaker. `seeds`: a `seed` is accepted. `chat_options`: `n`, `logprobs`, `tools` and
    `response_format` are accepted as in OpenAI's chat. `memory_gauges` and `connection_gauges`: the service's own page
    of metrics shows its memory, its connections or requests in flight (asked before a soak). `in_flight_gauge`: it
    states how many requests are in flight (asked where clients will leave). `kept_connections`: not each of its answers
    announces that the connection ends.
    """

    streaming: bool = False
    liveness: bool = False
    readiness: bool = False
    model_readiness: bool = False
    metadata: bool = False
    text: bool = False
    tensors: bool = False
    batches: bool = False
    messages: bool = False
    generates: bool = False
    embeds: bool = False
    sentences: bool = False
    categories: bool = False
    roles: bool = False
    seeds: bool = False
    chat_options: bool = False
    model_name: bool = True
    model_version: bool = False
    other_versions: bool = False
    own_ids: bool = False
    echoes: bool = False
    text_tensors: bool = False
    memory_gauges: bool = False
    connection_gauges: bool = False
    in_flight_gauge: bool = False
    kept_connections: bool = True

    @property
    def text_input(self) -> bool:
        """Whether any text can be put into a request."""
        return self.text or self.text_tensors

    @property
    def text_output(self) -> bool:
        """Whether an answer may hold text: vectors and scores repeat no words."""
        return self.generates or self.streaming or self.text_tensors

    def find_missing(self, needs: Sequence[str]) -> str | None:
        """The first needed capability that is False, or None. Raises `AttributeError` for an unknown name."""
        return next((name for name in needs if not getattr(self, name)), None)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the endpoint states about itself, read once before the plan; it can be written as JSON for the workers.

    `models` are the names of the served models, `version` is the version of the model, `versions` are those that a
    request may name. `inputs` is what the adapter needs to make a valid request (tensor names, shapes, datatypes, an
    example).
    """

    models: tuple[str, ...] = ()
    version: str | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    versions: tuple[str, ...] = ()

    @property
    def request_outputs(self) -> frozenset[str] | None:
        """The announced outputs that belong to a request and not to its rows; None: no output is announced.

        An output of each row has a shape whose first dimension is open, as that of a batched input.
        """
        inputs, outputs = (self.inputs.get(role) for role in ("inputs", "outputs"))
        if not isinstance(inputs, list) or not isinstance(outputs, list) or not any(map(_is_batched, inputs)):
            return None
        return frozenset(spec["name"] for spec in outputs if not _is_batched(spec))


def _is_batched(spec: Mapping[str, Any]) -> bool:
    return bool(spec["shape"]) and spec["shape"][0] < 0


@dataclass(frozen=True, slots=True)
class Recognition:
    """How sure an adapter is that an endpoint speaks its protocol: `score` from 0 (no) to 1 (sure), and the reason."""

    score: float
    reason: str
    facts: Facts = Facts()


class StreamDecoder(Protocol):
    """Decodes one streamed body, which arrives in pieces of any size."""

    def feed(self, data: bytes) -> list[StreamEvent]:
        """The events that these bytes complete. Raises `ProtocolError` for data that is not a valid event."""

    def close(self) -> list[StreamEvent]:
        """The remaining events, at the end of the body."""


@runtime_checkable
class Adapter(Protocol):
    """One wire protocol: encode a request, decode an answer, decode a stream. No IO, no state."""

    name: str
    title: str

    def capabilities(self, endpoint: Endpoint, facts: Facts) -> Capabilities:
        """What can be tested here: what the protocol can do, less what the endpoint itself rules out."""

    def probes(self, endpoint: Endpoint) -> Mapping[str, Request]:
        """Harmless GETs by role: any of `live`, `ready`, `model_ready`, `metadata`, `models`, and further names."""

    def recognise(self, endpoint: Endpoint, answers: Mapping[str, Response]) -> Recognition:
        """Judge by the answers to `probes` (without those that failed) whether the endpoint speaks this protocol."""

    def sample(self, endpoint: Endpoint, facts: Facts) -> Query:
        """One small valid query. If none can be made, raises `UsageError` with the setting that is needed."""

    def encode(self, endpoint: Endpoint, query: Query, facts: Facts) -> Request:
        """The request for a query. Raises `UsageError` for a query that the protocol cannot express."""

    def decode(self, endpoint: Endpoint, response: Response) -> Answer:
        """The answer in the complete body of a successful response. Raises `ProtocolError`."""

    def decoder(self, endpoint: Endpoint) -> StreamDecoder:
        """A new decoder for one streamed body."""

    def assemble(self, events: Sequence[StreamEvent]) -> Answer:
        """The answer that the events of a stream add up to; `complete` only if it ended as the protocol requires."""

    def bad_requests(self, endpoint: Endpoint, facts: Facts) -> Mapping[str, Request]:
        """Invalid requests by name; a service should refuse each with a clear 4xx, all in the same format."""

    def identity(self, answers: Mapping[str, Response]) -> tuple[str | None, str | None]:
        """The name and version of the model in the answers to `probes`; None for what they do not state."""


def make_sample(adapter: Adapter, endpoint: Endpoint, facts: Facts) -> Query:
    """The adapter's sample with the configured options in place of its own. Raises `UsageError` as `sample` does."""
    query = adapter.sample(endpoint, facts)
    return replace(query, options=merge_options(query.options, endpoint.options))


@runtime_checkable
class HealthReader(Protocol):
    """An adapter that has to read the body of a health answer, because a successful status may still mean "no"."""

    def find_denial(self, role: str, response: Response) -> str | None:
        """Why a successful answer to the probe of this role means "no"; None if it means "yes"."""
