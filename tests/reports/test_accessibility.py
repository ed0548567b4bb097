"""axe-core, the accessibility checker of Deque (from npm), finds nothing in the unfolded page, however it is shown."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.core.report import Report
from tests.reports.browser import DARK, install_packages, open_page
from tests.reports.full_reports import render_runs
from tests.reports.sample_reports import six_suites

if TYPE_CHECKING:
    from tests.reports.conftest import Render

pytestmark = [pytest.mark.browser, pytest.mark.environment]

PACKAGE = "axe-core@4.14.1"
THEMES: dict[str, list[str]] = {
    "light": [],
    "dark": [DARK],
    "phone": ["--window-size=390,900"],
    "print": ["--window-size=720,1000"],
    "scriptless": ["--window-size=390,900"],
}
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
    unreachable: [...document.querySelectorAll("*")]
      .filter((part) => ["auto", "scroll"].includes(getComputedStyle(part).overflowX))
      .filter((part) => part.scrollWidth > part.clientWidth + 1 && part.tabIndex < 0)
      .map((part) => part.outerHTML.slice(0, 200)),
  });
  document.body.replaceChildren(answer);
});
"""


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    modules = install_packages(tmp_path_factory.mktemp("npm"), PACKAGE)
    return (modules / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def check_page(chromium: str, axe: str, page: str, folder: Path, theme: str = "light") -> dict[str, Any]:
    """What axe reports of a page, with what it cannot decide, except the contrast of text in pictures.

    The page's own policy, which would keep axe from running, is taken out. `unreachable` are regions that scroll and
    that the keyboard cannot reach.
    """
    if theme == "print":
        page = page.replace("@media print", "@media all")
    if theme == "scriptless":
        page = re.sub(r"<script\b.*?</script>", "", page, flags=re.DOTALL)
    page = POLICY.sub("", page).replace("</body>", f"<script>{axe}</script><script>{RUN}</script></body>")
    dom, _ = open_page(chromium, page, folder, "--virtual-time-budget=60000", *THEMES[theme])
    answer = re.search(r"<textarea>(.*?)</textarea>", dom, re.DOTALL)
    assert answer is not None, dom[:300]
    result: dict[str, Any] = json.loads(html.unescape(answer[1]))
    return result


def expect_nothing(result: dict[str, Any], theme: str) -> None:
    assert result["dark"] is (theme == "dark")
    assert {"color-contrast", "heading-order"} <= set(result["passes"])
    assert result["open"] == []
    assert theme == "scriptless" or result["unreachable"] == []


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing_in_a_comparison(theme: str, chromium: str, axe: str, tmp_path: Path) -> None:
    expect_nothing(check_page(chromium, axe, render_runs(six_suites()), tmp_path, theme), theme)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("kind", ["full", "passing", "hostile"])
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
    result = check_page(chromium, axe, render("html", report), tmp_path, theme)
    assert "svg-img-alt" in result["passes"]
    expect_nothing(result, theme)


def test_a_violation_would_be_found(chromium: str, axe: str, render: Render, sample: Report, tmp_path: Path) -> None:
    page = render("html", sample).replace("--ink: #1b2230; --soft: #566072", "--ink: #1b2230; --soft: #b6c0d2")
    assert "color-contrast" in [rule for rule, *_ in check_page(chromium, axe, page, tmp_path)["open"]]
