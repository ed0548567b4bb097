"""The gate's pytest plugin: plan before collection, evidence as it happens, one decision at the end.

Under xdist the controller plans and decides; each worker collects, runs and writes its verdicts into the run directory.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest

from harness.chaos.run_experiment import prepare_links
from harness.chaos.toxiproxy_api import ProxyGone
from harness.config.resolve import resolve_settings
from harness.core.causes import group_by_cause
from harness.core.check_counts import WARNED, name_count
from harness.core.errors import HarnessError, UsageError
from harness.core.gate import Exit
from harness.core.plan import PlannedCheck
from harness.core.registry import list_plugins
from harness.core.report import Report
from harness.core.verdict import Level, Status, make_error, make_skipped
from harness.io.clock import read_monotonic
from harness.io.rundir import EvidenceLine
from harness.plugin import fixtures
from harness.plugin.collection import CollectionHooks, list_config_folders
from harness.plugin.command_line import count_processes, read_options
from harness.plugin.game_day import close_game_day, open_game_day
from harness.plugin.kept_status import DECIDER, describe_exception
from harness.plugin.lost_tests import LostTests
from harness.plugin.option_values import refuse_unknown_paths
from harness.plugin.progress_lines import ProgressLines, append_line
from harness.plugin.prove import ProveHooks
from harness.plugin.rerun_record import write_record
from harness.plugin.run_checks import CheckHooks
from harness.plugin.status_line import StatusLine, can_draw_status
from harness.run.gate_run import GateRun, RunState
from harness.run.planning import plan_user_check
from harness.run.resuming import is_asked, read_adopted
from harness.run.terminal_lines import format_header, format_summary
from harness.suite import ROOT, list_checks

_CUT_SHORT = "interrupted before every planned check was run"
_PYTEST_EXITS = (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.INTERNAL_ERROR, pytest.ExitCode.USAGE_ERROR)

_OUTCOMES: dict[str, Literal["passed", "failed", "skipped"]] = {
    "FAIL": "failed",
    "ERROR": "failed",
    "INCONCLUSIVE": "skipped",
    "SKIPPED": "skipped",
}
"""What pytest calls the outcome of a check that is counted so; "passed" for any other."""

CLOSING_SECONDS = 10.0
"""Seconds after a Ctrl-C in which another one is ignored: faults are lifted and the report is written."""


def register_gate(config: pytest.Config) -> None:
    """Read the settings and add the gate's hooks. Raises `pytest.UsageError` (exit status 4)."""
    try:
        settings = resolve_settings(read_options(config), os.environ, list_config_folders(config))
    except HarnessError as problem:
        raise pytest.UsageError(str(problem)) from None
    if config.getoption("forked", False):
        raise pytest.UsageError("--forked cannot be used with --ai-suite: checks share connections; use xdist's -n")
    if not settings.suites:
        raise pytest.UsageError(f"--ai-suite is empty; known: {', '.join(list_plugins('suites'))}, all")
    declared = [check for suite in settings.suites for check in list_checks(suite)]
    run = GateRun(settings, declared, count_processes(config))
    collection = CollectionHooks(config, run)
    if not (config.option.pyargs or hasattr(config, "workerinput")):
        refuse_unknown_paths(config.args, config.invocation_params.dir)
    config.pluginmanager.register(collection, "aiharness-collecting")
    config.pluginmanager.register(CheckHooks(run), "aiharness-running")
    config.stash[fixtures.RUN] = run
    config.pluginmanager.register(fixtures, "aiharness-fixtures")
    lost = LostTests(config, settings.suites)
    config.pluginmanager.register(lost, "aiharness-lost-tests")
    if settings.prove:
        config.pluginmanager.register(ProveHooks(config, run), "aiharness-proving")
    config.stash[DECIDER] = gate = GateHooks(config, run, collection, lost)
    config.pluginmanager.register(gate, "aiharness-gate")


class GateHooks:
    """Session hooks of the controller (or of the only process), and the few that a worker needs."""

    def __init__(self, config: pytest.Config, run: GateRun, collection: CollectionHooks, lost: LostTests) -> None:
        self._config = config
        self._run = run
        self._collection = collection
        self._lost = lost
        self._worker: dict[str, Any] | None = getattr(config, "workerinput", None)
        self._report: Report | None = None
        self._interrupted: str | None = None
        listing = ("collectonly", "showfixtures", "show_fixtures_per_test")
        self._judges = not any(config.getoption(name, False) for name in listing)
        self._early_exit = Exit.INTERRUPTED
        self._is_finished = self._is_shown = self._is_game_day = False
        self._status = int(Exit.ERROR)
        self._signals: dict[signal.Signals, Any] = {}
        self._is_signalled = False
        self._lines: ProgressLines | None = None

    @property
    def _decides(self) -> bool:
        """Whether this process writes the evidence of a started run and ends it."""
        return self._worker is None and self._judges and self._run.started > 0

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Ask the endpoint what it is, write the plan; a worker takes both from the controller."""
        self._session = session
        try:
            if self._worker is not None:
                self._run.join(msgspec.convert(self._worker["aiharness"], RunState), self._worker["workerid"])
                self._run.progress.begin(partial(append_line, self._run))
            elif self._judges:
                self._signals = _replace_signal_handlers(self._note_signal)
                self._prepare_links()
                self._start_run()
                options, root = read_options(self._config), self._config.rootpath
                write_record(self._run.run_dir, self._run.settings, options, root)
                if self._run.settings.gameday:
                    open_game_day(self._run)
                    self._is_game_day = True
            else:
                self._run.make_plan()
        except HarnessError as problem:
            self._interrupted = str(problem)
            self._early_exit = Exit.USAGE
            self._is_shown = True  # pytest's line says it all
            if isinstance(problem, UsageError) and self._decides:
                self._run.close()
                self._run.run_dir.discard()
                self._run.started = 0.0  # no run: nothing was judged
            raise pytest.UsageError(str(problem)) from None

    def _start_run(self) -> None:
        """Ask the endpoint what it is. From here on the terminal says what goes on, unless it is to be quiet (-q)."""
        terminal: Any = self._config.pluginmanager.getplugin("terminalreporter")
        if terminal is not None and terminal.verbosity >= 0:
            is_drawn = can_draw_status(terminal, os.environ) and not self._run.settings.gameday
            self._lines = (StatusLine if is_drawn else ProgressLines)(self._run, terminal)
            self._config.pluginmanager.register(self._lines, "aiharness-progress")  # is told which checks go on
            self._run.progress.begin(self._lines.show, self._lines.look, speaks=not is_drawn)
        with self._run.progress.part(f"asking {self._run.settings.endpoint.url} what it is"):
            self._run.start(self._lines.show if isinstance(self._lines, StatusLine) else partial(print, flush=True))

    def _end_progress(self) -> None:
        if self._run.progress.end() and self._lines is not None:
            self._lines.close()
            self._lines = None

    def _prepare_links(self) -> None:
        """Refuse links that no fault may touch, lift what a killed run left; a proxy that is down may still come up."""
        try:
            for line in prepare_links(self._run.settings):
                print(line, flush=True)
        except ProxyGone as problem:
            print(f"no fault can be applied yet: {problem}", flush=True)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Give what preflight found to an xdist worker."""
        node.workerinput["aiharness"] = msgspec.to_builtins(self._run.get_state())

    def pytest_report_header(self) -> list[str]:
        """Target, protocol and seed, above the first test."""
        return format_header(self._run) if self._judges else []

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Keep what belongs to the suites; add the user's marked tests to the plan before anything is deselected."""
        selected: list[pytest.Item] = []
        deselected: list[pytest.Item] = []
        try:
            for item in items:
                self._lost.refuse_misspelt(item)
                (selected if self._collection.selects(item) else deselected).append(item)
            checks = [_plan_test(item) for item in selected if not item.nodeid.startswith(f"{ROOT}/")]
        except pytest.UsageError as problem:
            if self._worker is None:
                raise
            self._run.write_user_checks([], (), str(problem))  # the controller refuses the run
            items.clear()
            return
        self._run.add_user_checks(checks, self._lost.notes)
        if deselected:
            config.hook.pytest_deselected(items=deselected)
        if not self._judges:
            items[:] = selected
            return
        adopted = read_adopted(self._run.run_dir)
        items[:] = [item for item in selected if item.nodeid in self._run.checks and item.nodeid not in adopted]

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: list[str]) -> None:
        """The controller collects nothing: it learns of the user's tests from its workers."""
        try:
            self._run.read_user_checks()
        except HarnessError as problem:
            raise pytest.UsageError(str(problem)) from None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write down that a worker crashed; verdicts are written where the checks run."""
        if not self._decides:
            return
        if loss := getattr(report, "ai_loss", ""):
            self._run.log.note_loss(loss, msgspec.json.decode(report.ai_unwritten, type=list[EvidenceLine]))
        if self._run.log.loss:
            self._session.shouldstop = self._run.log.loss
        if report.when not in ("setup", "call", "teardown"):
            crash = make_error("the worker that ran this check crashed; its evidence is lost")
            self._run.log.record(EvidenceLine(report.nodeid, crash, self._run.now()))

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, Any] | None:
        """The words and letters of statuses that pytest does not have."""
        status, level = getattr(report, "ai_status", None), getattr(report, "ai_level", None)
        if status == Status.INCONCLUSIVE:
            return "inconclusive", "?", ("INCONCLUSIVE", {"cyan": True})
        if status in (Status.FAIL, Status.ERROR) and level != Level.BLOCKER:
            return WARNED, "w", ("WARNED", {"yellow": True})
        if status == Status.ERROR:
            return "error", "E", ("ERROR", {"red": True})
        return None

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Note why the run ended early."""
        self._interrupted = _CUT_SHORT

    def _note_signal(self) -> None:
        self._is_signalled = True

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Decide, write every file, and give the gate's exit status."""
        self._end_progress()
        self._run.close()
        if self._is_signalled and exitstatus == pytest.ExitCode.INTERNAL_ERROR:
            # Python itself may make another error of an interrupt, such as a SystemError within `ast`.
            self._interrupted, exitstatus = _CUT_SHORT, pytest.ExitCode.INTERRUPTED
        if self._decides:
            self._finish(exitstatus if exitstatus in _PYTEST_EXITS and not self._run.log.loss else None)
            session.exitstatus = self._status

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A module that cannot be collected, or skips itself, may hold checks: it is planned, and never a PASS."""
        if not self._decides or report.passed:
            return
        if report.failed:
            lines = str(report.longrepr or "no reason was given").strip().splitlines()
            suite: str | None = self._run.settings.suites[0]
            verdict = make_error(f"could not be collected: {lines[-1][:300]}")
        else:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            suite = self._lost.find_suite(report.nodeid)
            verdict = make_skipped(f"it skips itself with all its checks: {reason.removeprefix('Skipped: ')[:300]}")
        if suite is None:
            return
        title = f"{report.nodeid} can be collected"
        self._run.add_user_checks([plan_user_check(report.nodeid, suite, title, "blocker")])
        self._run.log.record(EvidenceLine(report.nodeid, verdict, self._run.now()))

    def conclude(self) -> int | None:
        """End a run that began and was stopped before its end, show what was not shown; the exit status, if any."""
        if not self._decides:
            return None
        if not self._is_finished:
            self._run.close()
            self._finish(self._early_exit)
        terminal: Any = self._config.pluginmanager.getplugin("terminalreporter")
        if not self._is_shown and terminal is not None and not self._config.getoption("no_summary", False):
            self.pytest_terminal_summary(terminal)
        return self._status

    def _finish(self, pytest_exit: int | None) -> None:
        self._is_finished = True
        if pytest_exit is not None and self._interrupted is None:
            self._interrupted = f"pytest ended with {pytest.ExitCode(pytest_exit).name.lower().replace('_', ' ')}"
        self._run.add_user_checks([], self._lost.notes)
        try:
            self._report = self._run.finish(self._interrupted, pytest_exit)
        except Exception as problem:
            self._interrupted = str(problem) if isinstance(problem, HarnessError) else describe_exception(problem)
            return
        self._status = self._report.run.exit_status
        self._count_whole_run(self._report)
        self._show_causes_once(self._report)

    def _count_whole_run(self, report: Report) -> None:
        """Let pytest's last line count what judges the whole run, which is no item of its own."""
        terminal: Any = self._config.pluginmanager.getplugin("terminalreporter")
        for row in report.checks:
            if terminal is None or is_asked(row.id) or row.missing:
                continue
            outcome = _OUTCOMES.get(name_count(row.verdict, row.level), "passed")
            location = (row.id, None, row.title)
            reason = (row.id, 0, row.reason) if outcome == "skipped" else f"{row.verdict}: {row.reason}"
            shown: Any = pytest.TestReport(row.id, location, {}, outcome, reason, "call")
            shown.ai_status, shown.ai_level = str(row.verdict), str(row.level)
            category = self._config.hook.pytest_report_teststatus(report=shown, config=self._config)[0]
            terminal.stats.setdefault(category, []).append(shown)

    def _show_causes_once(self, report: Report) -> None:
        """Let pytest show one block for each cause; the other checks with it are counted apart."""
        terminal: Any = self._config.pluginmanager.getplugin("terminalreporter")
        if terminal is None:
            return
        rows = [row for row in report.checks if row.level is Level.BLOCKER]
        repeated = {row.id for group in group_by_cause(rows) for row in group[1:]}
        for outcome in ("failed", "error"):
            shown = terminal.stats.pop(outcome, [])
            again = [test for test in shown if test.nodeid in repeated]
            if others := [test for test in shown if test.nodeid not in repeated]:
                terminal.stats[outcome] = others
            if again:
                terminal.stats.setdefault("with the same cause", []).extend(again)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print the decision and where its report lies, last on the screen."""
        self._is_shown = True
        if self._report is None:
            if self._interrupted and self._worker is None and self._judges:
                terminalreporter.write_line(f"aiharness: no report: {self._interrupted}")
            return
        terminalreporter.section("AI release gate")
        width = getattr(terminalreporter, "_screen_width", 100)
        colour = terminalreporter.hasmarkup if hasattr(terminalreporter, "hasmarkup") else False
        for note in self._run.collection_notes:
            terminalreporter.write_line(f"note: {note}")
        for line in format_summary(self._run, self._report, colour=colour, width=width):
            terminalreporter.write_line(line)

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """Write the report of a run that was stopped before its first test; restore the signal handlers."""
        self._end_progress()
        self.conclude()
        if self._is_game_day:
            close_game_day(self._run)
        if self._run.started:
            # Other plugins write what a test printed or raised, which may hold a secret that the service echoed.
            for option in ("allure_report_dir", "xmlpath"):
                if path := self._config.getoption(option, None):
                    self._run.run_dir.scrub(Path(path))
        for number, handler in self._signals.items():
            signal.signal(number, handler)


def _plan_test(item: pytest.Item) -> PlannedCheck:
    marker = item.get_closest_marker("ai_suite")
    assert marker is not None
    level = str(marker.kwargs.get("level", "blocker"))
    if level not in tuple(Level):
        raise pytest.UsageError(f"{item.nodeid}: ai_suite level {level!r} is not one of {', '.join(Level)}")
    title = str(marker.kwargs.get("title") or item.name)
    suite = marker.args[0] if marker.args else marker.kwargs["name"]
    return plan_user_check(item.nodeid, str(suite), title, level)


def _replace_signal_handlers(note_signal: Callable[[], None]) -> dict[signal.Signals, Any]:
    """Let SIGTERM act as Ctrl-C, and ignore a second one until the report is written; returns the handlers before."""
    ignored_until = 0.0

    def interrupt(signum: int, frame: object) -> None:
        nonlocal ignored_until
        __tracebackhide__ = True
        if read_monotonic() >= ignored_until:
            ignored_until = read_monotonic() + CLOSING_SECONDS
            note_signal()
            raise KeyboardInterrupt

    handlers: dict[signal.Signals, Any] = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        # Outside of the main thread its owner decides. What is ignored, as for a job in the background, stays ignored.
        if threading.current_thread() is threading.main_thread() and signal.getsignal(number) is not signal.SIG_IGN:
            handlers[number] = signal.signal(number, interrupt)
    return handlers
