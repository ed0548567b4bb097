"""Tool calls: a required call can be executed, a forbidden one is not made, and their tokens are counted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from harness.checks.common import Show, judge
from harness.checks.generation.json_schema import find_text_violation
from harness.checks.generation.text_cases import (
    Unjudged,
    get_usage,
    is_cut,
    judge_both_ways,
    judge_exchange,
    quote_answer,
)
from harness.checks.generation.thinking import explain_spent_limit
from harness.core.exchange import Answer, Exchange, ToolCall
from harness.core.verdict import Verdict, judge_contract, make_inconclusive

ToolSchemas = Mapping[str, Mapping[str, Any]]
"""The schema of each tool's arguments, by the tool's name."""
_RESULTS = {"get_weather": "18 degrees and sunny.", "add": "5"}
"""What the tools of the checks give back."""


@judge
def judge_required_calls(answers: Mapping[str, tuple[Exchange, ToolSchemas]], show: Show) -> Verdict:
    """Each answer calls a tool that its request allows, with arguments that obey the tool's schema.

    `answers` has each exchange with the schemas of the tools that it may call.
    """
    cases = []
    for name, (exchange, schemas) in answers.items():
        cases.append(judge_exchange(name, exchange, partial(find_bad_call, schemas=schemas), show))
    return judge_contract(cases, "each required call names its tool, with complete arguments that obey its schema")


@judge
def judge_call_ending(answers: Mapping[str, Exchange], show: Show) -> Verdict:
    """The finish reason of an answer with calls is `tool_calls`, which tells a client to act."""

    def find_problem(answer: Answer) -> str | None:
        reason = answer.finish_reason
        if not answer.tool_calls or is_cut(answer):
            return Unjudged("the answer has no complete call")
        return None if reason == "tool_calls" else f"the finish reason of a call is {reason!r}, not 'tool_calls'"

    cases = [judge_exchange(name, exchange, find_problem, show) for name, exchange in answers.items()]
    return judge_contract(cases, "the finish reason says that a tool is called")


@judge
def judge_forbidden_call(exchanges: Sequence[Exchange], show: Show) -> Verdict:
    """With tool_choice `none` the answer is a text and not a call, whole and streamed."""

    def find_problem(answer: Answer) -> str | None:
        if answer.tool_calls:
            return f"{answer.tool_calls[0].name!r} is called, although tool_choice is none"
        if answer.finish_reason == "tool_calls":
            return "the finish reason says that a tool is called, although tool_choice is none"
        return None if answer.text else Unjudged(explain_spent_limit(answer) or "the answer is empty")

    return judge_contract(judge_both_ways(exchanges, find_problem, show), "a forbidden call is not made")


@judge
def judge_usage_beside_tools(plain: Exchange, answers: Mapping[str, Exchange], show: Show) -> Verdict:
    """An answer with calls states its tokens as `plain` does, the same prompt without tools, and counts the tools."""
    usage = get_usage(plain.answer)
    if not plain.ok or not usage.prompt_tokens:
        return make_inconclusive(f"no token counts are stated without tools either: {plain.outcome}", n=0)
    expected = usage.prompt_tokens

    def find_problem(answer: Answer) -> str | None:
        counts = get_usage(answer)
        if not answer.tool_calls:
            return Unjudged("no tool is called")
        if not counts.prompt_tokens or not counts.completion_tokens:
            stated = f"{counts.prompt_tokens} prompt and {counts.completion_tokens} completion tokens"
            return f"{stated} are stated for a call, and {expected} prompt tokens for the same prompt without tools"
        if counts.prompt_tokens <= expected:
            return f"{counts.prompt_tokens} prompt tokens with tools, and {expected} without: the tools are not counted"
        return None

    cases = [judge_exchange(name, exchange, find_problem, show) for name, exchange in answers.items()]
    return judge_contract(cases, "token counts are stated beside tools, and more than without")


def make_tool_results(
    calls: Sequence[ToolCall], *, as_objects: bool = False, content: str | None = ""
) -> list[dict[str, Any]]:
    """The messages that continue a conversation: the calls as the model made them, and a result for each.

    `as_objects`: the arguments, which must be JSON, as values in place of texts. `content` is that of the calls.
    """
    repeated, results = [], []
    for number, call in enumerate(calls):
        id_ = call.id or f"call_{number}"
        arguments = json.loads(call.arguments) if as_objects else call.arguments
        repeated.append({"id": id_, "type": "function", "function": {"name": call.name, "arguments": arguments}})
        results.append({"role": "tool", "tool_call_id": id_, "content": _RESULTS.get(call.name, "Done.")})
    return [{"role": "assistant", "content": content, "tool_calls": repeated}, *results]


def find_bad_call(answer: Answer, schemas: ToolSchemas) -> str | None:
    """Why an answer is not the required call, or `Unjudged` if the limit of tokens cut it."""
    calls = answer.tool_calls
    if not calls and (answer.text or not is_cut(answer)):
        return f"no tool is called, although a call is required: {quote_answer(answer.text or '')}"
    if is_cut(answer):
        return Unjudged(explain_spent_limit(answer) or "the answer was cut at max_tokens")
    ids = [call.id for call in calls]
    if None in ids or len(set(ids)) != len(ids):
        return f"the ids do not distinguish the calls: {ids}"
    return next(filter(None, (find_call_problem(call, schemas) for call in calls)), None)


def find_call_problem(call: ToolCall, schemas: ToolSchemas) -> str | None:
    """Why a call cannot be executed: nobody offers its tool, or its arguments do not obey the schema."""
    if call.name not in schemas:
        return f"{call.name!r} is called, but the allowed tools are {', '.join(schemas)}"
    if violation := find_text_violation(call.arguments, schemas[call.name]):
        return f"the arguments of {call.name!r}: {violation}"
    return None
