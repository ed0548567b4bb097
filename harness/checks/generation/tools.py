"""Calls of tools: a required call is one that can be carried out, a forbidden one is not made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from harness.checks.common import Show, judge, told
from harness.checks.generation.json_schema import text_violation
from harness.checks.generation.parameters import CUT
from harness.checks.generation.text_cases import Unjudged, judged
from harness.core.exchange import Answer, Exchange, ToolCall
from harness.core.verdict import Verdict, judge_contract, make_inconclusive

Schemas = Mapping[str, Mapping[str, Any]]
"""The schema of each tool's arguments, by the tool's name."""


@judge
def called(found: Mapping[str, tuple[Exchange, Schemas]], show: Show) -> Verdict:
    """Each answer calls a tool with arguments that obey its schema; `found` holds answers with the tools allowed."""
    cases = [
        judged(name, exchange, partial(_calls, schemas=schemas), show) for name, (exchange, schemas) in found.items()
    ]
    return judge_contract(cases, "each required call names its tool, with whole arguments that obey its schema")


@judge
def ending(found: Mapping[str, Exchange], show: Show) -> Verdict:
    """The finish reason of an answer with calls is `tool_calls`, by which clients know that they have to act."""

    def problem(answer: Answer) -> str | None:
        if not answer.tool_calls or answer.finish_reason in CUT:
            return Unjudged("the answer has no whole call")
        reason = answer.finish_reason
        return None if reason == "tool_calls" else f"the finish reason of a call is {reason!r}, not 'tool_calls'"

    return judge_contract(
        [judged(*each, problem, show) for each in found.items()], "the finish reason tells of the call"
    )


@judge
def not_called(exchange: Exchange, show: Show) -> Verdict:
    """With tool_choice `none` the answer is a text and no call."""

    def problem(answer: Answer) -> str | None:
        if answer.tool_calls:
            return f"{answer.tool_calls[0].name!r} is called, though tool_choice is none"
        if answer.finish_reason == "tool_calls":
            return "the finish reason tells of a call, though tool_choice is none"
        return _said(answer)

    return judge_contract([judged("tool_choice none", exchange, problem, show)], "a forbidden call is not made")


@judge
def goes_on(first: Exchange, after: Exchange | None, show: Show) -> Verdict:
    """Given the results of its calls the model answers: `after` is asked with those of `first`, None: it had none."""
    if after is None:
        return make_inconclusive(f"there is no call whose result could be given: {told(first)}", n=0)
    return judge_contract([judged("the results", after, _said, show)], "the conversation goes on after a call")


def results(calls: Sequence[ToolCall]) -> list[dict[str, Any]]:
    """The messages that go on with a conversation: the calls as the model made them, and a result of each."""
    made = [
        {"id": each.id, "type": "function", "function": {"name": each.name, "arguments": each.arguments}}
        for each in calls
    ]
    answers = [{"role": "tool", "tool_call_id": each.id, "content": "5"} for each in calls]
    return [{"role": "assistant", "content": "", "tool_calls": made}, *answers]


def _calls(answer: Answer, schemas: Schemas) -> str | None:
    calls = answer.tool_calls
    if not calls and (answer.text or answer.finish_reason not in CUT):
        return f"no tool is called, though a call is required: {answer.text!r:.60}"
    if answer.finish_reason in CUT:
        return Unjudged("the answer was cut at max_tokens")
    ids = [each.id for each in calls]
    if None in ids or len(set(ids)) != len(ids):
        return f"the calls cannot be told apart by their ids: {ids}"
    for each in calls:
        if each.name not in schemas:
            return f"{each.name!r} is called, and the tools allowed are {', '.join(schemas)}"
        if wrong := text_violation(each.arguments, schemas[each.name]):
            return f"the arguments of {each.name!r}: {wrong}"
    return None


def _said(answer: Answer) -> str | None:
    if answer.text or answer.tool_calls:
        return None
    if answer.finish_reason in CUT:
        return Unjudged("the answer was cut at max_tokens before it said anything")
    return "the answer is empty"
