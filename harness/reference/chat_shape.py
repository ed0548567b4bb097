"""The shape that a chat request asks its answer to have: calls of its tools, or JSON that obeys a schema."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from harness.reference.api_error import ApiError
from harness.reference.instance import UnsupportedSchema, make_instance
from harness.reference.request_body import kind_of

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_ANY_OBJECT = {"type": "object", "properties": {"answer": {"type": "string"}}}
_MOST_TOOLS = 128


def refusal(param: str, what: str, code: str = "invalid_value") -> ApiError:
    """The 400 that names a parameter and says what is wrong with it."""
    return ApiError(400, f"{param} {what}", code, param=param)


def flag(body: Mapping[str, Any], name: str, default: bool = False) -> bool:
    """A boolean parameter. Raises `ApiError`."""
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise refusal(name, f"must be a boolean, not {kind_of(value)}")
    return default if value is None else value


def calls(body: Mapping[str, Any], role: str, text: str) -> tuple[tuple[str, str], ...]:
    """The calls to be made, each the tool's name and its arguments as JSON; `role` and `text` are the last message's.

    A tool is called when the user's message names it, when it is the one that `tool_choice` names, or when some call
    is required. Raises `ApiError`.
    """
    tools = _tools(body.get("tools"))
    chosen = _choice(body.get("tool_choice"), tools)
    several = flag(body, "parallel_tool_calls", default=True)
    if chosen == "none" or not tools:
        return ()
    if chosen in tools:
        named = [chosen]
    else:
        named = [name for name in tools if role == "user" and name in text]
        if chosen == "required":
            named = named or list(tools)[:1]
    return tuple((name, tools[name]) for name in (named if several else named[:1]))


def _tools(value: Any) -> dict[str, str]:
    """The arguments with which each tool would be called, by name."""
    if value is None:
        return {}
    if not isinstance(value, list) or len(value) > _MOST_TOOLS:
        raise refusal("tools", f"must be an array of at most {_MOST_TOOLS} tools")
    found: dict[str, str] = {}
    for number, tool in enumerate(value):
        at = f"tools[{number}]"
        if not isinstance(tool, dict) or tool.get("type") != "function" or not isinstance(tool.get("function"), dict):
            raise refusal(at, 'must be {"type": "function", "function": {...}}')
        function = tool["function"]
        name = function.get("name")
        if not isinstance(name, str) or not _NAME.fullmatch(name) or name in found or name in ("none", "required"):
            raise refusal(f"{at}.function.name", "must be a name of its own, of letters, digits, _ and -")
        given = function.get("parameters")
        made = _instance({"type": "object"} if given is None else given, f"{at}.function.parameters")
        if not isinstance(made, dict):
            raise refusal(f"{at}.function.parameters", "must be the schema of an object")
        found[name] = _json(made)
    return found


def _choice(value: Any, tools: Mapping[str, str]) -> str:
    """`none`, `auto`, `required`, or the name of a tool."""
    if value is None or value in ("none", "auto"):
        return value or "auto"
    if value == "required" and tools:
        return "required"
    function = value.get("function") if isinstance(value, dict) and value.get("type") == "function" else None
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(name, str) or name not in tools:
        raise refusal("tool_choice", "must be none, auto, required, or name one of the tools")
    return name


def content(body: Mapping[str, Any]) -> str | None:
    """The JSON that `response_format` asks for, made from its schema; None where text is asked for.

    Raises `ApiError`.
    """
    value = body.get("response_format")
    if value is None or value == {"type": "text"}:
        return None
    kind = value.get("type") if isinstance(value, dict) else None
    if kind == "json_object":
        return _json(make_instance(_ANY_OBJECT))
    given = value.get("json_schema") if kind == "json_schema" else None
    if not isinstance(given, dict) or "schema" not in given or not isinstance(given.get("name"), str):
        what = 'must be of type text, json_object, or json_schema with "json_schema": {"name": ..., "schema": {...}}'
        raise refusal("response_format", what)
    return _json(_instance(given["schema"], "response_format.json_schema.schema"))


def shown(body: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    """What the model is shown of the shape besides the conversation, as messages, for their tokens count too."""
    return [("system", _json(body[name])) for name in ("tools", "response_format") if body.get(name)]


def _instance(schema: Any, at: str) -> Any:
    try:
        return make_instance(schema)
    except UnsupportedSchema as error:
        raise refusal(at, f"cannot be honoured: {error}", "unsupported_value") from None


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
