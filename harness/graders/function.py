"""The user's own function says whether the answer is right."""

from __future__ import annotations

from typing import Any

from harness.core.errors import HarnessError
from harness.core.evaluation import GradingCase, GradingRules


class _Function:
    name = "function"
    title = "the user's function(answer, reference, prompt) returns True, or why the answer is wrong"

    def find_problem(self, reference: Any, rules: GradingRules) -> str:
        return "" if rules.function else 'the grader function needs function = "module:function"'

    def grade(self, case: GradingCase) -> str:
        assert case.function is not None
        try:
            outcome = case.function(case.answer, case.reference, case.prompt)
        except Exception as error:
            raise HarnessError(f"{case.rules.function} broke: {type(error).__name__}: {error}") from error
        if outcome is True:
            return ""
        if outcome is False:
            return f"{case.rules.function} calls it wrong"
        if isinstance(outcome, str) and outcome.strip():
            return outcome
        problem = f"{case.rules.function} returned {outcome!r:.60}; return True, False, or why the answer is wrong"
        raise HarnessError(problem)


GRADER = _Function()
