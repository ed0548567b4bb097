"""Tools are called as the request says, in calls that can be executed."""

from __future__ import annotations

from functools import partial
from typing import Any

from harness.checks.generation import tools
from harness.checks.generation.thinking import EMPTY_TRIES
from harness.core.exchange import Exchange
from harness.run.empty_answers import ask_again_if_empty
from harness.suite import Session, Verdict, check, mutate, once

from .generated_text import SHORT, ask_both_ways, make_query

_PROMPT = "Call get_weather for the city Paris, and add for the numbers 2 and 3."
_TOKENS = 128
TOOL_SCHEMAS: dict[str, dict[str, Any]] = {
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
_TOOLS = [
    {"type": "function", "function": {"name": _name, "description": f"{_name} of the service", "parameters": _schema}}
    for _name, _schema in TOOL_SCHEMAS.items()
]
tools_check = partial(check, needs=("generates", "chat_options"), grounds=("tools",))
_NAMED_CHOICE = {"type": "function", "function": {"name": "add"}}


@once
def _ask_required(ai_client: Session) -> dict[str, Exchange]:
    """Answers to a request that requires a call: unstreamed and, if the protocol can, streamed."""
    exchanges = ask_both_ways(ai_client, _TOKENS, _PROMPT, tools=_TOOLS, tool_choice="required")
    return dict(zip(("required", "required and streamed"), exchanges, strict=False))


@tools_check(
    "a required call is whole and obeys its schema",
    requests=3,
    tokens=3 * _TOKENS,
    broken_by=(mutate("broken_tool_arguments"),),
)
def test_called(ai_client: Session) -> Verdict:
    answers = {name: (exchange, TOOL_SCHEMAS) for name, exchange in _ask_required(ai_client).items()}
    named = ai_client.ask(make_query(ai_client, _TOKENS, _PROMPT, tools=_TOOLS, tool_choice=_NAMED_CHOICE))
    return tools.judge_required_calls({**answers, "named": (named, {"add": TOOL_SCHEMAS["add"]})}, ai_client.show)


@tools_check(
    "the finish reason tells of a call",
    level="warn",
    requests=2,
    tokens=2 * _TOKENS,
    broken_by=(mutate("wrong_finish_reason"),),
)
def test_call_ending(ai_client: Session) -> Verdict:
    return tools.judge_call_ending(_ask_required(ai_client), ai_client.show)


@tools_check("with tool_choice none no tool is called", requests=2, tokens=2 * 32)
def test_not_called(ai_client: Session) -> Verdict:
    exchanges = ask_both_ways(ai_client, 32, _PROMPT, tools=_TOOLS, tool_choice="none")
    return tools.judge_forbidden_call(exchanges, ai_client.show)


@tools_check("token counts are stated beside tools, and the tools count", level="warn", requests=4, tokens=4 * _TOKENS)
def test_usage_beside_tools(ai_client: Session) -> Verdict:
    plain = ai_client.ask(make_query(ai_client, SHORT, _PROMPT))
    return tools.judge_usage_beside_tools(plain, _ask_required(ai_client), ai_client.show)


@tools_check("the conversation goes on after a call", requests=2 + EMPTY_TRIES, tokens=(2 + EMPTY_TRIES) * _TOKENS)
def test_goes_on(ai_client: Session) -> Verdict:
    first = _ask_required(ai_client)["required"]
    calls = first.answer.tool_calls if first.ok and first.answer else ()
    after: list[Exchange] = []
    if calls:
        messages = [{"role": "user", "content": _PROMPT}, *tools.make_tool_results(calls)]
        query = make_query(ai_client, _TOKENS, messages, tools=_TOOLS)
        after.append(ai_client.ask(query))
        after += ask_again_if_empty(ai_client, after[0], query)
    return tools.judge_answer_after_results(first, after, ai_client.show)
