"""The page in a real Chromium: no violation of its own policy, nothing hostile runs, its own script does."""

from __future__ import annotations

import re
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from docs.screenshots import IMAGES, MOST_BYTES, SCREENSHOTS, cut_section, take_screenshot
from harness.core.report import Report
from tests.reports.browser import open_page
from tests.reports.sample_reports import hostile_report, render_comparison

if TYPE_CHECKING:
    from tests.reports.conftest import Render

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[2]


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


@pytest.mark.parametrize("kind", ["sample", "six", "hostile", "comparison"])
def test_nothing_overflows_a_narrow_screen(
    kind: str, chromium: str, render: Render, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    page = render_comparison(hostile_report())
    if kind != "comparison":
        page = render("html", request.getfixturevalue(kind))
    frame = f'<iframe width="400" height="900" srcdoc="{escape(page, quote=True)}"></iframe>'
    script = "const d = frames[0].document.documentElement; document.title = `${d.scrollWidth} of ${d.clientWidth}`"
    page = f"<!doctype html><meta charset=utf-8><title></title>{frame}<script>onload = () => {{{script}}}</script>"
    dom, _ = open_page(chromium, page, tmp_path)
    widths = re.search(r"<title>(\d+) of (\d+)</title>", dom)
    assert widths is not None
    assert 370 <= int(widths[2]) <= 400
    assert int(widths[1]) <= int(widths[2])


def test_pictures_of_sections_are_taken(chromium: str, render: Render, six: Report, tmp_path: Path) -> None:
    page = render("html", six)
    for shot in SCREENSHOTS[-3:-1]:
        heading = "Timeline" if shot.heading == "Model validation" else shot.heading
        picture = take_screenshot(page, replace(shot, heading=heading), tmp_path).read_bytes()
        assert picture[:4] == b"RIFF"
        assert 4_000 < len(picture) < 100_000
    with pytest.raises(ValueError, match="no section 'Nothing'"):
        cut_section(page, "Nothing")


def test_the_pictures_of_the_documents_are_small_and_shown() -> None:
    shown = "".join(path.read_text("utf-8") for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")))
    files = {path.name: path.stat().st_size for path in IMAGES.iterdir()}
    assert set(files) == {f"{shot.name}.webp" for shot in SCREENSHOTS}
    assert sum(files.values()) <= MOST_BYTES
    assert [name for name in files if f"images/{name}" not in shown] == []
