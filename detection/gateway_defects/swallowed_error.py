"""A stream that breaks is ended with a finish reason and the terminator, as if it were whole (litellm#33404)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from detection.gateway_defect import INTACT, GatewayDefect, RestChanging
from harness.reference.breaker import Failure
from harness.reference.forwarding import UpstreamAnswer, UpstreamCall
from harness.reference.settings import CHAT_MODEL

_CHOICE = {"index": 0, "delta": {}, "finish_reason": "stop"}
_HEAD = {"id": "chatcmpl-0", "object": "chat.completion.chunk", "created": 1, "model": CHAT_MODEL}
_END = b"data: %s\n\ndata: [DONE]\n\n" % json.dumps({**_HEAD, "choices": [_CHOICE]}).encode()


class SwallowingGateway(RestChanging):
    """Ends a stream that breaks as if it were whole."""

    async def change_rest(
        self, call: UpstreamCall, answer: UpstreamAnswer, rest: AsyncIterator[bytes]
    ) -> AsyncIterator[bytes]:
        """The rest, and where it breaks, an end."""
        try:
            async for events in rest:
                yield events
        except Failure:
            yield _END


DEFECT = GatewayDefect(
    title="a stream that breaks is ended as if it were whole",
    gateway=SwallowingGateway,
    experiment="streams_cut",
    caught_by=INTACT,
    words="end is missing",
)
