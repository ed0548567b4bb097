"""The answer is JSON that obeys the reference, a JSON schema."""

from __future__ import annotations

import json
from typing import Any

from harness.core.errors import ProtocolError, UsageError
from harness.core.evaluation import GradingCase, GradingRules
from harness.core.json_text import parse_json


class _JSONSchema:
    name = "json_schema"
    title = "the answer is nothing but JSON that obeys the reference, a JSON schema"

    def find_problem(self, reference: Any, rules: GradingRules) -> str:
        if not isinstance(reference, dict):
            return f"the reference must be a JSON schema, an object, got {reference!r:.60}"
        if not reference:
            return "the schema is empty, so that every JSON would be right"
        try:
            _make_validator(reference)
        except ValueError as problem:
            return f"the reference is not a valid JSON schema: {problem}"
        return ""

    def grade(self, case: GradingCase) -> str:
        try:
            value = parse_json(case.answer.strip().encode(errors="replace"))
        except ProtocolError as error:
            return f"it is not JSON ({error})"
        problem = next(_make_validator(case.reference).iter_errors(value), None)
        if problem is None:
            return ""
        return f"at {problem.json_path}: {problem.message:.160}"


def _make_validator(schema: dict[str, Any]) -> Any:
    """Raises `ValueError` for a wrong schema, `UsageError` where the package is not installed."""
    try:
        import jsonschema
    except ImportError:
        raise UsageError("the grader json_schema needs jsonschema: pip install 'aiharness[property]'") from None
    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        kind.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise ValueError(f"{json.dumps(error.instance)[:60]}: {error.message:.160}") from None
    return kind(schema)


GRADER = _JSONSchema()
