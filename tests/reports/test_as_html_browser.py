"""The page in a real Chromium: no violation of its own policy, nothing hostile runs, its own script does."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.core.report import Report

if TYPE_CHECKING:
    from tests.reports.conftest import Render

pytestmark = pytest.mark.browser
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-default-apps", "--no-first-run", "--enable-logging=stderr",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip


@pytest.fixture(scope="module")
def chromium() -> str:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        reason = "no Chromium on PATH: apt-get install -y chromium"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def opened(chromium: str, html: str, folder: Path) -> tuple[str, str]:
    """The DOM after the page's script ran, and what the console said."""
    page = folder / "report.html"
    page.write_text(html, encoding="utf-8")
    command = [chromium, *FLAGS, f"--user-data-dir={folder / 'profile'}", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    console = "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)
    return done.stdout, console


@pytest.mark.parametrize("kind", ["sample", "six", "hostile", "huge"])
def test_the_page_opens_clean(
    kind: str, chromium: str, render: Render, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    report: Report = request.getfixturevalue(kind)
    dom, console = opened(chromium, render("html", report), tmp_path)
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
    dom, console = opened(chromium, html, tmp_path)
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
    dom, _ = opened(chromium, page, tmp_path)
    found = re.search(r"<title>(\d+) of (\d+)</title>", dom)
    assert found is not None
    assert 370 <= int(found[2]) <= 400
    assert int(found[1]) <= int(found[2])
