"""The same words: case, punctuation, blanks and the form of Unicode do not count."""

from __future__ import annotations

import unicodedata
from typing import Any

from harness.core.evaluation import GradingCase, GradingRules, list_references
from harness.graders._texts import describe_choices, find_text_problem


class _Normalised:
    name = "normalised"
    title = "the same words: case, punctuation, blanks and the form of Unicode do not count"

    def find_problem(self, reference: Any, rules: GradingRules) -> str:
        problem = find_text_problem(reference)
        if not problem and not all(map(_normalise, list_references(reference))):
            return "the reference has no letter or digit: without punctuation an empty answer would be right"
        return problem

    def grade(self, case: GradingCase) -> str:
        if _normalise(case.answer) in map(_normalise, list_references(case.reference)):
            return ""
        return f"its words are not those of {describe_choices(case.reference)}"


def _normalise(text: str) -> str:
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join("".join(map(_blank_out, folded)).split())


def _blank_out(character: str) -> str:
    """A blank for all but letters, marks, digits, and symbols such as + and currency signs, which change the sense."""
    return character if unicodedata.category(character)[0] in "LMNS" else " "


GRADER = _Normalised()
