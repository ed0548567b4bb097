"""Structured output obeys its schema."""

from __future__ import annotations

from functools import partial
from typing import Any

from harness.checks.generation import structured
from harness.checks.generation.text_cases import is_cut
from harness.suite import Session, Verdict, check, mutate

from .generated_text import ask_both_ways, make_query

STRUCTURED_PROMPT = "Describe one animal in one short JSON object."
_TOKENS, _MORE_TOKENS, _CUT = 96, 384, 3
"""Tokens for an object, for one that was cut, and for one that is to be cut."""


def _object(**properties: Any) -> dict[str, Any]:
    """A schema with all properties required and no others, which every engine with structured output accepts."""
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


_INTEGER, _YES_OR_NO = {"type": "integer"}, {"type": "boolean"}
_COLOURS = {"type": "string", "enum": ["red", "green", "blue"]}
ANSWER_SCHEMAS: dict[str, dict[str, Any]] = {
    "flat": _object(legs=_INTEGER, wild=_YES_OR_NO, colour=_COLOURS),
    "nested": _object(size=_object(height=_INTEGER, width=_INTEGER), colours={"type": "array", "items": _COLOURS}),
    "unicode": _object(größe=_INTEGER, 颜色=_COLOURS, ручной=_YES_OR_NO),
}
structured_check = partial(check, needs=("generates", "chat_options"), grounds=("structured_output",))


_NAME = "answer"
"""All schemas have this name: a service that knows a schema by its name alone answers by another one's."""


def make_schema_format(name: str) -> dict[str, Any]:
    """The option that asks for output by this schema."""
    return {"type": "json_schema", "json_schema": {"name": _NAME, "schema": ANSWER_SCHEMAS[name], "strict": True}}


@structured_check(
    "structured output obeys its schema, whole and streamed",
    requests=4,
    tokens=2 * _TOKENS + 2 * _MORE_TOKENS,
    cases=tuple(ANSWER_SCHEMAS),
    broken_by=(mutate("other_answer"), mutate("empty_answer")),
)
def test_obeys(ai_client: Session, case: str) -> Verdict:
    form = make_schema_format(case)
    exchanges = ask_both_ways(ai_client, _TOKENS, STRUCTURED_PROMPT, response_format=form)
    if any(exchange.answer is not None and is_cut(exchange.answer) for exchange in exchanges):
        exchanges = ask_both_ways(ai_client, _MORE_TOKENS, STRUCTURED_PROMPT, response_format=form)
    others = [schema for name, schema in ANSWER_SCHEMAS.items() if name != case]
    return structured.judge_structured_output(exchanges, ANSWER_SCHEMAS[case], ai_client.show, others)


@structured_check("structured output that was cut is not declared complete", tokens=_CUT)
def test_cut(ai_client: Session) -> Verdict:
    cut = ai_client.ask(
        make_query(ai_client, _CUT, STRUCTURED_PROMPT, exact=True, response_format=make_schema_format("flat"))
    )
    return structured.judge_cut_json(cut, ANSWER_SCHEMAS["flat"], ai_client.show)
