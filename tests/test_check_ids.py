"""The ids, titles and levels of all checks are promises to users: a change of one is a change of this list."""

from __future__ import annotations

from pathlib import Path

from harness.core.registry import list_plugins
from harness.suite import list_checks

LIST = Path(__file__).parent / "data" / "checks.txt"
"""`aiharness list checks > tests/data/checks.txt` writes it anew."""


def test_ids_titles_and_levels_are_as_promised() -> None:
    declared = [list_check for suite in list_plugins("suites") for list_check in list_checks(suite)]
    lines = [f"{item.spec.level:8} {item.id}  {item.spec.title}" for item in declared]
    assert lines == LIST.read_text("utf-8").splitlines()
