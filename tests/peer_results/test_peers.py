"""Results of other tools are read as items; a file that is none of them is one clear error."""

from __future__ import annotations

import pytest

from harness.core.errors import ConfigError, UsageError
from harness.core.peer_results import parse_results


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "file: is empty|file: is not JSON"),
        ("no JSON", "file: is not JSON"),
        ('{"a": 1}', "file: is not a file of results that is known"),
        ("[]", "file: is not a file of results that is known"),
        ('{"a": 1}\n{"b": ', "file:2: is not JSON"),
        ("[" * 100_000, "file: is nested too deep|file: is not JSON"),
    ],
)
def test_what_is_no_file_of_results_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_results(text, "file")


def test_an_unknown_tool_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown format of results 'helm'"):
        parse_results("{}", "file", "helm")
