"""The sample reports as fixtures, and the renderers by name."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.core.registry import load_plugin
from harness.core.report import Report
from tests.reports import sample_reports as samples
from tests.reports.browser import find_chromium
from tests.reports.full_reports import full_report

Render = Callable[[str, Report], str]


@pytest.fixture(scope="session")
def sample() -> Report:
    return samples.sample_report()


@pytest.fixture(scope="session")
def six() -> Report:
    return samples.six_suites()


@pytest.fixture(scope="session")
def passing() -> Report:
    return samples.six_suites(passes=True)


@pytest.fixture(scope="session")
def full() -> Report:
    return full_report()


@pytest.fixture(scope="session")
def empty() -> Report:
    return samples.empty_report()


@pytest.fixture(scope="session")
def hostile() -> Report:
    return samples.hostile_report()


@pytest.fixture(scope="session")
def huge() -> Report:
    return samples.huge_report()


@pytest.fixture(scope="session")
def render() -> Render:
    """Render a report in the format of this name, found as the program finds it."""

    def render_report(name: str, report: Report) -> str:
        text: str = load_plugin("reports", name).render(report)
        return text

    return render_report


@pytest.fixture(scope="session")
def chromium() -> str:
    return find_chromium()
