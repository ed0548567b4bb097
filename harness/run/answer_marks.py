"""What is kept of one answer of an evaluation: the names of what is wrong with it.

Tested in tests/run/test_evaluation.py.
"""

from __future__ import annotations

import json
from typing import Any

from harness.checks.common import TOO_MANY_REQUESTS
from harness.checks.generation.text_cases import is_cut
from harness.checks.generation.text_faults import find_loop, find_wrong_script, is_unfinished
from harness.checks.generation.thinking import explain_spent_limit
from harness.core import evaluation as marks
from harness.core.evaluation import EvaluationItem, GradingCase
from harness.core.exchange import Answer, Exchange, ToolCall
from harness.graders.json_schema import GRADER as SCHEMA_GRADER


def mark_answer(exchange: Exchange, item: EvaluationItem, why_wrong: str, *, own_limit: bool) -> tuple[str, ...]:
    """The names of what is wrong with an answer, and what it holds; `own_limit`: we chose the limit of tokens."""
    names = list[str]()
    if why_wrong:
        names.append(marks.WRONG)
    answer = exchange.answer
    if "tools" in item.options:
        names.append(marks.WITH_TOOLS)
    if not exchange.ok or answer is None:
        names.append(marks.FAILED)
        if exchange.status == TOO_MANY_REQUESTS:
            names.append(marks.RATE_LIMITED)
        if item.calls is not None:
            names.append(marks.WRONG_TRIGGER)
        return tuple(names)
    names += _mark_ending(answer, own_limit=own_limit)
    names += mark_text(answer, item)
    names += _mark_calls(answer, item)
    return tuple(names)


def _mark_ending(answer: Answer, *, own_limit: bool) -> list[str]:
    if not is_cut(answer):
        return []
    return [
        marks.CUT,
        *([marks.CUT_BY_DEFAULT] if own_limit else []),
        *([marks.SPENT] if explain_spent_limit(answer) else []),
    ]


def mark_text(answer: Answer, item: EvaluationItem) -> list[str]:
    """What is wrong with its text whatever was asked."""
    text = answer.text or ""
    if not text.strip():
        if answer.tool_calls or is_cut(answer):
            return []
        return [marks.REASONING_ONLY if answer.reasoning.strip() else marks.EMPTY]
    names = []
    if find_loop(text):
        names.append(marks.LOOP)
    if find_wrong_script(read_prompt_text(item.inputs), text):
        names.append(marks.WRONG_SCRIPT)
    if is_unfinished(text):
        names.append(marks.UNFINISHED)
    return names


def read_prompt_text(inputs: Any) -> str:
    """A prompt, or the messages of a conversation, as one text."""
    if isinstance(inputs, str):
        return inputs
    return "\n".join(str(message.get("content") or "") for message in inputs)


def _mark_calls(answer: Answer, item: EvaluationItem) -> list[str]:
    names = []
    if item.calls is not None and bool(answer.tool_calls) is not item.calls and not _has_spent(answer):
        names.append(marks.WRONG_TRIGGER)
    if answer.tool_calls and "tools" in item.options:
        names.append(marks.CALLED)
        if any(explain_bad_call(call, item.options["tools"]) for call in answer.tool_calls):
            names.append(marks.WRONG_ARGUMENTS)
    return names


def _has_spent(answer: Answer) -> bool:
    return bool(explain_spent_limit(answer))


def explain_bad_call(call: ToolCall, tools: Any) -> str:
    """Why a call cannot be carried out: an unknown tool, or arguments that are no JSON or break its schema."""
    schemas = {}
    for tool in tools:
        if isinstance(tool, dict) and isinstance(tool.get("function"), dict):
            schemas[tool["function"].get("name")] = tool["function"].get("parameters")
    if call.name not in schemas:
        return f"{call.name!r} is called, which is not one of {', '.join(map(repr, schemas))}"
    schema = schemas[call.name]
    if not isinstance(schema, dict) or not schema:
        try:
            is_object = isinstance(json.loads(call.arguments or "{}"), dict)
        except (ValueError, RecursionError):
            is_object = False
        return "" if is_object else f"the arguments of {call.name!r} are no JSON object: {call.arguments!r:.80}"
    problem = SCHEMA_GRADER.grade(GradingCase(call.arguments, schema))
    return problem and f"the arguments of {call.name!r}: {problem}"
