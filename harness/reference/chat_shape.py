"""The shape that a chat request asks its answer to have: calls of its tools, or JSON that obeys a schema."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from harness.reference.instance import UnsupportedSchema, make_instance
from harness.reference.request_body import refuse
from harness.reference.text_model import Message

_ANY_OBJECT = {"type": "object", "properties": {"answer": {"type": "string"}}}


class _ToolFunction(Struct):
    name: Annotated[str, Meta(pattern=r"\A[a-zA-Z0-9_-]{1,64}\Z")]
    parameters: Any = None


class Tool(Struct):
    """A tool that is offered."""

    type: Literal["function"]
    function: _ToolFunction


class _ToolName(Struct):
    name: str


class _NamedTool(Struct):
    type: Literal["function"]
    function: _ToolName


ToolChoice = Literal["none", "auto", "required"] | _NamedTool


class _Text(Struct, tag_field="type", tag="text"):
    pass


class _JsonObject(Struct, tag_field="type", tag="json_object"):
    pass


class _Schema(Struct):
    name: str
    schema: Any


class _JsonSchema(Struct, tag_field="type", tag="json_schema"):
    json_schema: _Schema


ResponseFormat = _Text | _JsonObject | _JsonSchema


def choose_calls(
    tools: Sequence[Tool], choice: ToolChoice | None, role: str, text: str, *, several: bool
) -> tuple[tuple[str, str], ...]:
    """The calls to be made, each the tool's name and its arguments as JSON; `role` and `text` are the last message's.

    A tool is called when the user's message names it, when it is the one that `choice` names, or when some call is
    required. Raises `ApiError`.
    """
    arguments = _make_arguments(tools)
    names = [name for name in arguments if role == "user" and name in text]
    if isinstance(choice, _NamedTool):
        names = [choice.function.name]
    elif choice == "required":
        names = names or list(arguments)[:1]
    elif choice == "none":
        return ()
    if not arguments.keys() >= {*names} or (choice == "required" and not names):
        raise refuse("tool_choice", "must be none, auto, required, or name one of the tools")
    return tuple((name, arguments[name]) for name in (names if several else names[:1]))


def _make_arguments(tools: Sequence[Tool]) -> dict[str, str]:
    """The arguments with which each tool would be called, by name."""
    arguments: dict[str, str] = {}
    for number, tool in enumerate(tools):
        at, function = f"tools[{number}].function", tool.function
        if function.name in (*arguments, "none", "required"):
            raise refuse(f"{at}.name", "must be a name that no other tool has")
        schema = {"type": "object"} if function.parameters is None else function.parameters
        value = _make_instance(schema, f"{at}.parameters")
        if not isinstance(value, dict):
            raise refuse(f"{at}.parameters", "must be the schema of an object")
        arguments[function.name] = _format_json(value)
    return arguments


def write_content(response_format: ResponseFormat | None) -> str | None:
    """The JSON that a `response_format` asks for, made from its schema; None where text is asked for.

    Raises `ApiError`.
    """
    if isinstance(response_format, _JsonObject):
        return _format_json(make_instance(_ANY_OBJECT))
    if isinstance(response_format, _JsonSchema):
        schema = response_format.json_schema.schema
        return _format_json(_make_instance(schema, "response_format.json_schema.schema"))
    return None


def list_shape_messages(body: Mapping[str, Any]) -> Iterator[Message]:
    """The descriptions of the shape that the model reads besides the conversation: their tokens count too."""
    for name in ("tools", "response_format"):
        if body.get(name):
            yield "system", _format_json(body[name])


def _make_instance(schema: Any, at: str) -> Any:
    try:
        return make_instance(schema)
    except UnsupportedSchema as error:
        raise refuse(at, f"cannot be honoured: {error}", "unsupported_value") from None


def _format_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
