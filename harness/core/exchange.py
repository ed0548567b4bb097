"""Exchange: one request and its answer, with its times and its error class.

Times are in seconds on one monotonic clock that is zero at the start of the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import Any, Literal

from harness.core.errors import ErrorClass

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Query:
    """A question to the service, independent of the protocol.

    `inputs` is a prompt (str) or rows of numbers (nested lists). `options` (`max_tokens`, `temperature`, `seed`,
    `stop`, ...) are put into the request under the names of the protocol.
    """

    inputs: Any
    stream: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request without the URL, credentials and deadlines of the endpoint; `path` starts with a slash."""

    method: str
    path: str
    headers: Headers = ()
    body: bytes = b""
    stream: bool = False


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response as far as it arrived. Header names are lower-case; the content encoding of `body` is undone."""

    status: int
    headers: Headers = ()
    body: bytes = b""
    http_version: str = "HTTP/1.1"

    def header(self, name: str) -> str | None:
        """The value of the first header line of this name, or None."""
        lowered = name.lower()
        for key, value in self.headers:
            if key == lowered:
                return value
        return None

    @property
    def keeps_connection(self) -> bool:
        """Whether it declares that the connection may carry another request (RFC 9112 section 9.3)."""
        declared = (self.header("connection") or "").lower()
        return "close" not in declared if self.http_version == "HTTP/1.1" else "keep-alive" in declared

    @property
    def content_type(self) -> str:
        """The media type in lower case without parameters; empty if there is none."""
        return (self.header("content-type") or "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Timing:
    """When things happened, in seconds from the start of the run; None: it did not happen.

    `intended` is when the request was scheduled to be sent. `tokens` are the times of the events with generated
    content (text, reasoning or a piece of a tool call): the first of them defines TTFT, not the first event. `output`
    is when the first text or piece of a tool call came, after any reasoning.
    """

    intended: float
    sent: float | None = None
    first_byte: float | None = None
    tokens: tuple[float, ...] = ()
    done: float | None = None
    output: float | None = None

    @property
    def latency(self) -> float | None:
        """Seconds from the scheduled time of sending to the end of the answer (no coordinated omission)."""
        return None if self.done is None else self.done - self.intended

    @property
    def service_time(self) -> float | None:
        """Seconds from the actual time of sending to the end of the answer."""
        return None if self.done is None or self.sent is None else self.done - self.sent

    @property
    def ttft(self) -> float | None:
        """Time to first token: seconds from the scheduled time of sending to the first content."""
        return self.tokens[0] - self.intended if self.tokens else None

    @property
    def ttfot(self) -> float | None:
        """Time to first output token: as TTFT, to the first content after what the model thinks."""
        return None if self.output is None else self.output - self.intended

    @property
    def inter_token(self) -> tuple[float, ...]:
        """Inter-token latencies: seconds between consecutive content events."""
        return tuple([b - a for a, b in pairwise(self.tokens)])


class EventKind(StrEnum):
    """What one event of a streamed answer contains."""

    ROLE = "role"
    DELTA = "delta"
    REASONING = "reasoning"
    TOOL_CALL = "tool_call"
    LOGPROBS = "logprobs"
    FINISH = "finish"
    USAGE = "usage"
    ERROR = "error"
    DONE = "done"
    OTHER = "other"


@dataclass(slots=True, unsafe_hash=True)  # if it were frozen, creating it would take longer than decoding it
class StreamEvent:
    """One event of a streamed answer: `text` for a delta or reasoning, else `value`; `index` is that of the choice.

    It must not be changed after it was created.

    For TOOL_CALL, `value` is a pair: the number of the call (None: not stated) and a piece of it (`ToolCall`). For
    LOGPROBS it is a tuple of `TokenLogprob`.
    """

    kind: EventKind
    text: str = ""
    value: Any = None
    index: int = 0

    @property
    def is_output(self) -> bool:
        """Whether it holds generated text, or a piece of a tool call, which is no reasoning."""
        if self.kind is EventKind.DELTA:
            return bool(self.text)
        return self.kind is EventKind.TOOL_CALL

    @property
    def is_generated(self) -> bool:
        """Whether it holds anything that the model generated: text, reasoning or a piece of a tool call."""
        return self.is_output or (self.kind is EventKind.REASONING and bool(self.text))


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts as stated by the service; None: not stated. `reasoning_tokens` are those spent on thinking.

    `cached_tokens` of the prompt came from the prefix cache: two answers to one request may differ in them.
    """

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    reasoning_tokens: int | None = None
    cached_tokens: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool call of the model: `arguments` is the text that it generated, which should be a JSON object."""

    id: str | None = None
    name: str = ""
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """One generated token and the natural logarithm of its probability.

    `top` are the most probable tokens at this position with their logarithms. `data` are the bytes of the token, if
    stated: if a token is only a part of a character, the text does not identify it.
    """

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()
    data: bytes | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the texts generated for a request; `finish_reason` None: the text was cut off.

    `reasoning` is what the model thought before its text. `thinks_inline`: it came inside the text, between tags like
    `<think>`, and was separated from it.
    """

    index: int = 0
    text: str = ""
    finish_reason: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    reasoning: str = ""
    thinks_inline: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """A decoded answer.

    `text` is generated text, `outputs` are named arrays (nested lists of numbers, booleans or strings), `value` is the
    whole parsed body. `complete` means that the answer ended as its protocol requires. `model` and `version` are those
    that the service states. `choices` are all generated texts; `text` and `finish_reason` are those of the choice with
    index 0. `request_outputs` names the outputs that are announced to belong to the request and not to its rows; None:
    nothing is announced.
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
    request_outputs: frozenset[str] | None = None

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tool calls of the first choice."""
        return self.choices[0].tool_calls if self.choices else ()

    @property
    def logprobs(self) -> tuple[TokenLogprob, ...]:
        """The log-probabilities of the first choice's tokens."""
        return self.choices[0].logprobs if self.choices else ()

    @property
    def reasoning(self) -> str:
        """What the model thought before the text of its first choice."""
        return self.choices[0].reasoning if self.choices else ""

    @property
    def thinks_inline(self) -> bool:
        """Whether the reasoning was separated from the text of the first choice."""
        return bool(self.choices) and self.choices[0].thinks_inline

    @property
    def arrays(self) -> dict[str, list[Any]]:
        """The outputs that are lists, by name."""
        return {name: value for name, value in self.outputs.items() if isinstance(value, list)}

    @property
    def row_outputs(self) -> dict[str, Any]:
        """The outputs that may have an entry for each row."""
        outside = self.request_outputs or ()
        return {name: value for name, value in self.outputs.items() if name not in outside}

    @property
    def content(self) -> Any:
        """What another answer to the same request is compared with: the text, or the outputs; None if it is empty.

        Single numbers beside arrays (times, counters) belong to the request and not to the answer: they are left out.
        """
        if self.text is not None:
            return self.text or None
        content = self.arrays or dict(self.outputs)
        return content if any(map(_has_element, content.values())) else None


def _has_element(value: Any) -> bool:
    return any(map(_has_element, value)) if isinstance(value, list) else True


Authorization = Literal["own", "other", "wrong", "respelt", "none"]
"""The credential that a request carried: the endpoint's own, another caller's, a wrong one, or none."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer. `error` is None for a success; otherwise `detail` says what went wrong.

    `authorization` says which credential the request carried.
    """

    request: Request
    timing: Timing
    response: Response | None = None
    answer: Answer | None = None
    events: tuple[StreamEvent, ...] = ()
    error: ErrorClass | None = None
    detail: str = ""
    authorization: Authorization = "own"

    @property
    def ok(self) -> bool:
        """Whether transport and status are a success and the answer is complete and valid (DESIGN, rule 9)."""
        return self.error is None

    @property
    def status(self) -> int | None:
        """The HTTP status, or None without a response."""
        return self.response.status if self.response else None

    @property
    def outcome(self) -> str:
        """How it ended, in a few words: `answered 200`, `HTTP 503 Service Unavailable`, `first byte timeout: …`."""
        if self.error is None:
            return f"answered {self.status}"
        if self.error is ErrorClass.STATUS and self.detail:
            return self.detail
        return f"{self.error.replace('_', ' ')}: {self.detail}"

    @property
    def text(self) -> str:
        """The generated text; empty if there is none."""
        return (self.answer.text if self.answer else None) or ""

    @property
    def content(self) -> Any:
        """The content of its answer; None if there is no answer, or an empty one."""
        return self.answer.content if self.answer else None

    @property
    def generated_tokens(self) -> int:
        """The number of generated tokens: as stated by the service, otherwise the number of events with content."""
        stated = self.answer.usage.completion_tokens if self.answer and self.answer.usage else None
        return stated if stated is not None else len(self.timing.tokens)

    @property
    def streamed_tokens(self) -> int | None:
        """The tokens that the service states for what it streamed, without hidden reasoning; None: not stated."""
        usage = self.answer.usage if self.answer else None
        if usage is None or usage.completion_tokens is None:
            return None
        timing = self.timing
        shows_reasoning = bool(timing.tokens) and timing.output != timing.tokens[0]
        hidden = 0 if shows_reasoning else usage.reasoning_tokens or 0
        return max(0, usage.completion_tokens - hidden)

    @property
    def tpot(self) -> float | None:
        """Time per output token in seconds: (last - first) / (tokens - 1); None where a chunk or token is missing."""
        stamps, tokens = self.timing.tokens, self.streamed_tokens
        if tokens is None or tokens < 2 or len(stamps) < 2:
            return None
        return (stamps[-1] - stamps[0]) / (tokens - 1)
