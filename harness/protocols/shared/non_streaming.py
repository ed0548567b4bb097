"""What the protocols without streamed answers share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn

from harness.core.adapter import StreamDecoder
from harness.core.endpoint import Endpoint
from harness.core.errors import UsageError
from harness.core.exchange import Answer, Query, Response, StreamEvent


class NonStreaming:
    """A protocol whose answers come whole, and whose pages state neither a model's name nor its version."""

    name: str

    def refuse_stream(self, query: Query) -> None:
        """Raise `UsageError` for a query that asks for a stream."""
        if query.stream:
            self._no_stream()

    def decoder(self, endpoint: Endpoint) -> StreamDecoder:
        """Raises `UsageError`: there is no stream in this protocol."""
        self._no_stream()

    def assemble(self, events: Sequence[StreamEvent]) -> Answer:
        """Raises `UsageError`: there is no stream in this protocol."""
        self._no_stream()

    def identity(self, answers: Mapping[str, Response]) -> tuple[str | None, str | None]:
        """Nothing: no page states them."""
        return None, None

    def _no_stream(self) -> NoReturn:
        raise UsageError(f"{self.name} has no streamed answers; use a protocol that streams, such as openai_chat")
