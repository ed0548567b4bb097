"""axe-core, the accessibility checker of Deque (from npm), finds nothing in the unfolded page, also dark and narrow."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.core.report import Report
from tests.reports.browser import DARK, install_packages, open_page
from tests.reports.sample_reports import render_comparison, sample_report

if TYPE_CHECKING:
    from tests.reports.conftest import Render

pytestmark = [pytest.mark.browser, pytest.mark.environment]

PACKAGE = "axe-core@4.14.1"
THEMES: dict[str, list[str]] = {"light": [], "dark": [DARK], "phone": ["--window-size=390,900"]}
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
RUN = """
for (const part of document.querySelectorAll("details")) part.open = true;
axe.run().then((result) => {
  const answer = document.createElement("textarea");
  answer.textContent = JSON.stringify({
    dark: matchMedia("(prefers-color-scheme: dark)").matches,
    open: [...result.violations, ...result.incomplete.filter((rule) => rule.id !== "color-contrast")]
      .map((rule) => [rule.id, rule.nodes[0].html, rule.nodes.length]),
    passes: result.passes.map((rule) => rule.id),
  });
  document.body.replaceChildren(answer);
});
"""


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    modules = install_packages(tmp_path_factory.mktemp("npm"), PACKAGE)
    return (modules / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def check_page(chromium: str, axe: str, page: str, folder: Path, *flags: str) -> dict[str, Any]:
    """What axe reports of a page, with what it cannot decide, except the contrast of text in pictures.

    The page's own policy, which would keep axe from running, is taken out.
    """
    page = POLICY.sub("", page).replace("</body>", f"<script>{axe}</script><script>{RUN}</script></body>")
    dom, _ = open_page(chromium, page, folder, "--virtual-time-budget=60000", *flags)
    answer = re.search(r"<textarea>(.*?)</textarea>", dom, re.DOTALL)
    assert answer is not None, dom[:300]
    result: dict[str, Any] = json.loads(html.unescape(answer[1]))
    return result


@pytest.mark.parametrize("theme", ["light", "dark", "phone"])
def test_axe_finds_nothing_in_a_comparison(theme: str, chromium: str, axe: str, tmp_path: Path) -> None:
    result = check_page(chromium, axe, render_comparison(sample_report()), tmp_path, *THEMES[theme])
    assert result["dark"] is (theme == "dark")
    assert {"color-contrast", "heading-order"} <= set(result["passes"])
    assert result["open"] == []


@pytest.mark.parametrize("theme", ["light", "dark", "phone"])
@pytest.mark.parametrize("kind", ["sample", "six", "passing", "hostile"])
def test_axe_finds_nothing(
    kind: str,
    theme: str,
    chromium: str,
    axe: str,
    render: Render,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    report: Report = request.getfixturevalue(kind)
    result = check_page(chromium, axe, render("html", report), tmp_path, *THEMES[theme])
    assert result["dark"] is (theme == "dark")
    assert {"color-contrast", "svg-img-alt", "heading-order"} <= set(result["passes"])
    assert result["open"] == []


def test_a_violation_would_be_found(chromium: str, axe: str, render: Render, sample: Report, tmp_path: Path) -> None:
    page = render("html", sample).replace("--ink: #1b2230; --soft: #566072", "--ink: #1b2230; --soft: #b6c0d2")
    assert "color-contrast" in [rule for rule, *_ in check_page(chromium, axe, page, tmp_path)["open"]]
