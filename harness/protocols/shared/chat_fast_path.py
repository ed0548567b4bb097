"""The common chunk of a streamed chat, read quickly: msgspec checks its types as it parses.

Taken is an event of one `data:` line whose JSON has none but the usual members, and which brings a role, a text or a
finish reason. It gives what the strict way (`_chatstream`) gives; anything else is left to that way, which says what is
wrong. No member is skipped unread, and the types bound the depth.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from harness.core.exchange import EventKind, StreamEvent

_PREFIX = b"data: {"
_LONGEST = 2**16
"""Bytes of an event over which the strict way keeps the limits."""

_Scalar = bool | int | float | str | None


class _Delta(Struct, forbid_unknown_fields=True, gc=False):
    content: str | None = None
    role: str | None = None
    refusal: None = None
    tool_calls: None = None
    function_call: None = None
    reasoning_content: None = None
    reasoning: None = None


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
_DELTA, _ROLE, _FINISH = EventKind.DELTA, EventKind.ROLE, EventKind.FINISH


def read_common_chunk(part: bytes, model: str | None, events: list[StreamEvent]) -> bool:
    """Add what an event of the common form brings; False, and nothing is added, for one of another form.

    `part` is the event without the blank line that ended it, of LF alone; `model` is the name told last, which must not
    change.
    """
    if part[:7] != _PREFIX or len(part) > _LONGEST or _LF in part:
        return False
    try:
        chunk = _decode(part[6:])
    except _UNREADABLE:
        return False
    if chunk.model != model and chunk.model is not None:
        return False
    brought = len(events)
    for choice in chunk.choices:
        delta = choice.delta
        if delta.role:
            events.append(StreamEvent(_ROLE, "", delta.role, choice.index))
        if delta.content:
            events.append(StreamEvent(_DELTA, delta.content, None, choice.index))
        if choice.finish_reason:
            events.append(StreamEvent(_FINISH, "", choice.finish_reason, choice.index))
    return len(events) > brought
