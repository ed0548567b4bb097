"""The page of the integration suite names every check, with its level."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.core.verdict import Level
from harness.suite import list_checks

PAGE = (Path(__file__).parents[3] / "docs" / "integration.md").read_text()
CHECKS = {declared.id.removeprefix("ai-suite/integration/"): declared.spec for declared in list_checks("integration")}


def read_documented_levels() -> dict[str, str]:
    """The levels by check, as in the tables."""
    levels: dict[str, str] = {}
    for ids, letters in re.findall(r"^\| (`test_[^|]+) \| ([BWI ]+) \|", PAGE, re.MULTILINE):
        names = re.findall(r"`([^`]+)`", ids)
        full = [name if "::" in name else f"test_bad_inputs.py::{name}" for name in names]
        levels |= dict(zip(full, letters.split(), strict=True))
    return levels


@pytest.mark.parametrize("id_", CHECKS)
def test_the_page_has_every_check_with_its_level(id_: str) -> None:
    level = {Level.BLOCKER: "B", Level.WARN: "W", Level.INFO: "I"}[CHECKS[id_].level]
    assert read_documented_levels().get(id_) == level


def test_the_page_has_no_other_checks() -> None:
    assert set(read_documented_levels()) <= set(CHECKS)


def test_the_page_counts_the_bad_inputs() -> None:
    cases = {name: len(spec.cases) for name, spec in CHECKS.items()}
    assert f"{cases['test_bad_inputs.py::test_survives']} wrong requests" in PAGE
    assert f"{cases['test_bad_inputs.py::test_survives_parameter']} wrong parameters" in PAGE
