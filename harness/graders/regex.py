"""The pattern of the reference matches somewhere in the answer."""

from __future__ import annotations

import re
from typing import Any

from harness.core.evaluation import GradingCase, GradingRules, list_references
from harness.graders._texts import describe_choices, find_text_problem


class _Regex:
    name = "regex"
    title = "the regular expression of the reference matches somewhere in the answer"

    def find_problem(self, reference: Any, rules: GradingRules) -> str:
        if problem := find_text_problem(reference):
            return problem
        for pattern in list_references(reference):
            try:
                matches_nothing = re.compile(pattern).search("") is not None
            except (re.error, RecursionError, OverflowError) as error:
                return f"{pattern!r:.60} is not a valid regular expression: {error}"
            if matches_nothing:
                return f"{pattern!r:.60} matches the empty text, so that every answer would be right"
        return ""

    def grade(self, case: GradingCase) -> str:
        if any(re.search(pattern, case.answer) for pattern in list_references(case.reference)):
            return ""
        return f"it does not match {describe_choices(case.reference)}"


GRADER = _Regex()
