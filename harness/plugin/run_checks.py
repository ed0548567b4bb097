"""Run one check: call it, take its verdict, attach the evidence to pytest's report."""

from __future__ import annotations

import fcntl
import inspect
import traceback
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from harness.core.check_spec import CheckSpec
from harness.core.endpoint import redact_text
from harness.core.errors import BudgetExhausted, HarnessError
from harness.core.plan import PlannedCheck
from harness.core.verdict import Counterexample, Level, Status, Verdict, make_error, make_inconclusive, make_skipped
from harness.io.rundir import EvidenceLine
from harness.plugin.user_client import AskFailed, Judging
from harness.run.gate_run import GateRun
from harness.run.measurements import are_begun
from harness.suite import find_spec

VERDICT = pytest.StashKey[Verdict]()


class CheckFailed(AssertionError):
    """A blocker's FAIL, as pytest and Allure know it."""


class CheckError(Exception):
    """A blocker's ERROR: the harness or the way to the target broke."""


class Running:
    """The hooks around a single item; they run in the process that runs it."""

    def __init__(self, run: GateRun) -> None:
        self._run = run

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
        """Under xdist, run a check that is declared `alone`, or makes such a measurement, while no other runs."""
        check = self._run.checks.get(item.nodeid)
        if check is None or self._run.worker == "main":
            return (yield)
        spec = find_spec(getattr(item, "function", None))
        alone = spec is not None and (spec.alone or self._measures_alone(spec, check))
        with open(self._run.run_dir.path / ".alone", "w") as lock:
            # A worker that dies gives its lock back.
            fcntl.flock(lock, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
            return (yield)

    def _measures_alone(self, spec: CheckSpec, check: PlannedCheck) -> bool:
        return any(measurement.alone for measurement in spec.measures) and not are_begun(self._run, check.measures)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Do not run what cannot be asked: an endpoint never reached, a capability that is not offered."""
        check = self._run.checks.get(item.nodeid)
        if check is None:
            return
        self._run.begin_check()
        if check.not_applicable:
            pytest.skip(check.not_applicable)
        try:
            self._run.ledger.check_time()
        except BudgetExhausted as over:
            _end(item, make_skipped(str(over)), check)
        spec = find_spec(getattr(item, "function", None))
        verdict = self._run.judge_obstacle(check.suite)
        if verdict is not None and not (spec and spec.before_contact):
            _end(item, verdict, check)
            pytest.skip(verdict.reason)  # a warning is not asked either

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> object:
        """Call a packaged check and take the verdict that it returns."""
        check = self._run.checks.get(pyfuncitem.nodeid)
        if check is None:
            return None
        if find_spec(pyfuncitem.function) is None:
            return self._users_own(pyfuncitem, check)
        _end(pyfuncitem, self._verdict(pyfuncitem), check)
        return True

    def _users_own(self, item: pytest.Function, check: PlannedCheck) -> object:
        """A test of the user's own may return a Verdict too; anything else that it returns decides nothing."""
        if inspect.iscoroutinefunction(item.obj):
            return None
        try:
            found = _called(item)
        except (AskFailed, HarnessError) as raised:
            verdict = _of_raised(raised)
            if verdict is None or verdict.status is Status.FAIL:
                raise  # where in the test it was asked is what its reader wants to see
            _end(item, verdict, check)
            return True
        if found is None and isinstance(judging := item.funcargs.get("ai_objective"), Judging):
            found = judging.verdict  # a forgotten `return` must not turn a FAIL into a PASS
        if found is not None:
            what = f"the test returned {type(found).__name__}: assert it, or return a Verdict"
            _end(item, found if isinstance(found, Verdict) else make_error(what), check)
        return True

    def _verdict(self, item: pytest.Function) -> Verdict:
        try:
            verdict = _called(item)
        except BudgetExhausted as over:
            return make_skipped(str(over))
        except HarnessError as problem:
            return make_error(str(problem))
        except Exception as problem:
            at = traceback.extract_tb(problem.__traceback__)[-1]
            where = f"{at.filename.rpartition('/')[2]}:{at.lineno}"
            return make_error(f"the check itself broke at {where}: {type(problem).__name__}: {problem}")
        if not isinstance(verdict, Verdict):
            return make_error(f"the check returned {type(verdict).__name__} in place of a Verdict")
        return verdict

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
        """Attach the verdict as evidence; plain data, so that it survives the way from a worker."""
        report: Any = yield
        check = self._run.checks.get(item.nodeid)
        if check is None:
            return report
        raised = call.excinfo.value if call.excinfo else None
        own = check.kind == "user" and not hasattr(report, "wasxfail")
        verdict = (_of_raised(raised) if own else None) or _of_report(item, report, check)
        if verdict is None:
            return report
        if check.kind == "user" and verdict.status is Status.FAIL and not verdict.counterexamples:
            verdict = replace(verdict, counterexamples=self._last_asked(check, verdict.reason))
        verdict = self._run.end_check(item.nodeid, verdict)
        attach(item, verdict)
        line = EvidenceLine(item.nodeid, verdict, self._run.now(), round(call.duration, 4), self._run.worker)
        report.aiharness = msgspec.json.encode(line).decode()
        report.ai_status, report.ai_level = str(verdict.status), str(check.level)
        if report.failed and VERDICT in item.stash:
            report.longrepr = f"{verdict.status}: {verdict.reason}"
        self._hide(report)
        return report

    def _last_asked(self, check: PlannedCheck, reason: str) -> tuple[Counterexample, ...]:
        """What a test had asked last when its own assertion failed, the newest first."""
        session = self._run.get_session(check.suite)
        asked = list(reversed(session.recent))
        words = (reason, *("asked before that",) * len(asked))
        return tuple(session.show(said, exchange) for said, exchange in zip(words, asked, strict=False))

    def _hide(self, report: Any) -> None:
        """Take secrets out of what pytest itself will print: a test of the user's own may show whole exchanges."""
        secrets = self._run.settings.endpoint.list_secrets()
        if report.longrepr is not None and redact_text(text := str(report.longrepr), secrets) != text:
            report.longrepr = redact_text(text, secrets)
        report.sections = [(name, redact_text(content, secrets)) for name, content in report.sections]


def _called(item: pytest.Function) -> object:
    names = inspect.signature(item.obj).parameters
    return item.obj(**{name: item.funcargs[name] for name in names if name in item.funcargs})


def _end(item: pytest.Item, verdict: Verdict, check: PlannedCheck) -> None:
    """Keep the verdict, and tell pytest in its own terms how the check ended."""
    item.stash[VERDICT] = verdict
    if verdict.status in (Status.INCONCLUSIVE, Status.SKIPPED):
        pytest.skip(verdict.reason)
    if check.level is Level.BLOCKER and verdict.status is Status.FAIL:
        raise CheckFailed(verdict.reason)
    if check.level is Level.BLOCKER and verdict.status is Status.ERROR:
        raise CheckError(verdict.reason)


def _of_raised(raised: BaseException | None) -> Verdict | None:
    """The verdict of a test of the user's own that was ended by the harness; None for any other exception."""
    if isinstance(raised, AskFailed):
        return raised.verdict
    if isinstance(raised, BudgetExhausted):
        return make_skipped(str(raised))
    return make_error(str(raised)) if isinstance(raised, HarnessError) else None


def _of_report(item: pytest.Item, report: pytest.TestReport, check: PlannedCheck) -> Verdict | None:
    """The verdict that one phase of an item brings, or None for a phase that brings none."""
    if VERDICT in item.stash and report.when in ("setup", "call"):
        if report.when == "setup" and report.passed:
            return None
        return item.stash[VERDICT]
    if report.skipped and not hasattr(report, "wasxfail"):
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        return make_skipped(why.removeprefix("Skipped: "))
    if report.when != "call":
        part = "a fixture" if report.when == "setup" else "the teardown"
        return make_error(f"{part} of this check broke: {_last_line(report)}") if report.failed else None
    return _of_user_test(report) if check.kind == "user" else None


def _of_user_test(report: pytest.TestReport) -> Verdict:
    """The verdict of a test of the user's own that came to its end."""
    if hasattr(report, "wasxfail"):
        return make_inconclusive(f"marked xfail ({report.wasxfail or 'no reason'}): an expected failure is no evidence")
    if report.failed:
        return Verdict(Status.FAIL, _last_line(report), method="the test's own assertions", n=1)
    return Verdict(Status.PASS, "the test's own assertions hold", method="the test's own assertions", n=1)


def _last_line(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash else str(report.longrepr or "no reason was given")
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return (lines[0] if crash and lines else lines[-1] if lines else "no reason was given")[:500]


def attach(item: pytest.Item, verdict: Verdict) -> None:
    """Attach request, answer and curl line to Allure's result, when the user writes one (`--alluredir`)."""
    if not item.config.getoption("allure_report_dir", None):
        return
    import allure

    as_json = allure.attachment_type.JSON
    for example in verdict.counterexamples[:3]:
        for name, value in (("request", example.request), ("answer", example.response)):
            if value is not None:
                allure.attach(msgspec.json.format(msgspec.json.encode(value)).decode(), name, as_json)
        if example.curl:
            allure.attach(example.curl, "curl", allure.attachment_type.TEXT)
    summary = f"{verdict.status}: {verdict.reason}"
    allure.attach(summary, "verdict", allure.attachment_type.TEXT)
