"""A check that fails once has failed: no plugin that runs it again, or changes its report, makes the gate green."""

from __future__ import annotations

import importlib.util
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.conftest import GateOutcome, run_gate

needs_flaky = pytest.mark.skipif(importlib.util.find_spec("flaky") is None, reason="flaky is not installed")
ONCE = """
import pathlib, pytest
@pytest.mark.ai_suite("smoke")
def test_mine():
    calls = pathlib.Path("calls.txt")
    calls.write_text(calls.read_text() + "x" if calls.exists() else "x")
    assert len(calls.read_text()) > 1, "fails the first time"
"""
ONCE_IN_UNITTEST = """
import pytest, unittest
@pytest.mark.ai_suite("smoke")
class TestMine(unittest.TestCase):
    def test_mine(self):
        self.assertEqual(1, 2)
"""
PLUGINS = {
    "calls runtest again": """
def pytest_collection_modifyitems(items):
    for item in items:
        def run_again(run=item.runtest):
            try:
                run()
            except BaseException:
                run()
        item.runtest = run_again
""",
    "runs the call phase itself": """
import pytest
@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item):
    for _ in range(3):
        try:
            item.runtest()
            return
        except Exception:
            pass
""",
    "runs the protocol itself": """
import pytest
from _pytest.runner import runtestprotocol
@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    for _ in range(2):
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        item._initrequest()
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    return True
""",
    "swallows the exception": """
import pytest
@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_pyfunc_call(pyfuncitem):
    try:
        return (yield)
    except Exception:
        return True
""",
}
CHANGES_REPORTS = """
import pytest
@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        report.outcome, report.longrepr = "passed", None
    return report
"""


def _assert_red(outcome: GateOutcome, check: str = "test_mine") -> None:
    """Every format agrees that the check failed."""
    assert outcome.status == 1, outcome.out + outcome.err
    assert outcome.gate is not None
    assert (outcome.gate["run"]["verdict"], outcome.gate["run"]["exit_status"]) == ("FAIL", 1)
    assert outcome.check(check)["verdict"] == "FAIL"
    junit = ET.parse(outcome.run_dir / "junit.xml")
    (case,) = [case for case in junit.iter("testcase") if check.rpartition("::")[2] in str(case.attrib)]
    assert case.find("failure") is not None
    assert '"FAIL"' in (outcome.run_dir / "evidence.jsonl").read_text()
    assert "FAIL" in outcome.out


@pytest.mark.parametrize("plugin", PLUGINS)
def test_a_plugin_of_the_user(tmp_path: Path, reference: str, plugin: str) -> None:
    (tmp_path / "conftest.py").write_text(PLUGINS[plugin])
    (tmp_path / "test_mine.py").write_text(ONCE)
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}", "-k", "test_mine")
    _assert_red(outcome)
    assert "fails the first time" in outcome.check("test_mine")["reason"]


@pytest.mark.parametrize("content", [ONCE, ONCE_IN_UNITTEST], ids=["function", "unittest"])
def test_a_changed_report(tmp_path: Path, reference: str, content: str) -> None:
    (tmp_path / "conftest.py").write_text(CHANGES_REPORTS)
    (tmp_path / "test_mine.py").write_text(content)
    _assert_red(run_gate(tmp_path, f"--ai-endpoint={reference}", "-k", "test_mine"))


@needs_flaky
@pytest.mark.parametrize("processes", ["-n0", "-n2"])
def test_flaky(tmp_path: Path, reference: str, processes: str) -> None:
    (tmp_path / "test_mine.py").write_text(ONCE)
    _assert_red(
        run_gate(tmp_path, f"--ai-endpoint={reference}", "-k", "test_mine", "--force-flaky", processes, timeout=300)
    )


@pytest.mark.parametrize("plugin", ["calls runtest again", "runs the call phase itself"])
def test_a_packaged_check(tmp_path: Path, plugin: str) -> None:
    """Its second call would have passed."""
    (tmp_path / "conftest.py").write_text(PLUGINS[plugin] + FAILS_ONCE)
    outcome = run_gate(tmp_path, "--ai-endpoint=http://127.0.0.1:9", "-k", "test_name")
    _assert_red(outcome, "test_connection.py::test_name")


FAILS_ONCE = """
def pytest_collection_finish(session):
    from harness import Verdict
    from harness.core.verdict import Status
    from harness.plugin import run_checks
    verdicts = [Verdict(Status.FAIL, "first", n=1), Verdict(Status.PASS, "second", n=1)]
    run_checks._run_check = lambda item: verdicts.pop(0) if len(verdicts) > 1 else verdicts[0]
"""


@needs_flaky
def test_a_flaky_plugin_leaves_a_pass(tmp_path: Path, reference: str) -> None:
    (tmp_path / "test_mine.py").write_text(ONCE.replace("> 1", "> 0"))
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}", "-k", "test_mine", "--force-flaky")
    assert outcome.check("test_mine")["verdict"] == "PASS", outcome.out
