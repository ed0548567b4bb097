"""Tools are called as the request says, in calls that can be carried out."""

from __future__ import annotations

from functools import partial
from typing import Any

from harness.checks.generation import tools
from harness.core.exchange import Exchange
from harness.suite import Session, Verdict, check, once

from .generating import both, generation

_PROMPT = "Call get_weather for the city Paris, and add for the numbers 2 and 3."
_TOKENS = 128
SCHEMAS: dict[str, dict[str, Any]] = {
    "get_weather": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]}},
        "required": ["city", "unit"],
        "additionalProperties": False,
    },
    "add": {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "required": ["a", "b"],
        "additionalProperties": False,
    },
}
TOOLS = [
    {"type": "function", "function": {"name": name, "description": f"{name} of the service", "parameters": schema}}
    for name, schema in SCHEMAS.items()
]
tools_check = partial(check, needs=("generates", "chat_options"), grounds=("tools",))
NAMED = {"type": "function", "function": {"name": "add"}}


@once
def _required(ai_client: Session) -> dict[str, Exchange]:
    """A call is required: whole and, where it can be, streamed."""
    found = both(ai_client, _TOKENS, _PROMPT, tools=TOOLS, tool_choice="required")
    return dict(zip(("required", "required and streamed"), found, strict=False))


@tools_check("a required call is whole and obeys its schema", requests=3, tokens=3 * _TOKENS)
def test_called(ai_client: Session) -> Verdict:
    found = {name: (exchange, SCHEMAS) for name, exchange in _required(ai_client).items()}
    named = ai_client.ask(generation(ai_client, _TOKENS, _PROMPT, tools=TOOLS, tool_choice=NAMED))
    return tools.called({**found, "named": (named, {"add": SCHEMAS["add"]})}, ai_client.show)


@tools_check("the finish reason tells of a call", level="warn", requests=2, tokens=2 * _TOKENS)
def test_call_ending(ai_client: Session) -> Verdict:
    return tools.ending(_required(ai_client), ai_client.show)


@tools_check("with tool_choice none no tool is called", tokens=32)
def test_not_called(ai_client: Session) -> Verdict:
    return tools.not_called(
        ai_client.ask(generation(ai_client, 32, _PROMPT, tools=TOOLS, tool_choice="none")), ai_client.show
    )


@tools_check("the conversation goes on after a call", requests=3, tokens=3 * _TOKENS)
def test_goes_on(ai_client: Session) -> Verdict:
    first = _required(ai_client)["required"]
    calls = first.answer.tool_calls if first.ok and first.answer else ()
    after = None
    if calls:
        messages = [{"role": "user", "content": _PROMPT}, *tools.results(calls)]
        after = ai_client.ask(generation(ai_client, _TOKENS, messages, tools=TOOLS))
    return tools.goes_on(first, after, ai_client.show)
