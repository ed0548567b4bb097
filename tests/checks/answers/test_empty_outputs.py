"""An output that is empty is no answer; a list of errors that is empty is no output."""

from __future__ import annotations

from typing import Any

import pytest

from harness.checks.answers.valid_answer import _find_empty_output
from harness.core.exchange import Answer


@pytest.mark.parametrize(
    ("outputs", "problem"),
    [
        ({"label": [3]}, None),
        ({"label": []}, "output 'label' is empty"),
        ({"label": [3], "errors": [], "error": None}, None),
        ({"errors": []}, "the answer holds no output"),
        ({"label": [3], "scores": None}, "output 'scores' is empty"),
    ],
)
def test_what_holds_no_output(outputs: dict[str, Any], problem: str | None) -> None:
    assert _find_empty_output(Answer(outputs=outputs)) == problem
