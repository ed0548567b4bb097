"""Structured output: the answer is JSON that obeys the schema it was asked for with, and one that was cut says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.checks.common import Show, judge
from harness.checks.generation.json_schema import text_violation
from harness.checks.generation.parameters import CUT
from harness.checks.generation.text_cases import Unjudged, judged, whole_and_streamed
from harness.core.exchange import Answer, Exchange
from harness.core.verdict import Verdict, judge_contract


@judge
def obeys(found: Sequence[Exchange], schema: Mapping[str, Any], show: Show) -> Verdict:
    """The whole text is JSON that obeys the schema, streamed or not."""

    def problem(answer: Answer) -> str | None:
        if answer.finish_reason in CUT and (answer.text or "").lstrip()[:1] in ("", "{"):
            return Unjudged("the answer was cut at max_tokens")
        return text_violation(answer.text or "", schema)

    return judge_contract(whole_and_streamed(found, problem, show), "the answer is JSON that obeys its schema")


@judge
def cut_honestly(exchange: Exchange, schema: Mapping[str, Any], show: Show) -> Verdict:
    """JSON that `max_tokens` cut is not declared complete: its reader would take half an object for all of it."""

    def problem(answer: Answer) -> str | None:
        if answer.finish_reason in CUT:
            return None
        if wrong := text_violation(answer.text or "", schema):
            return f"an answer cut at max_tokens is declared complete ({answer.finish_reason!r}): {wrong}"
        return Unjudged("max_tokens did not cut the answer")

    return judge_contract([judged("cut", exchange, problem, show)], "JSON that is cut is not declared complete")
