"""Structured output: the answer is JSON that obeys the requested schema, and an answer that was cut says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.checks.common import Show, judge
from harness.checks.generation.json_schema import find_text_violation
from harness.checks.generation.text_cases import Unjudged, is_cut, judge_both_ways, judge_exchange
from harness.checks.generation.thinking import explain_spent_limit
from harness.core.exchange import Answer, Exchange
from harness.core.verdict import Verdict, judge_contract

_LONGEST = 600
"""Characters of an object by a small schema without lists and free texts: its values have a few words."""


@judge
def judge_structured_output(
    exchanges: Sequence[Exchange],
    schema: Mapping[str, Any],
    show: Show,
    others: Sequence[Mapping[str, Any]] = (),
) -> Verdict:
    """The whole text is JSON that obeys the schema, streamed or not, and ends where the schema has an end.

    `others` are schemas of other requests, under the same name.
    """
    ends = not _may_go_on(schema)

    def find_problem(answer: Answer) -> str | None:
        text = answer.text or ""
        if ends and is_unended(answer):
            return f"the object by a schema of a few words does not end within {len(text):,} characters: {text[-40:]!r}"
        if is_cut(answer) and text.lstrip()[:1] in ("", "{"):
            return Unjudged(explain_spent_limit(answer) or "the answer was cut at max_tokens")
        violation = find_text_violation(text, schema)
        if violation and any(find_text_violation(text, other) is None for other in others):
            return f"it obeys the schema of another request, which had the same name: {violation}"
        return violation

    return judge_contract(judge_both_ways(exchanges, find_problem, show), "the answer is JSON that obeys its schema")


def is_unended(answer: Answer) -> bool:
    """Whether the limit of tokens cut a text that is longer than any object by a small schema."""
    text = (answer.text or "").lstrip()
    return is_cut(answer) and text.startswith("{") and len(text) > _LONGEST


def _may_go_on(schema: Mapping[str, Any]) -> bool:
    """Whether an object by the schema may be of any length: it has a list in it, or free text."""
    parts = [part for part in schema.get("properties", {}).values() if isinstance(part, Mapping)]
    is_open = schema.get("type") == "array" or (schema.get("type") == "string" and "enum" not in schema)
    return is_open or any(map(_may_go_on, parts))


@judge
def judge_cut_json(exchange: Exchange, schema: Mapping[str, Any], show: Show) -> Verdict:
    """JSON that `max_tokens` cut is not declared complete: a client would take half an object for a whole one."""

    def find_problem(answer: Answer) -> str | None:
        if is_cut(answer):
            return None
        if violation := find_text_violation(answer.text or "", schema):
            return f"an answer cut at max_tokens is declared complete ({answer.finish_reason!r}): {violation}"
        return Unjudged("max_tokens did not cut the answer")

    case = judge_exchange("cut", exchange, find_problem, show)
    return judge_contract([case], "JSON that is cut is not declared complete")
