"""Without an upstream, a canned apology is the answer, with status 200 and a finish reason like every other one."""

from __future__ import annotations

import json

from detection.gateway_defect import INTACT, GatewayDefect, is_stream_call
from harness.reference.api_error import ApiError
from harness.reference.forwarding import UpstreamAnswer, UpstreamCall
from harness.reference.hardened import Hardened
from harness.reference.settings import CHAT_MODEL
from harness.reference.upstream import Upstream

_CHOICE = {
    "index": 0,
    "message": {"role": "assistant", "content": "Sorry, I cannot help with that right now."},
    "finish_reason": "stop",
    "logprobs": None,
}
_USAGE = {"prompt_tokens": 9, "completion_tokens": 8, "total_tokens": 17}
_HEAD = {"id": "chatcmpl-0", "object": "chat.completion", "created": 1, "model": CHAT_MODEL}
_BODY = json.dumps({**_HEAD, "choices": [_CHOICE], "usage": _USAGE}).encode()


async def _close() -> None:
    """Nothing is open."""


class _Gateway(Hardened):
    async def _ask_upstreams(self, call: UpstreamCall) -> tuple[Upstream, UpstreamAnswer]:
        try:
            return await super()._ask_upstreams(call)
        except ApiError:
            if is_stream_call(call) or not call.path.endswith("/completions"):
                raise
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(_BODY)).encode())]
        return self.upstreams[0], UpstreamAnswer(200, headers, _BODY, None, _close)


DEFECT = GatewayDefect(
    title="without an upstream, a canned apology is answered as a success",
    gateway=_Gateway,
    experiment="both_down",
    caught_by=INTACT,
    words="were wrong",
)
