"""The answer is near the reference by the cosine of their vectors, which a named endpoint makes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from harness.core.errors import HarnessError
from harness.core.evaluation import GradingCase, GradingRules, list_references
from harness.graders._texts import find_text_problem


class _Embedding:
    name = "embedding"
    title = "the cosine of the vectors of answer and reference, made by [evaluation.embeddings], is at least threshold"

    def find_problem(self, reference: Any, rules: GradingRules) -> str:
        return find_text_problem(reference)

    def grade(self, case: GradingCase) -> str:
        if case.embed is None:
            raise HarnessError("the grader embedding has no endpoint: give [evaluation.embeddings] url and model")
        if not case.answer.strip():
            return "it is empty"
        vector = case.embed(case.answer)
        best = max(_compute_cosine(vector, case.embed(choice)) for choice in list_references(case.reference))
        if best >= case.rules.threshold:
            return ""
        return f"its similarity to the reference is {best:.3f}, under {case.rules.threshold:g}"


def _compute_cosine(one: Sequence[float], other: Sequence[float]) -> float:
    if len(one) != len(other):
        raise HarnessError(f"the embedding endpoint gave vectors of {len(one)} and of {len(other)} numbers")
    length = math.hypot(*one) * math.hypot(*other)
    if not 0 < length < math.inf:
        raise HarnessError("the embedding endpoint gave a vector of length 0, or one that is not finite")
    return math.fsum(a * b for a, b in zip(one, other, strict=True)) / length


GRADER = _Embedding()
