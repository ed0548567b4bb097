"""The request of a chat completion: what is accepted, and a clear refusal of everything else.

A parameter that this service cannot honour is refused, never ignored; fields that OpenAI's API does not have are
ignored, as most servers do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from harness.reference import chat_shape
from harness.reference.api_error import ApiError
from harness.reference.request_body import convert, refuse
from harness.reference.settings import CHAT_MODEL
from harness.reference.text_model import CONTEXT, Message

_Zero = Annotated[float, Meta(ge=0, le=0)]
_Tokens = Annotated[int, Meta(ge=1, le=CONTEXT)]
_Stop = Annotated[str, Meta(min_length=1)]


class _TextPart(Struct):
    """A part of a message: this model reads text only."""

    type: Literal["text"]
    text: str


class _Function(Struct):
    name: str
    arguments: str


class _Call(Struct):
    """A call of a tool that the model made in an earlier message."""

    id: str
    function: _Function


class _Message(Struct):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | Annotated[list[_TextPart], Meta(min_length=1)] | None = None
    tool_calls: list[_Call] | None = None
    tool_call_id: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None


class StreamOptions(Struct):
    """What a stream is to have besides its pieces."""

    include_usage: bool | None = None


class _Body(Struct):
    """The parameters of the API. Those from `frequency_penalty` on are accepted only where they ask for nothing."""

    model: str
    messages: Annotated[list[_Message], Meta(min_length=1)]
    max_tokens: _Tokens | None = None
    max_completion_tokens: _Tokens | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    seed: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | None = None
    stop: _Stop | Annotated[list[_Stop], Meta(max_length=4)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Annotated[int, Meta(ge=1, le=4)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    tools: Annotated[list[chat_shape.Tool], Meta(max_length=128)] | None = None
    tool_choice: chat_shape.ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    response_format: chat_shape.ResponseFormat | None = None
    frequency_penalty: _Zero | None = None
    presence_penalty: _Zero | None = None
    logit_bias: Annotated[dict[str, Any], Meta(max_length=0)] | None = None
    functions: Annotated[list[Any], Meta(max_length=0)] | None = None
    function_call: Literal["none", "auto"] | None = None
    modalities: Annotated[list[Literal["text"]], Meta(min_length=1, max_length=1)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """A valid request.

    `max_tokens` None: as many as the context holds. `logprobs`: how many alternatives to each token's log-probability,
    None: no log-probabilities. `calls` are the tool calls to make, as (name, arguments), and `content` is the text to
    write, where the request asks for a shape. `shape` is what the model reads besides `messages`.
    """

    messages: tuple[Message, ...]
    max_tokens: int | None
    temperature: float
    top_p: float
    seed: int | None
    stop: tuple[str, ...]
    stream: bool
    include_usage: bool
    n: int
    logprobs: int | None
    calls: tuple[tuple[str, str], ...]
    content: str | None
    shape: tuple[Message, ...]


def parse_chat(given: Mapping[str, Any]) -> ChatRequest:
    """The request in a body. Raises `ApiError` 404 for another model, else 400 that names the parameter."""
    body = convert(given, _Body)
    if body.model != CHAT_MODEL:
        raise ApiError(404, "the model does not exist", "model_not_found", param="model")
    if body.stream_options and not body.stream:
        raise refuse("stream_options", "stream must be true")
    if body.top_logprobs and not body.logprobs:
        raise refuse("top_logprobs", "logprobs must be true")
    messages = tuple(_join_message(message, f"messages[{i}]") for i, message in enumerate(body.messages))
    several = body.parallel_tool_calls is not False
    return ChatRequest(
        messages=messages,
        max_tokens=body.max_completion_tokens or body.max_tokens,
        temperature=1.0 if body.temperature is None else body.temperature,
        top_p=1.0 if body.top_p is None else body.top_p,
        seed=None if body.seed is None else body.seed % 2**64,
        stop=(body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ()),
        stream=bool(body.stream),
        include_usage=body.stream_options is not None and bool(body.stream_options.include_usage),
        n=body.n or 1,
        logprobs=(body.top_logprobs or 0) if body.logprobs else None,
        calls=chat_shape.choose_calls(body.tools or [], body.tool_choice, *messages[-1], several=several),
        content=chat_shape.write_content(body.response_format),
        shape=tuple(chat_shape.list_shape_messages(given)),
    )


def _join_message(message: _Message, at: str) -> Message:
    """The role, and the text with the calls and the earlier reasoning in it."""
    calls = thoughts = ""
    if message.role == "assistant":
        thoughts = message.reasoning_content or message.reasoning or ""
        calls = "".join(call.function.name + call.function.arguments for call in message.tool_calls or ())
    if message.role == "tool" and message.tool_call_id is None:
        raise refuse(f"{at}.tool_call_id", "must be the id of the call that this message answers")
    content = message.content
    if isinstance(content, list):
        content = "".join(part.text for part in content)
    if content is None and not calls:
        raise refuse(f"{at}.content", "must be a text or an array of parts")
    return message.role, thoughts + (content or "") + calls
