"""Exchange: one request and its answer, with its times and its error class.

Times are seconds on one monotonic clock whose zero is the start of the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from harness.core.errors import ErrorClass

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked, apart from any protocol.

    `inputs` is a prompt (str) or rows of numbers (nested lists). `options` go into the request as the protocol names
    them (`max_tokens`, `temperature`, `seed`, `stop`, ...).
    """

    inputs: Any
    stream: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request before the endpoint's URL, credentials and deadlines are added; `path` starts with a slash."""

    method: str
    path: str
    headers: Headers = ()
    body: bytes = b""
    stream: bool = False


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP answer as far as it came. Header names are lower-case; `body` is decoded from its content encoding."""

    status: int
    headers: Headers = ()
    body: bytes = b""
    http_version: str = "HTTP/1.1"

    def header(self, name: str) -> str | None:
        """The first value of a header line, or None."""
        lowered = name.lower()
        for key, value in self.headers:
            if key == lowered:
                return value
        return None

    @property
    def content_type(self) -> str:
        """The media type without parameters, lower-case; empty when there is none."""
        return (self.header("content-type") or "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Timing:
    """When things happened, in seconds from the start of the run; None: it never did.

    `intended` is when the schedule wanted the request sent; `tokens` holds the time of every event that brought
    generated content, so TTFT counts from content and not from the first event.
    """

    intended: float
    sent: float | None = None
    first_byte: float | None = None
    tokens: tuple[float, ...] = ()
    done: float | None = None

    @property
    def latency(self) -> float | None:
        """Seconds from the intended send to the end of the answer (no coordinated omission)."""
        return None if self.done is None else self.done - self.intended

    @property
    def service_time(self) -> float | None:
        """Seconds from the actual send to the end of the answer."""
        return None if self.done is None or self.sent is None else self.done - self.sent

    @property
    def ttft(self) -> float | None:
        """Time to first token: seconds from the intended send to the first content."""
        return self.tokens[0] - self.intended if self.tokens else None

    @property
    def inter_token(self) -> tuple[float, ...]:
        """Inter-token latencies: seconds between consecutive content events."""
        return tuple(b - a for a, b in zip(self.tokens, self.tokens[1:], strict=False))


class EventKind(StrEnum):
    """What one event of a streamed answer brings."""

    ROLE = "role"
    DELTA = "delta"
    TOOL_CALL = "tool_call"
    LOGPROBS = "logprobs"
    FINISH = "finish"
    USAGE = "usage"
    ERROR = "error"
    DONE = "done"
    OTHER = "other"


@dataclass(slots=True, unsafe_hash=True)  # frozen, making one would cost more than all of its decoding
class StreamEvent:
    """One event of a streamed answer: `text` of a delta, `value` of anything else; `index` is the choice's.

    Never changed once it is made.

    Of a TOOL_CALL `value` is the pair of the call's number (None: not stated) and the piece of it (`ToolCall`); of
    LOGPROBS it is a tuple of `TokenLogprob`.
    """

    kind: EventKind
    text: str = ""
    value: Any = None
    index: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts as the service states them; None: not stated."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that the model asks for: `arguments` is the text it wrote, which should be a JSON object."""

    id: str | None = None
    name: str = ""
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """One generated token and the natural logarithm of its probability.

    `top` holds the likeliest tokens of its place with theirs; `data` the token's bytes, where they are stated: a token
    may be a part of a character, and then its text is not its own.
    """

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()
    data: bytes | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the texts generated for a request; `finish_reason` None: it never came to its end."""

    index: int = 0
    text: str = ""
    finish_reason: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """A decoded answer.

    `text` is generated text, `outputs` named arrays (nested lists of numbers, booleans or strings), `value` the whole
    parsed body. `complete` says that the answer came to its proper end; `model` and `version` are what the service
    says it served. `choices` holds all generated texts with what belongs to each; `text` and `finish_reason` are those
    of the choice with index 0.
    """

    text: str | None = None
    outputs: Mapping[str, Any] = field(default_factory=dict)
    value: Any = None
    model: str | None = None
    version: str | None = None
    finish_reason: str | None = None
    usage: Usage | None = None
    complete: bool = True
    choices: tuple[Choice, ...] = ()

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The calls of the first choice."""
        return self.choices[0].tool_calls if self.choices else ()

    @property
    def logprobs(self) -> tuple[TokenLogprob, ...]:
        """The log-probabilities of the first choice's tokens."""
        return self.choices[0].logprobs if self.choices else ()


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer. A success has `error` None; `detail` says in words what went wrong."""

    request: Request
    timing: Timing
    response: Response | None = None
    answer: Answer | None = None
    events: tuple[StreamEvent, ...] = ()
    error: ErrorClass | None = None
    detail: str = ""

    @property
    def ok(self) -> bool:
        """Transport ok, status ok, complete and valid (DESIGN rule 9, without the oracle)."""
        return self.error is None

    @property
    def status(self) -> int | None:
        """The HTTP status, or None when no answer came."""
        return self.response.status if self.response else None

    @property
    def generated_tokens(self) -> int:
        """Tokens the answer cost: as the service states, else the number of content events."""
        stated = self.answer.usage.completion_tokens if self.answer and self.answer.usage else None
        return stated if stated is not None else len(self.timing.tokens)
