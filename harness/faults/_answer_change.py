"""What a fault does to the answer of one request: the interface that a fault file on HTTP fills in.

A fault file derives a class from `AnswerChange`, overrides the one or two methods that it needs, and offers
`FAULT = define_http_fault(...)` (harness/faults/_http_stage.py). One object is made for each request that is struck.

Tested in tests/faults/test_http_faults.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, ClassVar, Generic, Literal, TypeVar

import msgspec

from harness.core.fault_stage import Close, count_no_wait
from harness.core.http1 import MessageHead, MessagePart
from harness.core.http_request import HttpParameters, HttpRequest
from harness.core.stream_events import Event

_STREAMS = ("text/event-stream", "application/x-ndjson", "application/ndjson", "application/jsonl")
_ENCODINGS = ("", "identity", "gzip", "x-gzip", "deflate")
_OTHER_STATUSES = {529: "Overloaded"}

MOST_KEPT_BACK = 8 << 20
"""Bytes of an answer that are kept back at most; a longer one passes as it is."""

_LENIENT_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)
_DECODER, _ENCODER = msgspec.json.Decoder(), msgspec.json.Encoder()

_Parameters = TypeVar("_Parameters", bound=HttpParameters)


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing more of the connection leaves for some seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Await:
    """Nothing more leaves until `poll` gives bytes, which leave then. It is asked often, and with True at the last."""

    poll: Callable[[bool], bytes | None]
    seconds: float


Item = bytes | Pause | Await | Close
"""What leaves in order: bytes of the body, a pause, bytes that come later, or the end of the connection."""


@dataclass(slots=True)
class StruckRequest(Generic[_Parameters]):
    """The request that is struck, the head of its true answer, and what the stage lends to the fault.

    `memory` is common to all connections of the fault. `draw_uniform` draws from [0, 1). `now` is the link's clock;
    `record_wait` is that of `StageContext`.
    """

    parameters: _Parameters
    request: HttpRequest
    head: MessageHead
    draw_uniform: Callable[[], float]
    note_effect: Callable[[int], None]
    memory: dict[Any, Any] = field(default_factory=dict)
    now: float = 0.0
    record_wait: Callable[[bool], None] = count_no_wait

    @property
    def status(self) -> int:
        """The status of the true answer."""
        return int(self.head.start[1])

    def find_media(self) -> Literal["stream", "json", "other"]:
        """What the true answer carries, if it was a success with a body."""
        status = self.status
        if not 200 <= status < 300 or status == 204 or self.request.method == "HEAD":
            return "other"
        if self.head.read_header("content-encoding").lower() not in _ENCODINGS:
            return "other"
        media = self.head.read_header("content-type").lower().partition(";")[0].strip()
        if media in _STREAMS:
            return "stream"
        return "json" if media == "application/json" or media.endswith("+json") else "other"


class AnswerChange(Generic[_Parameters]):
    """Leaves the answer as it is. Override one of the methods.

    `media` are the answers that the fault can strike: `any`, `json` (a whole body), `stream` (events), or `text`
    (both). `keeps_length`: the bytes that leave are those that came, or fewer. `needs_request_body` and `remembers`
    ask for the body of requests and for all answers, struck or not. `rewrites`: as in `FaultKind`. `change_json` is
    only asked about JSON in which `fields` occurs (None: about any); `writes_nan`: it may put NaN and the like into it.
    """

    media: ClassVar[Literal["any", "json", "stream", "text"]] = "any"
    keeps_length: ClassVar[bool] = False
    needs_request_body: ClassVar[bool] = False
    remembers: ClassVar[bool] = False
    rewrites: ClassVar[bool] = True
    fields: ClassVar[re.Pattern[bytes] | None] = None
    writes_nan: ClassVar[bool] = False

    @classmethod
    def meet(cls, request: HttpRequest, memory: dict[Any, Any]) -> None:
        """A request has come; its answer has not."""

    def __init__(self, struck: StruckRequest[_Parameters]) -> None:
        self.struck = struck
        self.parameters = struck.parameters
        self.index = 0
        """Events of the stream so far."""
        self.kept = 0
        """Bytes that the fault itself keeps back; over `MOST_KEPT_BACK` it must not go."""

    @property
    def media_type(self) -> str:
        """The content type of the true answer, in lower case."""
        return self.struck.head.read_header("content-type").lower()

    def note_effect(self, size: int = 0) -> None:
        """Must be called when something is delayed, changed or dropped, with its bytes: the proof."""
        self.struck.note_effect(size)

    def replace_answer(self) -> bytes | None:
        """A whole answer, head and body, in place of the true one, which nobody sees; None keeps the true one."""
        return None

    def pass_wire(self, part: MessagePart, raw: bytes) -> Iterable[Item]:
        """What leaves for a piece of an answer as it arrives (`media` any): no byte may change, only pauses come."""
        return (raw,)

    def rewrite_body(self, body: bytes) -> bytes | None:
        """Another body for a whole one; None keeps it. By default, `change_json` of it."""
        changed = self.rewrite_json(body)
        if changed is not None:
            self.note_effect(len(body))
        return changed

    def rewrite_json(self, data: bytes) -> bytes | None:
        """The JSON with what `change_json` makes of it; None where that changes nothing, and for what is no JSON."""
        if self.fields is not None and not self.fields.search(data):
            return None
        is_strict = not self.writes_nan
        try:
            value = _DECODER.decode(data)
        except (msgspec.MsgspecError, RecursionError):  # NaN, half of a surrogate pair, and such
            value, is_strict = _load_json(data), False
        if value is None or not self.change_json(value):
            return None
        return _ENCODER.encode(value) if is_strict else encode_json(value)

    def change_json(self, value: Any) -> bool:
        """Change a body or the data of an event in place; whether anything has changed."""
        return False

    def rewrite_block(self, block: Event) -> Iterable[Item]:
        """What leaves for an event or a comment of a stream."""
        if block.data is None:
            return (block.raw,)
        self.index += 1
        return self.rewrite_event(self.index - 1, block)

    def rewrite_event(self, index: int, event: Event) -> Iterable[Item]:
        """What leaves for the event of this number, from 0. By default, the event with `change_json` of its data."""
        changed = self.rewrite_json(event.data or b"null")
        if changed is None:
            return (event.raw,)
        self.note_effect(len(event.raw))
        return (event.replace_data(changed),)

    def finish(self) -> Iterable[Item]:
        """What is kept back of a stream, at its end."""
        return ()

    def release(self) -> bytes:
        """What is kept back when the answer ends or the fault is lifted in its middle."""
        return b"".join(item for item in self.finish() if isinstance(item, bytes))

    def remember(self, answer: bytes) -> None:
        """See the bytes of a whole answer that has passed, head and body."""


def write_answer(
    struck: StruckRequest[Any], status: int, body: bytes, headers: Sequence[tuple[str, str]] = (), media: str = ""
) -> bytes:
    """An answer with a length. Without `media` it is JSON; the connection ends where the true answer ends it."""
    try:
        reason = HTTPStatus(status).phrase
    except ValueError:
        reason = _OTHER_STATUSES.get(status, "Fault")
    rows = [("content-type", media or "application/json"), ("content-length", str(len(body))), *headers]
    for name in ("date", "connection"):
        if value := struck.head.read_header(name):
            rows.append((name, value))
    lines = "".join(f"{name}: {value}\r\n" for name, value in rows)
    head = f"HTTP/1.1 {status} {reason}\r\n{lines}\r\n".encode("latin-1")
    return head if struck.request.method == "HEAD" else head + body


def encode_json(value: Any) -> bytes:
    """A value as compact JSON; one that no JSON has, too (NaN, half of a surrogate pair)."""
    return _LENIENT_ENCODER.encode(value).encode("utf-8", "surrogatepass")


def _load_json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
