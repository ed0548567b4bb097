"""Run one check: call it, take its verdict, attach the evidence to pytest's report."""

from __future__ import annotations

import fcntl
import inspect
import os
import traceback
import unittest
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from _pytest.outcomes import Failed

from harness.core.check_spec import CheckSpec
from harness.core.errors import BudgetExhausted, HarnessError
from harness.core.plan import PlannedCheck
from harness.core.redaction import redact_text
from harness.core.verdict import (
    Counterexample,
    Level,
    Status,
    Verdict,
    choose_worst,
    make_error,
    make_inconclusive,
    make_skipped,
)
from harness.io.clock import DriftWatch
from harness.io.rundir import EvidenceLine
from harness.plugin.user_client import AskFailed, ObjectiveJudge
from harness.run.confirmation import judge_confirmed
from harness.run.early_stop import explain_early_stop, note_failure
from harness.run.gate_run import GateRun
from harness.run.measurements import are_begun
from harness.suite import ROOT, find_spec

VERDICTS = pytest.StashKey[list[Verdict]]()
"""What the calls of an item ended with since its last report: several, where a plugin calls it again by itself."""


_ASSERTIONS = "the test's own assertions"
_FORKED = (
    "this test is run in a forked process (pytest-forked: `@pytest.mark.forked`), where the connections of the run do "
    "not work; remove the mark, and use pytest-xdist (`-n 2`) for a process of its own"
)


class CheckFailed(Failed, AssertionError):
    """A blocker's FAIL, for pytest and Allure: its reason says all, so that pytest reads no source for a traceback."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, pytrace=False)


class CheckError(Exception):
    """A blocker's ERROR: the harness or the way to the target broke."""


class CheckHooks:
    """The hooks around a single item; they run in the process that runs it."""

    def __init__(self, run: GateRun) -> None:
        self._run = run
        self._watch = DriftWatch()
        self._process = os.getpid()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
        """Write down what no report was made of; under xdist, run a check that must run `alone` while no other runs."""
        check = self._run.checks.get(item.nodeid)
        if check is None:
            return (yield)
        try:
            title = item.nodeid.removeprefix(f"{ROOT}/")
            with self._hold_lock(item, check), self._run.progress.part(title, check.requests):
                return (yield)
        finally:
            if verdicts := _take_verdicts(item):
                self._write_verdict(item, check, choose_worst(verdicts))

    @contextmanager
    def _hold_lock(self, item: pytest.Item, check: PlannedCheck) -> Iterator[None]:
        if self._run.worker == "main":
            yield
            return
        spec = find_spec(getattr(item, "function", None))
        alone = spec is not None and (spec.alone or self._measures_alone(spec, check))
        path = self._run.run_dir.path / ".alone"
        with ExitStack() as stack:
            try:
                # A worker that dies gives its lock back.
                fcntl.flock(stack.enter_context(open(path, "w")), fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
            except OSError as problem:
                self._run.log.note_loss(f"{path} cannot be written ({problem.strerror})")
            yield

    def _measures_alone(self, spec: CheckSpec, check: PlannedCheck) -> bool:
        return any(measurement.alone for measurement in spec.measures) and not are_begun(self._run, check.measures)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """End a check that cannot ask: the endpoint was never reached, or does not offer a capability."""
        check = self._run.checks.get(item.nodeid)
        if check is None:
            return
        self._run.begin_check()
        self._watch = DriftWatch()
        if check.not_applicable:
            pytest.skip(check.not_applicable)
        if os.getpid() != self._process:
            _end(item, make_error(_FORKED), check)
            pytest.skip(_FORKED)
        try:
            self._run.ledger.check_time()
        except BudgetExhausted as over:
            _end(item, make_skipped(str(over)), check)
        spec = find_spec(getattr(item, "function", None))
        verdict = self._run.judge_obstacle(check.suite)
        if verdict is not None and not (spec and spec.before_contact):
            _end(item, verdict, check)
            pytest.skip(verdict.reason)  # a warning is not asked either
        if reason := explain_early_stop(self._run, check):
            _end(item, make_skipped(reason), check)

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> object:
        """Call a packaged check and take the verdict that it returns."""
        check = self._run.checks.get(pyfuncitem.nodeid)
        if check is None:
            return None
        if find_spec(pyfuncitem.function) is None:
            return _run_user_test(pyfuncitem, check)
        _end(pyfuncitem, self._judge_packaged(pyfuncitem, check), check)
        return True

    def _judge_packaged(self, item: pytest.Function, check: PlannedCheck) -> Verdict:
        """The verdict of a packaged check; it is asked again where noise may have decided it."""
        spec = find_spec(item.function)
        if spec is None or spec.measures or spec.per or spec.before_contact:
            return _run_check(item)
        try:
            return judge_confirmed(lambda: _run_check(item), self._run.get_session(check.suite))
        except BudgetExhausted as over:
            return make_skipped(str(over))

    @pytest.hookimpl(wrapper=True, tryfirst=True, specname="pytest_pyfunc_call")
    def pytest_aiharness_watch_call(self, pyfuncitem: pytest.Function) -> Any:
        """Note what a test of the user's own raises, whatever calls it: a plugin may call it again."""
        check = self._run.checks.get(pyfuncitem.nodeid)
        try:
            return (yield)
        except BaseException as error:
            if check is not None and check.kind == "user":
                pyfuncitem.stash.setdefault(VERDICTS, []).extend(_list_verdicts(error))
            raise

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
        """Write the verdict of this phase down, in the process that ran it: a plugin may discard the report."""
        report: Any = yield
        check = self._run.checks.get(item.nodeid)
        if check is None:
            return report
        verdicts = _take_verdicts(item)
        if check.kind == "user" and call.when == "call" and call.excinfo and not verdicts:
            verdicts = _list_verdicts(call.excinfo.value)
        if check.kind == "user" and (hasattr(report, "wasxfail") or _fails_after_pass(report, verdicts)):
            verdicts = []  # an expected failure; or a plugin's own assertion behind a PASS
        verdict = choose_worst(verdicts) if verdicts else _judge_report(report, call, check)
        if verdict is None:
            return report
        if check.kind != "user" and call.when == "call" and (problem := self._watch.explain()):
            verdict = make_error(problem)
        line = self._write_verdict(item, check, verdict, call.duration)
        if self._run.log.loss and self._run.worker != "main":
            report.ai_loss = self._run.log.loss
            report.ai_unwritten = msgspec.json.encode(self._run.log.unwritten).decode()  # the controller may have room
        report.ai_status, report.ai_level = str(line.verdict.status), str(check.level)
        if report.failed and call.excinfo and isinstance(call.excinfo.value, CheckFailed | CheckError):
            report.longrepr = f"{line.verdict.status}: {line.verdict.reason}"
        self._redact(report)
        return report

    def _write_verdict(
        self, item: pytest.Item, check: PlannedCheck, verdict: Verdict, seconds: float = 0.0
    ) -> EvidenceLine:
        if check.kind == "user" and verdict.status is Status.FAIL and not verdict.counterexamples:
            verdict = replace(verdict, counterexamples=self._show_recent(check, verdict.reason))
        verdict = self._run.end_check(item.nodeid, verdict)
        attach_to_allure(item, verdict)
        line = self._run.make_evidence(item.nodeid, verdict, seconds)
        self._run.log.record(line)
        note_failure(self._run, check, line.verdict)
        if self._run.log.loss:
            item.session.shouldstop = self._run.log.loss
        return line

    def _show_recent(self, check: PlannedCheck, reason: str) -> tuple[Counterexample, ...]:
        """The last exchanges of a test whose own assertion failed, the newest first."""
        session, examples = self._run.get_session(check.suite), list[Counterexample]()
        for exchange in reversed(session.recent):
            examples.append(session.show("asked before that" if examples else reason, exchange))
        return tuple(examples)

    def _redact(self, report: Any) -> None:
        """Take secrets out of what pytest itself prints: a test of the user's own may show whole exchanges."""
        secrets = self._run.settings.list_secrets()
        if report.longrepr is not None and redact_text(text := str(report.longrepr), secrets) != text:
            report.longrepr = redact_text(text, secrets)
        report.sections = [(name, redact_text(content, secrets)) for name, content in report.sections]


def _run_check(item: pytest.Function) -> Verdict:
    """The verdict of a packaged check, whatever it raises."""
    try:
        verdict = _call(item)
    except BudgetExhausted as over:
        return make_skipped(str(over))
    except HarnessError as problem:
        return make_error(str(problem))
    except Exception as problem:
        frame = traceback.extract_tb(problem.__traceback__)[-1]
        where = f"{frame.filename.rpartition('/')[2]}:{frame.lineno}"
        return make_error(f"the check itself broke at {where}: {type(problem).__name__}: {problem}")
    if not isinstance(verdict, Verdict):
        return make_error(f"the check returned {type(verdict).__name__} in place of a Verdict")
    return verdict


def _run_user_test(item: pytest.Function, check: PlannedCheck) -> object:
    """A test of the user's own may return a Verdict too; anything else that it returns is an error."""
    if inspect.iscoroutinefunction(item.obj):
        return None
    try:
        result = _call(item)
    except (AskFailed, HarnessError) as error:
        verdict = _judge_exception(error)
        if verdict is None or verdict.status is Status.FAIL:
            raise  # its reader wants to see where in the test it was raised
        _end(item, verdict, check)
        return True
    except BaseException as error:
        item.stash.setdefault(VERDICTS, []).extend(_list_verdicts(error))
        raise
    judge = item.funcargs.get("ai_objective")
    if result is None and isinstance(judge, ObjectiveJudge):
        result = judge.verdict  # a forgotten `return` must not turn a FAIL into a PASS
    if result is not None:
        reason = f"the test returned {type(result).__name__}: assert it, or return a Verdict"
        _end(item, result if isinstance(result, Verdict) else make_error(reason), check)
    return True


def _call(item: pytest.Function) -> object:
    names = inspect.signature(item.obj).parameters
    return item.obj(**{name: item.funcargs[name] for name in names if name in item.funcargs})


def _end(item: pytest.Item, verdict: Verdict, check: PlannedCheck) -> None:
    """Keep the verdict, and end the item in pytest's own terms."""
    item.stash.setdefault(VERDICTS, []).append(verdict)
    if verdict.status in (Status.INCONCLUSIVE, Status.SKIPPED):
        pytest.skip(verdict.reason)
    if check.level is Level.BLOCKER and verdict.status is Status.FAIL:
        raise CheckFailed(verdict.reason)
    if check.level is Level.BLOCKER and verdict.status is Status.ERROR:
        raise CheckError(verdict.reason)


def _list_verdicts(error: BaseException) -> list[Verdict]:
    """The verdict of an exception that ended a call of a user's test; none of one that says nothing of the service."""
    if isinstance(error, CheckFailed | CheckError | pytest.xfail.Exception | pytest.exit.Exception | KeyboardInterrupt):
        return []
    if isinstance(error, pytest.skip.Exception | unittest.SkipTest):
        return [make_skipped(str(error))]
    if verdict := _judge_exception(error):
        return [verdict]
    lines = pytest.ExceptionInfo.from_exception(error).exconly(tryshort=True).splitlines()
    return [Verdict(Status.FAIL, lines[0][:500], method=_ASSERTIONS, n=1)]


def _take_verdicts(item: pytest.Item) -> list[Verdict]:
    verdicts = item.stash.get(VERDICTS, [])
    item.stash[VERDICTS] = []
    return verdicts


def _judge_exception(error: BaseException) -> Verdict | None:
    """The verdict of a test of the user's own that was ended by the harness; None for any other exception."""
    if isinstance(error, AskFailed):
        return error.verdict
    if isinstance(error, BudgetExhausted):
        return make_skipped(str(error))
    return make_error(str(error)) if isinstance(error, HarnessError) else None


def _judge_report(report: pytest.TestReport, call: pytest.CallInfo[None], check: PlannedCheck) -> Verdict | None:
    """The verdict that one phase of an item brings, where no call of it left one; None for a phase without any."""
    is_expected = hasattr(report, "wasxfail")
    if check.kind == "user" and call.excinfo and not is_expected and (verdict := _judge_exception(call.excinfo.value)):
        return verdict
    if report.skipped and not is_expected:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        return make_skipped(reason.removeprefix("Skipped: "))
    if report.when in ("setup", "teardown"):
        phase = "a fixture" if report.when == "setup" else "the teardown"
        return make_error(f"{phase} of this check broke: {_find_reason(report)}") if report.failed else None
    return _judge_user_test(report) if check.kind == "user" else None


def _judge_user_test(report: pytest.TestReport) -> Verdict:
    if hasattr(report, "wasxfail"):
        return make_inconclusive(f"marked xfail ({report.wasxfail or 'no reason'}): an expected failure is no evidence")
    if report.failed:
        return Verdict(Status.FAIL, _find_reason(report), method=_ASSERTIONS, n=1)
    return Verdict(Status.PASS, "the test's own assertions hold", method=_ASSERTIONS, n=1)


def _fails_after_pass(report: pytest.TestReport, verdicts: list[Verdict]) -> bool:
    return report.failed and all(verdict.status is Status.PASS for verdict in verdicts)


def _find_reason(report: pytest.TestReport) -> str:
    """The first line of an exception's message, or the last line of anything else that pytest has to say."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash else str(report.longrepr or "")
    lines = [line for line in text.strip().splitlines() if line.strip()] or ["no reason was given"]
    return lines[0 if crash else -1][:500]


def attach_to_allure(item: pytest.Item, verdict: Verdict) -> None:
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
