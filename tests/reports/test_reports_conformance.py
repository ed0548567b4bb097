"""What every format must keep, found by file name: a new renderer is tested by being there."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.core.registry import list_plugins, load_plugin
from harness.core.report import Report
from harness.core.verdict import Status
from harness.run.report_files import render_report

if TYPE_CHECKING:
    from tests.reports.conftest import Render

FORMATS = list_plugins("reports")
KINDS = ("sample", "empty", "hostile", pytest.param("huge", marks=pytest.mark.slow))


def test_the_shipped_formats_are_found() -> None:
    assert {"html", "json", "junit", "markdown", "terminal"} <= set(FORMATS)


def test_suffixes_differ() -> None:
    suffixes = [load_plugin("reports", name).SUFFIX for name in FORMATS]
    assert len(set(suffixes)) == len(suffixes)
    assert all(suffix.startswith(".") for suffix in suffixes)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", FORMATS)
def test_any_report_renders_and_says_its_verdict(
    name: str, kind: str, render: Render, request: pytest.FixtureRequest
) -> None:
    report: Report = request.getfixturevalue(kind)
    text = render(name, report)
    assert str(report.run.verdict) in text
    text.encode()  # no lone surrogate is left
    controls = re.search(r"[\x00-\x08\x0b-\x1f]", text)
    assert not controls, f"raw control character: {controls}"


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("verdict", [Status.PASS, Status.FAIL, Status.INCONCLUSIVE, Status.ERROR])
def test_every_verdict_is_named_before_anything_else(name: str, verdict: Status, render: Render, empty: Report) -> None:
    text = render(name, replace(empty, run=replace(empty.run, verdict=verdict, reason="because")))
    others = [str(status) for status in Status if status is not verdict]
    if name not in ("html", "json"):  # a page's style sheet and JSON's order come first
        assert text.index(verdict) < min((text.find(other) % 10**9 for other in others), default=10**9)
    assert str(verdict) in text


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_report_gives_the_same_text(name: str, render: Render, sample: Report) -> None:
    assert render(name, sample) == render(name, sample)


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "json"])
def test_invisible_text_is_made_visible(name: str, render: Render, hostile: Report) -> None:
    text = render(name, hostile)
    assert "\u202e" not in text
    assert "\x9b" not in text
    assert "U+202E" in text


@pytest.mark.parametrize("name", ["html", "junit", "markdown", "terminal", "annotations", "ctrf", "sarif", "summary"])
def test_the_commands_of_a_written_report_work_from_any_folder(name: str, sample: Report, tmp_path: Path) -> None:
    text = html.unescape(render_report(name, sample, tmp_path / "run one").decode())
    assert f"aiharness rerun '{tmp_path}/run one' " in text
