"""The reference stands in the answer, as whole words; case does not count."""

from __future__ import annotations

import re
from typing import Any

from harness.core.evaluation import GradingCase, GradingRules, list_references
from harness.graders._texts import describe_choices, find_text_problem


class _Contains:
    name = "contains"
    title = "the reference stands in the answer, as whole words; case does not count"

    def find_problem(self, reference: Any, rules: GradingRules) -> str:
        return find_text_problem(reference)

    def grade(self, case: GradingCase) -> str:
        if any(_contains(case.answer, choice) for choice in list_references(case.reference)):
            return ""
        return f"it does not contain {describe_choices(case.reference)}"


def _contains(answer: str, wanted: str) -> bool:
    words = r"\s+".join(re.escape(word) for word in wanted.split())
    # "4" is not in "14" nor in "4.5"; a sign or a bracket at an end of the reference needs no boundary
    before = r"(?<!\w)(?<!\d[.,])" if wanted.strip()[0].isalnum() else ""
    after = r"(?!\w)(?![.,]\d)" if wanted.strip()[-1].isalnum() else ""
    return re.search(f"{before}{words}{after}", answer, re.IGNORECASE) is not None


GRADER = _Contains()
