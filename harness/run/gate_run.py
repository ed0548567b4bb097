"""GateRun: one run of the gate from preflight to decision, whoever drives it.

Tested in tests/run/test_report_building.py.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from harness.core.check_spec import CheckSpec
from harness.core.endpoint import Endpoint
from harness.core.errors import RunDirError, UsageError
from harness.core.plan import Plan, PlannedCheck
from harness.core.redaction import redact_text
from harness.core.report import Report
from harness.core.settings import Settings
from harness.core.verdict import Level, Status, Verdict, make_error
from harness.core.waiver import describe_waivers, waive_checks
from harness.io.clock import Monotonic, read_date, read_epoch, read_monotonic
from harness.io.ledger import Ledger
from harness.io.polite_client import MOST_WAITING, PoliteClient
from harness.io.rundir import DECLINED, EvidenceLine, RunDir
from harness.run.baseline import BaselineSource, compare_with_baseline, find_baseline
from harness.run.baseline_pictures import draw_baseline
from harness.run.gauges import add_gauges, probe_gauges
from harness.run.history import note_run, recall_runs
from harness.run.planning import build_plan
from harness.run.preflight import Preflight, load_adapter, run_preflight, wait_until_ready
from harness.run.progress import Progress
from harness.run.report_building import build_report, build_unended_report, describe_target, mark_as_error
from harness.run.report_files import (
    describe_environment,
    draw_reports,
    draw_unended,
    refuse_unwritable_reports,
    write_reports,
)
from harness.run.resuming import adopt_run
from harness.run.run_log import RunLog
from harness.run.session import Session
from harness.run.sessions import Sessions
from harness.run.unprovoked import CHECK_ID as UNPROVOKED
from harness.run.unprovoked import judge_unprovoked

_USER_CHECKS = ".user-checks.json"


@dataclass(frozen=True, slots=True)
class RunState:
    """What a worker needs to join a run: plain data."""

    run_dir: str
    started: float
    preflight: Preflight
    others: Mapping[str, Preflight]


class GateRun:
    """Plans, gives sessions to the `declared` checks, which `processes` processes run, and decides."""

    def __init__(self, settings: Settings, declared: Iterable[tuple[str, str, CheckSpec]], processes: int = 1) -> None:
        self.settings = settings
        self.worker = "main"
        self.progress = Progress(processes, settings.endpoint.deadlines.total)
        self.started = 0.0
        self.collection_notes: list[str] = []
        self.log = RunLog()
        self.plan = Plan(settings.suites, ())
        self.preflight = Preflight(settings.endpoint.protocol)
        self.ledger: Ledger
        self._others: dict[str, Preflight] = {}
        self._declared = tuple(declared)
        self._processes = processes
        self._client: PoliteClient | None = None
        self._sessions: Sessions | None = None
        self._baseline: BaselineSource | None = None
        self._today = read_date().date()
        self._by_id: tuple[Plan | None, dict[str, PlannedCheck]] = (None, {})

    @property
    def run_dir(self) -> RunDir:
        """The directory of the run, which its start or its process has made."""
        return self.log.run_dir

    @property
    def checks(self) -> Mapping[str, PlannedCheck]:
        """The planned checks by id."""
        if self._by_id[0] is not self.plan:
            self._by_id = (self.plan, {check.id: check for check in self.plan.checks})
        return self._by_id[1]

    def start(self, progress: Callable[[str], None]) -> None:
        """Make the run directory, ask the endpoint what it is, write the plan.

        Raises `UsageError` for what cannot be planned, `RunDirError` for a folder that cannot be written.
        """
        self.make_plan()  # a wrong objective is refused before anything is made or sent
        refuse_unwritable_reports(self.settings)
        began, endpoint, grounds = read_monotonic(), self.settings.endpoint, self.settings.grounds()
        client = self._connect(began, endpoint)  # as are files and headers that no connection can use
        self.log.run_dir = RunDir.create(self.settings.run_dir, self.settings.list_secrets())
        self._begin(began)
        self._write_plan()
        if self.settings.wait_ready is None:
            self.preflight = run_preflight(endpoint, client)
        else:
            seconds = self.settings.wait_ready
            progress(f"waiting up to {seconds:g} s for {endpoint.url} to answer one real prediction")
            self.preflight = wait_until_ready(endpoint, client, seconds, lambda state: progress(f"  {state}"))
        self._others = {suite: run_preflight(other, client) for suite, other in self.settings.others.items()}
        self.preflight = probe_gauges(self.preflight, client, self.settings.load, aborts="aborts" in grounds)
        self._apply_preflight()
        head = self._write_plan()
        draw_unended(self.run_dir, build_unended_report(self.plan, head), self.settings.reports)
        if self.settings.resume:
            adopted = adopt_run(Path(self.settings.resume), self.run_dir, self.plan, head)
            name = Path(self.settings.resume).name
            self.log.add_notes(self.plan, [f"{len(adopted)} verdicts are those of {name}, which was cut short"])

    def adopt(self, run_dir: RunDir, preflight: Preflight, started: float) -> None:
        """Plan a run whose load locust makes, started by hand. Raises `UsageError` for what cannot be planned."""
        self.log.run_dir, self.preflight, self.started = run_dir, preflight, started
        self._plan_from_preflight()
        self._write_plan()

    def make_plan(self) -> None:
        """Make the plan without asking anything (`--collect-only`)."""
        self._baseline = find_baseline(self.settings)
        self.plan = build_plan(self.settings, self._declared, processes=self._processes)
        self._waive()

    def join(self, state: RunState, worker: str) -> None:
        """Take part in a run that another process has started."""
        self.worker = worker
        self._baseline = find_baseline(self.settings)
        self.log.run_dir = RunDir(Path(state.run_dir), self.settings.list_secrets())
        self.preflight, self._others = state.preflight, dict(state.others)
        self._begin(state.started)
        self._apply_preflight()

    def get_state(self) -> RunState:
        """What a worker needs to join."""
        return RunState(str(self.run_dir.path), self.started, self.preflight, self._others)

    def add_user_checks(self, checks: list[PlannedCheck], notes: Sequence[str] = ()) -> None:
        """Add collected tests of the user's own to the plan, and write it down before any of them runs.

        `notes` say which tests could not be added.
        """
        if self.settings.only_check:
            checks = [replace(check, level=Level.BLOCKER) for check in checks if check.id == self.settings.only_check]
        self.plan = self.plan.add_checks(checks)
        self._waive()
        fresh = [self.redact(note) for note in dict.fromkeys(notes) if note not in self.collection_notes]
        self.collection_notes += fresh
        if not (checks or fresh) or not self.started:
            return
        if self.worker == "main":
            self.log.add_notes(self.plan, fresh)
        else:
            self.write_user_checks(checks, fresh)

    def write_user_checks(self, checks: Sequence[PlannedCheck], notes: Sequence[str], refusal: str = "") -> None:
        """Give the controller the user's tests that this worker collected, or the reason to refuse the run."""
        self.run_dir.write(_USER_CHECKS, msgspec.json.encode((checks, notes, refusal)))

    def read_user_checks(self) -> None:
        """Add the user's tests that a worker collected to the controller's plan. Raises `UsageError` for a refusal."""
        path = self.run_dir.path / _USER_CHECKS
        if path.exists():
            content = msgspec.json.decode(path.read_bytes(), type=tuple[list[PlannedCheck], list[str], str])
            checks, notes, refusal = content
            if refusal:
                raise UsageError(refusal)
            self.add_user_checks(checks, notes)

    def find_preflight(self, suite: str) -> Preflight:
        """What is known of the endpoint as this suite speaks to it."""
        return self._others.get(suite, self.preflight)

    def get_session(self, suite: str) -> Session:
        """The session in which this suite speaks to the endpoint, made when first needed in this process."""
        return self._get_sessions().get(suite)

    def reroute(self, change: Callable[[Endpoint], Endpoint] | None) -> None:
        """Ask the endpoint as `change` has it from now on, in new sessions; None: as it is configured."""
        settings = self.settings
        if change is not None:
            others = {suite: change(other) for suite, other in settings.others.items()}
            settings = replace(settings, endpoint=change(settings.endpoint), others=others)
        self.close()
        self._client = None
        self._open_sessions(settings)

    @property
    def baseline_report(self) -> Report | None:
        """The saved report that `--ai-baseline` names; None where it is a second endpoint, or nothing yet."""
        return None if self._baseline is None else self._baseline.report

    @property
    def baseline_folder(self) -> Path | None:
        """The directory of the saved run that `--ai-baseline` names, if it names one."""
        return None if self._baseline is None else self._baseline.folder

    @property
    def baseline_url(self) -> str | None:
        """The URL of the second endpoint that `--ai-baseline` names, or None."""
        return None if self._baseline is None else self._baseline.url

    def get_baseline_session(self, suite: str) -> Session | None:
        """A session with the second endpoint that `--ai-baseline=URL` names, spoken to as this suite does; or None."""
        if self._baseline is None or self._baseline.url is None:
            return None
        return self._get_sessions().get_for_url(self._baseline.url, suite)

    def get_replicas(self, suite: str) -> dict[str, Session]:
        """Sessions with the endpoint's further URLs, by URL, spoken to as this suite speaks to the first."""
        return {url: self._get_sessions().get_for_url(url, suite) for url in self.settings.endpoint.replicas}

    def get_helper_session(self, endpoint: Endpoint) -> Session:
        """A session with a further endpoint that the configuration names, as a judge or for vectors."""
        return self._get_sessions().get_helper(endpoint)

    def begin_check(self) -> None:
        """Open a check's own record."""
        self._get_sessions().begin_check()

    def end_check(self, check: str, verdict: Verdict) -> Verdict:
        """Write down what a check sent and got, and say in its counterexamples how to run it again."""
        with self.log.keep_loss():
            self._write_exchanges(check)
        examples = []
        for example in verdict.counterexamples:
            seed = self.settings.seed if example.seed is None else example.seed
            examples.append(replace(example, pytest=example.pytest or check, seed=seed))
        return replace(verdict, counterexamples=tuple(examples), reason=self.redact(verdict.reason), contract=None)

    def _write_exchanges(self, check: str) -> None:
        sessions = self._get_sessions()
        if exchanges := sessions.list_exchanges():
            self.run_dir.write_exchanges(check, exchanges)
        sessions.flush()
        if self._client is not None and (note := self._client.throttle.describe()):
            self.run_dir.write(f"{DECLINED}-{self.worker}", note.encode())

    def make_evidence(self, check: str, verdict: Verdict, seconds: float) -> EvidenceLine:
        """The line of evidence of a check that has ended."""
        line = EvidenceLine(check, verdict, self.now(), round(seconds, 4), self.worker)
        if verdict.status is Status.FAIL:
            return line
        valid = self._get_sessions().count_valid_requests()
        return replace(line, valid_requests=valid.sent, strays=valid.failed, stray=valid.example)

    def judge_obstacle(self, suite: str) -> Verdict | None:
        """The verdict of every check of an endpoint that cannot be asked: ERROR before contact, else FAIL; or None."""
        preflight = self.find_preflight(suite)
        if preflight.no_prediction:
            return Verdict(Status.FAIL, preflight.no_prediction, n=1, method="contract")
        if preflight.no_contact:
            return make_error(f"the endpoint was not reached: {preflight.no_contact}")
        return make_error(preflight.no_protocol) if preflight.no_protocol else None

    def now(self) -> float:
        """Seconds since the run started."""
        return round(read_monotonic() - self.started, 4)

    def close(self) -> None:
        """Write what is left of the series and close the connections."""
        with self.log.keep_loss():
            if self._sessions is not None:
                self._sessions.close()
        if self._client is not None:
            self._client.close()

    def finish(self, interrupted: str | None, exit_status: int | None) -> Report:
        """Decide, and write `gate.json`, the report and every format that was asked for.

        Where something could not be written, the decision is FAIL or ERROR; without gate.json it is ERROR.
        """
        version = importlib.metadata.version("aiharness")
        if self._baseline is not None:
            verdicts = {line.check: line.verdict for line in self.log.read_back(self.plan).evidence}
            compared = compare_with_baseline(self._baseline, self.settings, self.plan, verdicts, version)
            for id_, verdict in compared.items():
                self.log.record(EvidenceLine(id_, verdict, self.now()))
        if (check := self.checks.get(UNPROVOKED)) is not None:
            evidence = self.log.read_back(self.plan).evidence
            verdict = self.judge_obstacle(check.suite) or judge_unprovoked(self.settings, check, evidence)
            self.log.record(EvidenceLine(UNPROVOKED, verdict, self.now()))
        report = build_report(
            self.log.read_back(self.plan),
            policy=self.settings.policy,
            finished=_format_now(),
            interrupted=interrupted,
            exit_status=None if self.log.loss else exit_status,
            broken=self.log.loss,
        )
        try:
            report = draw_baseline(report, self._baseline, self.settings, self.plan, self.run_dir.path)
            report = recall_runs(self.run_dir.path, self.settings, report)
            report = write_reports(self.run_dir, report, self.settings.reports)
            note_run(self.run_dir.path, self.settings, report)
            return report
        except RunDirError as problem:
            reason = f"{problem}; without it: {report.run.verdict}, {report.run.reason}"
            report = mark_as_error(report, reason, final=True)
            draw_reports(self.run_dir, report, self.settings.reports)
            return report

    def _get_sessions(self) -> Sessions:
        assert self._sessions is not None, "the run has neither started nor been joined"
        return self._sessions

    def redact(self, text: str) -> str:
        """The text without the secrets of the endpoint."""
        return redact_text(text, self.settings.list_secrets())

    def _begin(self, started: float) -> None:
        self.started = started
        self.ledger = Ledger(self.run_dir.path, self.settings.ceilings, started)

    def _connect(self, began: float, endpoint: Endpoint) -> PoliteClient:
        if self._client is None:
            most = self.settings.ceilings.seconds or MOST_WAITING
            self._client = PoliteClient(endpoint, clock=Monotonic(began), most_waiting=most)
            self._client.note_answer = self.progress.count_answer
        return self._client

    def _apply_preflight(self) -> None:
        self._plan_from_preflight()
        if self._client is not None and self._client.endpoint.is_grpc is not self.settings.endpoint.is_grpc:
            self._client.close()  # gRPC was detected over HTTP
            self._client = None
        self._open_sessions(self.settings)

    def _open_sessions(self, settings: Settings) -> None:
        client = self._connect(self.started, settings.endpoint)
        client.count_repeat = partial(self.ledger.before_request, repeat=True)
        self._sessions = Sessions(
            settings, self.find_preflight, client, self.ledger, self.run_dir, self.worker, self.started
        )

    def _plan_from_preflight(self) -> None:
        """Make the plan from what the endpoint offers; nothing is ruled out for one that could not be asked."""
        settings = self.settings
        others = {suite: _with_protocol(other, self._others[suite]) for suite, other in settings.others.items()}
        endpoint = _with_protocol(settings.endpoint, self.preflight)
        self.settings = settings = replace(settings, endpoint=endpoint, others=others)
        capabilities = {}
        for suite in settings.suites:
            preflight = self.find_preflight(suite)
            if not preflight.obstacle:
                adapter = load_adapter(preflight.protocol)
                able = adapter.capabilities(settings.endpoint_of(suite), preflight.facts)
                capabilities[suite] = add_gauges(able, self.preflight)
        self.plan = build_plan(settings, self._declared, capabilities, self._processes)
        self._waive()

    def _waive(self) -> None:
        """Apply the waivers; a check that is judged alone is a blocker whatever they say."""
        self.plan = waive_checks(self.plan, self.settings.waivers, self._today).select(self.settings.only_check)

    def _list_notes(self) -> list[str]:
        notes = [detected.reason for detected in self.preflight.detected]
        notes += self.preflight.list_notes(self.settings.endpoint)
        if self.settings.data and self.settings.data.resume:
            notes.append(f"labelled rows that {self.settings.data.resume} was answered are not asked again")
        return notes

    def _write_plan(self) -> dict[str, Any]:
        head = {
            "id": self.run_dir.path.name,
            "started": _format_now(),
            "started_epoch": read_epoch(),
            "responsible": self.settings.responsible,
            "policy": msgspec.to_builtins(self.settings.policy),
            "target": msgspec.to_builtins(describe_target(self.settings.endpoint, self.preflight.facts)),
            "environment": describe_environment(self.settings),
            "waivers": describe_waivers(self.settings.waivers, self._today),
            "notes": self._list_notes(),
            "evidence_map": msgspec.to_builtins(self.settings.evidence_map),
        }
        self.log.write_plan(self.plan, head)
        return head


def _with_protocol(endpoint: Endpoint, preflight: Preflight) -> Endpoint:
    """The endpoint with the protocol that was detected."""
    return endpoint if preflight.protocol == "auto" else replace(endpoint, protocol=preflight.protocol)


def _format_now() -> str:
    return read_date().isoformat(timespec="milliseconds")
