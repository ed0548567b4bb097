"""What a load measured is in every format, in the same words."""

from __future__ import annotations

import importlib
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from harness.core.report import Figure, Load, Report

if TYPE_CHECKING:
    from tests.reports.conftest import Render

figures = importlib.import_module("harness.reports._figures")


@pytest.mark.parametrize("format_", ["terminal", "markdown", "html"])
def test_every_format_says_percentiles_rates_goodput_and_errors(format_: str, render: Render, six: Report) -> None:
    text = re.sub(r"<[^>]+>|\\", " ", render(format_, six))
    for shown in ("time to first token", "gap between chunks", "310 ms", "740 ms", "44 ms", "44.6 requests/s",
                  "goodput", "97.3 %", "20 http status, 5 connect"):  # fmt: skip
        assert shown in text, shown


def test_a_percentile_among_failures_is_no_number(render: Render, six: Report) -> None:
    line = next(line for line in render("terminal", six).splitlines() if line.strip().startswith("latency "))
    assert line.split() == ["latency", "310", "ms", "740", "ms", "failed"]


def test_a_run_without_a_load_says_nothing_of_one(render: Render, six: Report) -> None:
    for format_ in ("terminal", "markdown", "html"):
        assert "time to first token" not in render(format_, replace(six, loads=(), distributions=())), format_


def test_the_columns_of_the_terminal_are_aligned() -> None:
    times = [Figure("a", "short", "s", "", 1, 1e-5, 12.0, None), Figure("b", "a longer title", "s", "", 1, 0.5, 0.6, 1)]
    lines = figures.format_table(Load("steady", figures=tuple(times)))
    assert len({len(line) for line in lines}) == 1
    assert figures.format_table(Load("steady")) == []
