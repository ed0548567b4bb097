"""The same text, but for blanks around it."""

from __future__ import annotations

from typing import Any

from harness.core.evaluation import GradingCase, GradingRules, list_references
from harness.graders._texts import describe_choices, find_text_problem


class _Exact:
    name = "exact"
    title = "the same text, but for blanks around it"

    def find_problem(self, reference: Any, rules: GradingRules) -> str:
        return find_text_problem(reference)

    def grade(self, case: GradingCase) -> str:
        if case.answer.strip() in map(str.strip, list_references(case.reference)):
            return ""
        return f"it is not {describe_choices(case.reference)}"


GRADER = _Exact()
