"""What real servers showed the checks to be wrong about."""

from __future__ import annotations

import json

import pytest

from harness.checks.answers.identity import is_same_model
from harness.checks.bad_input.requests import INPUT_MARK, fill_mark


@pytest.mark.parametrize(
    ("served", "same"),
    [
        *(("tiny", True), ("tiny:latest", True), ("tiny@main", True), ("tiny-2026-11-21", True), ("tiny-2411", True)),
        *(("tiny@other", False), ("tiny-7b", False), ("tinier-2411", False)),
    ],
)
def test_a_tag_or_a_date_behind_a_name_is_the_same_model(served: str, same: bool) -> None:
    """Ollama adds `:latest`, transformers serve `@main`; Mistral and OpenAI answer an alias with a dated name."""
    assert is_same_model(served, "tiny") is same


def test_a_list_stands_in_place_of_one_that_an_adapter_wrapped() -> None:
    for given in (INPUT_MARK, [INPUT_MARK]):
        body = json.dumps({"stop": given}).encode()
        assert json.loads(fill_mark(body, b'["a", "b"]')) == {"stop": ["a", "b"]}
    assert json.loads(fill_mark(json.dumps({"stop": [INPUT_MARK]}).encode(), b"5")) == {"stop": [5]}
