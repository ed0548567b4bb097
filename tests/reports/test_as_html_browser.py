"""The page in a real Chromium: no violation of its own policy, nothing hostile runs, its own script does."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.core.report import Report
from tests.reports.browser import open_page

if TYPE_CHECKING:
    from tests.reports.conftest import Render

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("kind", ["sample", "six", "hostile", "huge"])
def test_the_page_opens_clean(
    kind: str, chromium: str, render: Render, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    report: Report = request.getfixturevalue(kind)
    dom, console = open_page(chromium, render("html", report), tmp_path)
    assert console == ""
    title = re.search(r"<title>(.*?)</title>", dom)
    assert title is not None
    assert title[1].startswith("FAIL · ")
    assert re.search(r"<h1>.*?<span>FAIL", dom, re.DOTALL)
    assert 'class="copy"' in dom, "the page's own script did not run"
    assert '<p id="filter">' in dom
    assert "<img" not in dom


def test_a_violation_would_be_seen(chromium: str, render: Render, sample: Report, tmp_path: Path) -> None:
    html = render("html", sample).replace("</main>", "</main><script>document.title='owned'</script>")
    dom, console = open_page(chromium, html, tmp_path)
    assert "Content Security Policy" in console
    assert "<title>owned" not in dom


@pytest.mark.parametrize("kind", ["sample", "six", "hostile"])
def test_nothing_overflows_a_narrow_screen(
    kind: str, chromium: str, render: Render, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    report: Report = request.getfixturevalue(kind)
    frame = f'<iframe width="400" height="900" srcdoc="{escape(render("html", report), quote=True)}"></iframe>'
    script = "const d = frames[0].document.documentElement; document.title = `${d.scrollWidth} of ${d.clientWidth}`"
    page = f"<!doctype html><meta charset=utf-8><title></title>{frame}<script>onload = () => {{{script}}}</script>"
    dom, _ = open_page(chromium, page, tmp_path)
    found = re.search(r"<title>(\d+) of (\d+)</title>", dom)
    assert found is not None
    assert 370 <= int(found[2]) <= 400
    assert int(found[1]) <= int(found[2])
