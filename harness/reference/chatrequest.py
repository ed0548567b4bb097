"""The request of a chat completion: what is accepted, and a clear refusal of all else.

A parameter that this service cannot honour is refused, never passed over in silence; fields that OpenAI's API does not
have are ignored, as most servers do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.reference.apierror import ApiError
from harness.reference.settings import CHAT_MODEL
from harness.reference.textmodel import CONTEXT, Message
from harness.reference.wire import kind_of

_ROLES = ("system", "developer", "user", "assistant", "tool")
_MOST_STOPS = 4
_NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "n": (1,),
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "logit_bias": ({},),
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "functions": ([],),
    "function_call": ("none", "auto"),
    "response_format": ({"type": "text"},),
    "modalities": (["text"],),
}
"""Parameters of the API that are understood, and the values of each that ask for nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """A valid request. `max_tokens` None: as many as the context holds."""

    messages: tuple[Message, ...]
    max_tokens: int | None
    temperature: float
    top_p: float
    seed: int | None
    stop: tuple[str, ...]
    stream: bool
    include_usage: bool


def parse_chat(body: Mapping[str, Any]) -> ChatRequest:
    """The request in a body. Raises `ApiError` 404 for another model, else 400 that names the parameter."""
    model = body.get("model")
    if not isinstance(model, str):
        raise _refusal("model", f"must be a string, the name of a model, not {kind_of(model)}")
    if model != CHAT_MODEL:
        raise ApiError(404, "the model does not exist", "model_not_found", param="model")
    for name, neutral in _NEUTRAL.items():
        value = body.get(name)
        if value is not None and not any(_same(value, each) for each in neutral):
            raise _refusal(name, "asks for what this service does not offer", "unsupported_value")
    stream = _flag(body, "stream")
    options = body.get("stream_options")
    if options is not None and (not stream or not isinstance(options, dict)):
        raise _refusal("stream_options", "must be an object, and stream must be true")
    return ChatRequest(
        messages=_messages(body.get("messages")),
        max_tokens=_max_tokens(body),
        temperature=_number(body, "temperature", 0.0, 2.0),
        top_p=_number(body, "top_p", 0.0, 1.0),
        seed=_seed(body.get("seed")),
        stop=_stop(body.get("stop")),
        stream=stream,
        include_usage=_flag(options or {}, "include_usage"),
    )


def _same(given: Any, neutral: Any) -> bool:
    """Equal, where to Python `True` equals 1."""
    return isinstance(given, bool) is isinstance(neutral, bool) and bool(given == neutral)


def _refusal(param: str, what: str, code: str = "invalid_value") -> ApiError:
    return ApiError(400, f"{param} {what}", code, param=param)


def _flag(body: Mapping[str, Any], name: str) -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise _refusal(name, f"must be a boolean, not {kind_of(value)}")
    return bool(value)


def _number(body: Mapping[str, Any], name: str, low: float, high: float) -> float:
    """A number in [low, high]; 1 when it is not given, which is the API's default for all of them."""
    value = body.get(name)
    if value is None:
        return 1.0
    if type(value) not in (int, float) or not low <= value <= high:
        raise _refusal(name, f"must be a number from {low:g} to {high:g}")
    return float(value)


def _max_tokens(body: Mapping[str, Any]) -> int | None:
    chosen = None
    for name in ("max_tokens", "max_completion_tokens"):
        value = body.get(name)
        if value is None:
            continue
        if type(value) is not int or not 1 <= value <= CONTEXT:
            raise _refusal(name, f"must be a whole number from 1 to {CONTEXT}")
        chosen = value
    return chosen


def _seed(value: Any) -> int | None:
    if value is None:
        return None
    if type(value) is not int or not -(2**63) <= value < 2**63:
        raise _refusal("seed", "must be a whole number of 64 bits")
    return value % 2**64


def _stop(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    stops = [value] if isinstance(value, str) else value
    if not isinstance(stops, list) or len(stops) > _MOST_STOPS or any(not isinstance(s, str) or not s for s in stops):
        raise _refusal("stop", f"must be a text or an array of at most {_MOST_STOPS} texts, none of them empty")
    return tuple(stops)


def _messages(value: Any) -> tuple[Message, ...]:
    if not isinstance(value, list) or not value:
        raise _refusal("messages", "must be an array of at least one message")
    return tuple(_message(each, f"messages[{index}]") for index, each in enumerate(value))


def _message(value: Any, at: str) -> Message:
    if not isinstance(value, dict):
        raise _refusal(at, f"must be an object, not {kind_of(value)}")
    role, content = value.get("role"), value.get("content")
    if role not in _ROLES:
        raise _refusal(f"{at}.role", f"must be one of {', '.join(_ROLES)}")
    if isinstance(content, list) and content:
        return role, "".join(_part(part, f"{at}.content[{index}]") for index, part in enumerate(content))
    if not isinstance(content, str):
        raise _refusal(f"{at}.content", f"must be a text or an array of parts, not {kind_of(content)}")
    return role, content


def _part(value: Any, at: str) -> str:
    if not isinstance(value, dict) or value.get("type") != "text" or not isinstance(value.get("text"), str):
        raise _refusal(at, 'must be {"type": "text", "text": ...}: this model reads text only')
    return str(value["text"])
