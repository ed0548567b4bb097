"""A fast decoder for the common chunk of a streamed chat: msgspec checks its types while it parses.

It decodes events of one `data:` line whose JSON has only the usual members and contains a role, thinking, a text or a
finish reason. The result is the same as that of the strict decoder (`chat_stream`). Everything else is left to the
strict decoder, which explains what is wrong. No member is ignored, and the types limit the depth.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from harness.core.exchange import EventKind, StreamEvent

_PREFIX = b"data: {"
_LONGEST = 2**16
"""Longer events, in bytes, are left to the strict decoder, which enforces the limits."""

_Scalar = bool | int | float | str | None


class _Delta(Struct, forbid_unknown_fields=True, gc=False):
    content: str | None = None
    role: str | None = None
    refusal: None = None
    tool_calls: None = None
    function_call: None = None
    reasoning_content: str | None = None
    reasoning: str | None = None


class _Choice(Struct, forbid_unknown_fields=True, gc=False):
    delta: _Delta
    index: Annotated[int, Meta(ge=0)] = 0
    finish_reason: str | None = None
    logprobs: None = None
    stop_reason: _Scalar = None


class _Chunk(Struct, forbid_unknown_fields=True, gc=False):
    choices: Annotated[list[_Choice], Meta(min_length=1)]
    model: str | None = None
    id: _Scalar = None
    object: _Scalar = None
    created: _Scalar = None
    usage: None = None
    error: None = None
    system_fingerprint: _Scalar = None
    service_tier: _Scalar = None
    obfuscation: _Scalar = None


_decode = msgspec.json.Decoder(_Chunk).decode
_UNREADABLE = (msgspec.MsgspecError, UnicodeError, RecursionError)
_LF = 10
_DELTA, _REASONING, _ROLE, _FINISH = EventKind.DELTA, EventKind.REASONING, EventKind.ROLE, EventKind.FINISH


def read_common_chunk(part: bytes, model: str | None, events: list[StreamEvent]) -> bool:
    """Append what an event of the common form contains to `events`; False for other events, and nothing is appended.

    `part` is the event without the blank line at its end; its line ends are LF. `model` is the name of the model so
    far, which must not change.
    """
    if part[:7] != _PREFIX or len(part) > _LONGEST or _LF in part:
        return False
    try:
        chunk = _decode(part[6:])
    except _UNREADABLE:
        return False
    if chunk.model != model and chunk.model is not None:
        return False
    count = len(events)
    for choice in chunk.choices:
        delta = choice.delta
        if delta.role:
            events.append(StreamEvent(_ROLE, "", delta.role, choice.index))
        if reasoning := delta.reasoning_content or delta.reasoning:
            events.append(StreamEvent(_REASONING, reasoning, None, choice.index))
        if delta.content:
            events.append(StreamEvent(_DELTA, delta.content, None, choice.index))
        if choice.finish_reason:
            events.append(StreamEvent(_FINISH, "", choice.finish_reason, choice.index))
    return len(events) > count
