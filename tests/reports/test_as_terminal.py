from __future__ import annotations

import importlib
import re
from dataclasses import replace
from types import ModuleType

import pytest

from harness.core.report import Report
from harness.core.verdict import Status


@pytest.fixture(scope="module")
def terminal() -> ModuleType:
    return importlib.import_module("harness.reports.as_terminal")


@pytest.mark.parametrize("kind", ["sample", "six", "empty", "hostile", "huge"])
def test_it_is_short_and_the_verdict_is_first(kind: str, terminal: ModuleType, request: pytest.FixtureRequest) -> None:
    report: Report = request.getfixturevalue(kind)
    text: str = terminal.render(report)
    assert report.run.verdict in text.splitlines()[0]
    assert len(text.splitlines()) <= 60
    assert "\x1b" not in text


def test_an_ordinary_run_takes_about_thirty_lines(terminal: ModuleType, sample: Report) -> None:
    few = tuple(row for row in sample.checks if row.verdict in (Status.PASS, Status.FAIL))
    assert len(terminal.render(replace(sample, checks=few)).splitlines()) <= 30


def test_it_says_what_decides(terminal: ModuleType, sample: Report) -> None:
    text = terminal.render(replace(sample, checks=tuple(r for r in sample.checks if "ttft" in r.id)))
    assert "A new run needs about 4,100 samples to decide this" in text
    assert "1.5 % (1.03 % to 2.11 %), limit ≤ 1 %" in text
    assert "2 checks not judged: something needed is not configured (the report lists them)" in text


def test_it_shows_the_smallest_counterexample_and_replay_lines(terminal: ModuleType, sample: Report) -> None:
    text = terminal.render(sample)
    assert "    $ curl -sS -i -X POST http://127.0.0.1:8080/v1/chat/completions" in text
    assert "    $ pytest --ai-suite=integration --ai-endpoint=http://127.0.0.1:8080 --ai-seed=20260131" in text


def test_colour_is_ours_alone(terminal: ModuleType, hostile: Report) -> None:
    text = terminal.render(hostile, colour=True)
    escapes = set(re.findall(r"\x1b.{0,6}", text))
    assert escapes
    assert all(re.match(r"\x1b\[(0|2|(1;)?3[1235]|(1;)?2)m", found) for found in escapes), escapes
    assert re.sub(r"\x1b\[[0-9;]*m", "", text) == terminal.render(hostile)


def test_prose_keeps_to_the_width(terminal: ModuleType, sample: Report) -> None:
    for width in (60, 100, 140):
        lines = terminal.render(sample, width=width).splitlines()
        prose = [line for line in lines if not re.match(r"    \$|  (target|run|plan)", line)]
        assert max(map(len, prose)) <= width
