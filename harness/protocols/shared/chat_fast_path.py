"""A fast decoder for the common chunk of a streamed chat: msgspec checks its types while it parses.

It decodes events of one `data:` line whose JSON has only the usual members and contains a role, thinking, a text, a
finish reason or token counts, and the event that ends a stream. The result is the same as that of the strict decoder
(`chat_stream`). Everything else is left to the strict decoder, which explains what is wrong. No member is ignored, and
the types limit the depth.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from harness.core.errors import ProtocolError
from harness.core.exchange import EventKind, StreamEvent
from harness.protocols.shared.chat_parts import make_model_event, parse_usage

_PREFIX, _LAST = b"data: {", b"data: [DONE]"
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
    choices: list[_Choice]
    model: str | None = None
    id: _Scalar = None
    object: _Scalar = None
    created: _Scalar = None
    usage: dict[str, int | dict[str, int | None] | None] | None = None
    error: None = None
    system_fingerprint: _Scalar = None
    service_tier: _Scalar = None
    obfuscation: _Scalar = None


_decode = msgspec.json.Decoder(_Chunk).decode
_UNREADABLE = (msgspec.MsgspecError, ProtocolError, UnicodeError, RecursionError)
_LF = 10
_DELTA, _REASONING, _ROLE, _FINISH = EventKind.DELTA, EventKind.REASONING, EventKind.ROLE, EventKind.FINISH


def read_common_chunk(part: bytes, model: str | None, events: list[StreamEvent]) -> bool:
    """Append what an event of the common form contains to `events`; False for other events, and nothing is appended.

    `part` is the event without the blank line at its end; its line ends are LF. `model` is the name of the model so
    far; a chunk with another one begins with the event that states it.
    """
    if part == _LAST:
        events.append(StreamEvent(EventKind.DONE))
        return True
    if part[:7] != _PREFIX or len(part) > _LONGEST or _LF in part:
        return False
    try:
        chunk = _decode(part[6:])
        usage = None if chunk.usage is None else parse_usage(chunk.usage, "usage")
    except _UNREADABLE:
        return False
    count = len(events)
    if chunk.model != model and chunk.model is not None:
        events.append(make_model_event(chunk.model))
    for choice in chunk.choices:
        _append_choice(choice, events)
    if usage is not None:
        events.append(StreamEvent(EventKind.USAGE, value=usage))
    return len(events) > count


def _append_choice(choice: _Choice, events: list[StreamEvent]) -> None:
    delta = choice.delta
    if delta.role:
        events.append(StreamEvent(_ROLE, "", delta.role, choice.index))
    if reasoning := delta.reasoning_content or delta.reasoning:
        events.append(StreamEvent(_REASONING, reasoning, None, choice.index))
    if delta.content:
        events.append(StreamEvent(_DELTA, delta.content, None, choice.index))
    if choice.finish_reason:
        events.append(StreamEvent(_FINISH, "", choice.finish_reason, choice.index))
