"""The base of protocols without streamed answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn

from harness.core.adapter import StreamDecoder
from harness.core.endpoint import Endpoint
from harness.core.errors import UsageError
from harness.core.exchange import Answer, Query, Response, StreamEvent


class NonStreaming:
    """A protocol without streamed answers, whose pages state neither the name of the model nor its version."""

    name: str

    def refuse_stream(self, query: Query) -> None:
        """Raise `UsageError` if the query asks for a stream."""
        if query.stream:
            self._raise_no_stream()

    def decoder(self, endpoint: Endpoint) -> StreamDecoder:
        """Raises `UsageError`: this protocol has no streams."""
        self._raise_no_stream()

    def assemble(self, events: Sequence[StreamEvent]) -> Answer:
        """Raises `UsageError`: this protocol has no streams."""
        self._raise_no_stream()

    def identity(self, answers: Mapping[str, Response]) -> tuple[str | None, str | None]:
        """No name and no version."""
        return None, None

    def _raise_no_stream(self) -> NoReturn:
        raise UsageError(f"{self.name} has no streamed answers; use a protocol that streams, such as openai_chat")
