"""The request of a chat completion: what is accepted, and a clear refusal of all else.

A parameter that this service cannot honour is refused, never passed over in silence; fields that OpenAI's API does not
have are ignored, as most servers do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.reference.api_error import ApiError
from harness.reference.chat_shape import calls, content, flag, refusal, shown
from harness.reference.request_body import kind_of
from harness.reference.settings import CHAT_MODEL
from harness.reference.text_model import CONTEXT, Message

_ROLES = ("system", "developer", "user", "assistant", "tool")
_MOST_STOPS = 4
_MOST_CHOICES = 4
_MOST_LOGPROBS = 20
_NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "logit_bias": ({},),
    "functions": ([],),
    "function_call": ("none", "auto"),
    "modalities": (["text"],),
}
"""Parameters of the API that are understood, and the values of each that ask for nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """A valid request.

    `max_tokens` None: as many as the context holds. `logprobs`: how many alternatives to each token's log-probability,
    None: no log-probabilities. `calls` are the tool calls to make, as (name, arguments), and `content` is the text to
    write, where the request asks for a shape. `shown` is what the model reads besides `messages`.
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
    shown: tuple[Message, ...]


def parse_chat(body: Mapping[str, Any]) -> ChatRequest:
    """The request in a body. Raises `ApiError` 404 for another model, else 400 that names the parameter."""
    model = body.get("model")
    if not isinstance(model, str):
        raise refusal("model", f"must be a string, the name of a model, not {kind_of(model)}")
    if model != CHAT_MODEL:
        raise ApiError(404, "the model does not exist", "model_not_found", param="model")
    for name, neutral in _NEUTRAL.items():
        value = body.get(name)
        if value is not None and not any(_same(value, each) for each in neutral):
            raise refusal(name, "asks for what this service does not offer", "unsupported_value")
    stream = flag(body, "stream")
    messages = _messages(body.get("messages"))
    options = body.get("stream_options")
    if options is not None and (not stream or not isinstance(options, dict)):
        raise refusal("stream_options", "must be an object, and stream must be true")
    return ChatRequest(
        messages=messages,
        max_tokens=_max_tokens(body),
        temperature=_number(body, "temperature", 0.0, 2.0),
        top_p=_number(body, "top_p", 0.0, 1.0),
        seed=_seed(body.get("seed")),
        stop=_stop(body.get("stop")),
        stream=stream,
        include_usage=flag(options or {}, "include_usage"),
        n=_count(body, "n", 1, _MOST_CHOICES) or 1,
        logprobs=_logprobs(body),
        calls=calls(body, *messages[-1]),
        content=content(body),
        shown=tuple(shown(body)),
    )


def _same(given: Any, neutral: Any) -> bool:
    """Equal, where to Python `True` equals 1."""
    return isinstance(given, bool) is isinstance(neutral, bool) and bool(given == neutral)


def _number(body: Mapping[str, Any], name: str, low: float, high: float) -> float:
    """A number in [low, high]; 1 when it is not given, which is the API's default for all of them."""
    value = body.get(name)
    if value is None:
        return 1.0
    if type(value) not in (int, float) or not low <= value <= high:
        raise refusal(name, f"must be a number from {low:g} to {high:g}")
    return float(value)


def _count(body: Mapping[str, Any], name: str, least: int, most: int) -> int | None:
    value = body.get(name)
    if value is not None and (type(value) is not int or not least <= value <= most):
        raise refusal(name, f"must be a whole number from {least} to {most}")
    return value


def _max_tokens(body: Mapping[str, Any]) -> int | None:
    found = [_count(body, name, 1, CONTEXT) for name in ("max_completion_tokens", "max_tokens")]
    return next((each for each in found if each is not None), None)


def _logprobs(body: Mapping[str, Any]) -> int | None:
    wanted, top = flag(body, "logprobs"), _count(body, "top_logprobs", 0, _MOST_LOGPROBS)
    if top and not wanted:
        raise refusal("top_logprobs", "needs logprobs to be true")
    return (top or 0) if wanted else None


def _seed(value: Any) -> int | None:
    if value is None:
        return None
    if type(value) is not int or not -(2**63) <= value < 2**63:
        raise refusal("seed", "must be a whole number of 64 bits")
    return value % 2**64


def _stop(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    stops = [value] if isinstance(value, str) else value
    if not isinstance(stops, list) or len(stops) > _MOST_STOPS or any(not isinstance(s, str) or not s for s in stops):
        raise refusal("stop", f"must be a text or an array of at most {_MOST_STOPS} texts, none of them empty")
    return tuple(stops)


def _messages(value: Any) -> tuple[Message, ...]:
    if not isinstance(value, list) or not value:
        raise refusal("messages", "must be an array of at least one message")
    return tuple(_message(each, f"messages[{index}]") for index, each in enumerate(value))


def _message(value: Any, at: str) -> Message:
    if not isinstance(value, dict):
        raise refusal(at, f"must be an object, not {kind_of(value)}")
    role, content = value.get("role"), value.get("content")
    if role not in _ROLES:
        raise refusal(f"{at}.role", f"must be one of {', '.join(_ROLES)}")
    if role == "tool" and not isinstance(value.get("tool_call_id"), str):
        raise refusal(f"{at}.tool_call_id", "must be the id of the call that this message answers")
    called = "".join(_called(value.get("tool_calls"), f"{at}.tool_calls")) if role == "assistant" else ""
    if isinstance(content, list) and content:
        content = "".join(_part(part, f"{at}.content[{index}]") for index, part in enumerate(content))
    if content is None and called:
        content = ""
    if not isinstance(content, str):
        raise refusal(f"{at}.content", f"must be a text or an array of parts, not {kind_of(content)}")
    return role, content + called


def _called(value: Any, at: str) -> Iterator[str]:
    """The texts of the calls that the model made in an earlier message."""
    if value is None:
        return
    if not isinstance(value, list):
        raise refusal(at, f"must be an array, not {kind_of(value)}")
    for number, call in enumerate(value):
        function = call.get("function") if isinstance(call, dict) else None
        texts = [function.get(name) for name in ("name", "arguments")] if isinstance(function, dict) else []
        written = [each for each in texts if isinstance(each, str)]
        if len(written) != 2 or not isinstance(call.get("id"), str):
            raise refusal(f"{at}[{number}]", "must be a call with its id, its function's name and arguments")
        yield "".join(written)


def _part(value: Any, at: str) -> str:
    if not isinstance(value, dict) or value.get("type") != "text" or not isinstance(value.get("text"), str):
        raise refusal(at, 'must be {"type": "text", "text": ...}: this model reads text only')
    return str(value["text"])
