"""Grade the answers of an evaluation: the graders, with the vectors and the user's function that some of them take.

Tested in tests/run/test_evaluation.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.core.errors import HarnessError
from harness.core.evaluation import NO_GRADER, EvaluationItem, EvaluationSettings, GradingCase, load_grader
from harness.core.exchange import Exchange, Query
from harness.io.user_function import load_function
from harness.run.session import Session


class AnswerGrader:
    """Says why an answer is wrong. Raises `HarnessError` where vectors cannot be had or the user's function broke."""

    def __init__(self, settings: EvaluationSettings, embeddings: Session | None) -> None:
        self._settings = settings
        self._embeddings = embeddings
        self._vectors: dict[str, Sequence[float]] = {}
        self._function = load_function(settings.rules.function) if settings.rules.function else None

    def grade(self, item: EvaluationItem, exchange: Exchange) -> str:
        """Why this answer is wrong; empty: it is right, or it has no reference."""
        if item.grader == NO_GRADER:
            return ""
        if not exchange.ok or exchange.answer is None:
            return f"there is no valid answer: {exchange.outcome}"
        case = GradingCase(
            exchange.text, item.reference, self._settings.rules, item.inputs, self._embed, self._function
        )
        return load_grader(item.grader).grade(case)

    def _embed(self, text: str) -> Sequence[float]:
        if self._embeddings is None:
            raise HarnessError("no endpoint for vectors is configured ([evaluation.embeddings])")
        if text not in self._vectors:
            exchange = self._embeddings.ask(Query(text))
            arrays = list(exchange.answer.arrays.values()) if exchange.ok and exchange.answer else []
            if not arrays or not arrays[0]:
                raise HarnessError(f"[evaluation.embeddings] gave no vector: {exchange.outcome}")
            vector = arrays[0]
            while isinstance(vector[0], list):
                vector = vector[0]
            self._vectors[text] = vector
        return self._vectors[text]
