"""The service's answers beside the local reference's: what is compared, what differs, and what shows nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from harness.checks.answers.skew import Skew, compute_softmax, measure_skew
from harness.core.errors import ErrorClass
from harness.core.exchange import Answer, Exchange, Request, Response, Timing
from harness.core.tolerance import Tolerance
from harness.core.verdict import Counterexample

TOLERANCE = Tolerance(1e-5, 1e-4)


def make_exchange(outputs: Mapping[str, Any] | None, status: int = 200) -> Exchange:
    answer = Answer(outputs=dict(outputs)) if outputs is not None else None
    error = ErrorClass.STATUS if outputs is None else None
    return Exchange(Request("POST", "/p"), Timing(0.0), Response(status), answer, error=error)


def measure(own: Mapping[str, Any], served: Mapping[str, Any] | None, status: int = 200) -> Skew:
    return measure_skew([own], [make_exchange(served, status)], TOLERANCE, lambda summary, _: Counterexample(summary))


LOGITS = [2.0, 0.5, -1.0]
SCORES = {"predictions": 1, "probabilities": [0.2, 0.8]}


@pytest.mark.parametrize(
    ("own", "served", "compared"),
    [
        (SCORES, {"predictions": [1], "probabilities": [[0.2, 0.8]]}, ("predictions", "probabilities")),
        (SCORES, {"label": [1]}, ("predictions",)),
        (SCORES, {"p": [[0.2, 0.800001]]}, ("probabilities",)),
        ({"output": LOGITS}, {"probs": [compute_softmax(LOGITS)]}, ("output (after softmax)",)),
        ({"output": LOGITS}, {"logits": [LOGITS]}, ("output",)),
        ({"output": LOGITS}, {"label": [0]}, ("label",)),
        ({"output": 3.25}, {"predictions": [3.25]}, ("output",)),
        (SCORES, {"predictions": [[0.2, 0.8]]}, ("probabilities",)),  # MLflow answers scores by that name
        ({"output": LOGITS}, {"output": [0]}, ("label",)),
        ({"output": [3.25]}, {"predictions": [3.25]}, ("output",)),
    ],
)
def test_outputs_of_one_name_or_form_are_compared(own: Any, served: Any, compared: tuple[str, ...]) -> None:
    skew = measure(own, served)
    assert (skew.differing, dict(skew.unjudged), skew.compared) == ((), {}, compared)


@pytest.mark.parametrize(
    ("own", "served", "words"),
    [
        (SCORES, {"predictions": [1], "probabilities": [[0.3, 0.7]]}, "the service's probabilities[0] is 0.3, not 0.2"),
        (SCORES, {"label": [0]}, "the service's predictions is 0, not 1"),
        ({"output": LOGITS}, {"probs": [[0.1, 0.8, 0.1]]}, "output (after softmax)[0] is 0.1"),
        ({"output": LOGITS}, {"label": [2]}, "the service's label is 2, not 0"),
        ({"output": [70000.0, 1.0]}, {"o": [[None, 1.0]]}, "over 65504, the largest number of FP16"),
        (SCORES, {"predictions": [[0.3, 0.7]]}, "the service's probabilities[0] is 0.3, not 0.2"),
        ({"predictions": 1}, {"predictions": [[0.2, 0.8]]}, "the service's predictions is [0.2, 0.8], not 1"),
        ({"label": 1, "p": [0.2, 0.8]}, {"label": [[0.2, 0.8]], "p": [[0.2, 0.8]]}, "label is [0.2, 0.8], not 1"),
        (SCORES, {"predictions": [1], "probabilities": [None]}, "probabilities has 1 elements, expected 2"),
        (SCORES, None, "row 0 has no answer, and the local reference has one"),
    ],
)
def test_what_differs_is_named(own: Any, served: Any, words: str) -> None:
    skew = measure(own, served, 200 if served else 500)
    assert skew.differing == (0,)
    assert words in skew.examples[0].summary


@pytest.mark.parametrize(
    ("own", "served", "status", "words"),
    [
        ({"predictions": 1, "probabilities": [0.5, 0.500001]}, {"label": [0]}, 200, "two highest scores"),
        (SCORES, {"text": [["a", "b", "c"]]}, 200, "has the form of one of the reference's (predictions, prob"),
        (SCORES, None, 429, "declined"),
    ],
)
def test_what_shows_nothing_is_not_judged(own: Any, served: Any, status: int, words: str) -> None:
    skew = measure(own, served, status)
    assert skew.differing == ()
    assert words in skew.unjudged[0]


def test_refused_rows_are_counted() -> None:
    assert measure(SCORES, None, 422).refused == 1
