"""Tools are called as the request says, in calls that can be executed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from harness.checks.generation import agent, tools
from harness.checks.generation.thinking import EMPTY_TRIES, explain_no_text, has_text
from harness.core.exchange import Exchange, Query, ToolCall
from harness.core.mutation import crash_after
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
_NOTE_SCHEMAS: dict[str, dict[str, Any]] = {
    "save_note": {
        "type": "object",
        "properties": {"text": {"type": "string"}},
        "required": ["text"],
        "additionalProperties": False,
    }
}
_NOTE_PROMPT = 'Use save_note with the text "in C:\\new\nand below".'
"""Its backslash and its line end must be escaped in the arguments of the call."""
_AGENT_SCHEMAS = {
    **TOOL_SCHEMAS,
    "get_time": {
        "type": "object",
        "properties": {"zone": {"type": "string", "enum": ["UTC", "CET", "EST"]}},
        "required": ["zone"],
        "additionalProperties": False,
    },
}


def _make_tools(schemas: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    tools_of_schemas = []
    for name, schema in schemas.items():
        function = {"name": name, "description": f"{name} of the service", "parameters": schema}
        tools_of_schemas.append({"type": "function", "function": function})
    return tools_of_schemas


_AGENT_TOOLS = _make_tools(_AGENT_SCHEMAS)
_TOOLS = _AGENT_TOOLS[: len(TOOL_SCHEMAS)]
_SECOND_PROMPT = "Now call get_time for the zone UTC."
tools_check = partial(check, needs=("generates", "chat_options"), grounds=("tools",))


def choose_tool(name: str) -> dict[str, Any]:
    """The `tool_choice` that requires the call of this tool."""
    return {"type": "function", "function": {"name": name}}


@once
def _ask_required(ai_client: Session) -> dict[str, Exchange]:
    """Answers to a request that requires a call: unstreamed and, if the protocol can, streamed."""
    exchanges = ask_both_ways(ai_client, _TOKENS, _PROMPT, tools=_TOOLS, tool_choice="required")
    return dict(zip(("required", "required and streamed"), exchanges, strict=False))


@once
def _ask_named(ai_client: Session) -> Exchange:
    """The answer to a request that requires the call of one tool."""
    return ai_client.ask(make_query(ai_client, _TOKENS, _PROMPT, tools=_TOOLS, tool_choice=choose_tool("add")))


@tools_check(
    "a required call is whole and obeys its schema",
    requests=5,
    tokens=5 * _TOKENS,
    broken_by=(mutate("broken_tool_arguments"),),
)
def test_called(ai_client: Session) -> Verdict:
    answers = {name: (exchange, TOOL_SCHEMAS) for name, exchange in _ask_required(ai_client).items()}
    answers["named"] = (_ask_named(ai_client), {"add": TOOL_SCHEMAS["add"]})
    notes = ask_both_ways(
        ai_client, _TOKENS, _NOTE_PROMPT, tools=_make_tools(_NOTE_SCHEMAS), tool_choice=choose_tool("save_note")
    )
    for name, exchange in zip(("with text to escape", "with text to escape, streamed"), notes, strict=False):
        answers[name] = (exchange, _NOTE_SCHEMAS)
    return tools.judge_required_calls(answers, ai_client.show)


@tools_check(
    "the finish reason tells of a call",
    level="warn",
    requests=2,
    tokens=2 * _TOKENS,
    broken_by=(mutate("wrong_finish_reason"),),
)
def test_call_ending(ai_client: Session) -> Verdict:
    return tools.judge_call_ending(_ask_required(ai_client), ai_client.show)


@tools_check(
    "with tool_choice none no tool is called",
    requests=2,
    tokens=2 * 32,
    broken_by=(mutate("endless_tool_calls"),),
)
def test_not_called(ai_client: Session) -> Verdict:
    exchanges = ask_both_ways(ai_client, 32, _PROMPT, tools=_TOOLS, tool_choice="none")
    return tools.judge_forbidden_call(exchanges, ai_client.show)


@tools_check(
    "token counts are stated beside tools, and the tools count",
    level="warn",
    requests=4,
    tokens=4 * _TOKENS,
    broken_by=(mutate("wrong_token_counts", percent=1, body="tools"),),
)
def test_usage_beside_tools(ai_client: Session) -> Verdict:
    plain = ai_client.ask(make_query(ai_client, SHORT, _PROMPT))
    return tools.judge_usage_beside_tools(plain, _ask_required(ai_client), ai_client.show)


_STEP_COST = EMPTY_TRIES
_AGENT_REQUESTS = 3 + 4 * _STEP_COST + 2 * agent.NEXT_CALLS


def _make_agent_query(ai_client: Session, messages: Sequence[Any], **more: Any) -> Query:
    return make_query(ai_client, _TOKENS, list(messages), tools=_AGENT_TOOLS, **more)


def _ask_step(ai_client: Session, name: str, messages: Sequence[Any], calls: Sequence[ToolCall]) -> agent.AgentStep:
    """One step of the conversation, asked again with the results of its calls while it makes no progress."""
    exchanges: list[Exchange] = []
    talk = list(messages)
    while len(exchanges) < _STEP_COST:
        exchange = ai_client.ask(_make_agent_query(ai_client, talk))
        exchanges.append(exchange)
        if not exchange.ok or exchange.answer is None or explain_no_text(exchange):
            break
        if has_text(exchange) and not agent.find_standstill(exchange.answer, calls, _AGENT_SCHEMAS):
            break
        if exchange.answer.tool_calls:
            talk += tools.make_tool_results(exchange.answer.tool_calls)
    return agent.AgentStep(name, exchanges, calls)


def _ask_following(ai_client: Session, talk: Sequence[Any], calls: Sequence[ToolCall], choice: Any) -> agent.NextCall:
    """A second request that requires a call; where its answer repeats one, asked in a new conversation too."""
    last = {"role": "user", "content": _SECOND_PROMPT}
    pairs: list[tuple[Exchange, Exchange | None]] = []
    while len(pairs) < agent.NEXT_CALLS:
        exchange = ai_client.ask(_make_agent_query(ai_client, [*talk, last], tool_choice=choice))
        if not (exchange.ok and exchange.answer and agent.repeats_calls(exchange.answer, calls)):
            pairs.append((exchange, None))
            break
        alone = ai_client.ask(_make_agent_query(ai_client, [last], tool_choice=choice))
        pairs.append((exchange, alone))
        if not agent.calls_anew(alone, calls):
            break
    return agent.NextCall(calls, pairs)


@tools_check(
    "the conversation goes on after a call",
    requests=_AGENT_REQUESTS,
    tokens=_AGENT_REQUESTS * _TOKENS,
    broken_by=(crash_after(2),),
)
def test_goes_on(ai_client: Session) -> Verdict:
    choice: Any = "required"
    first = _ask_required(ai_client)["required"]
    if first.ok and first.answer and not first.answer.tool_calls:
        first, choice = _ask_named(ai_client), choose_tool("get_time")  # all that some servers know
    calls = first.answer.tool_calls if first.ok and first.answer else ()
    steps, following = [], None
    if calls:
        question = {"role": "user", "content": _PROMPT}
        talk = [question, *tools.make_tool_results(calls)]
        steps.append(_ask_step(ai_client, "the results", talk, calls))
        as_answered = [question, *tools.make_tool_results(calls, content=None)]
        steps.append(_ask_step(ai_client, "the results, with null beside the calls", as_answered, calls))
        if all(map(agent.has_readable_arguments, calls)):
            as_objects = [question, *tools.make_tool_results(calls, as_objects=True)]
            step = _ask_step(ai_client, "the results, with the arguments as an object", as_objects, calls)
            steps.append(replace(step, may_refuse=True))
        turn = {"role": "user", "content": "Thank you. Is it warm there?"}
        steps.append(_ask_step(ai_client, "a turn of the user after the results", [*talk, turn], calls))
        answered = {"role": "assistant", "content": steps[0].exchanges[-1].text or "It is 18 degrees."}
        following = _ask_following(ai_client, [*talk, answered], calls, choice)
    return agent.judge_conversation(first, steps, following, _AGENT_SCHEMAS, ai_client.show)
