"""GateRun: one run of the gate from preflight to decision, whoever drives it.

Tested in tests/run/test_report_building.py.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from harness.core.check_spec import CheckSpec
from harness.core.endpoint import Endpoint, redact_text
from harness.core.plan import Plan, PlannedCheck
from harness.core.registry import load_plugin
from harness.core.report import Report
from harness.core.settings import Settings
from harness.core.verdict import Status, Verdict, make_error
from harness.io.client import Client
from harness.io.clock import Monotonic
from harness.io.ledger import Ledger
from harness.io.rundir import EVIDENCE, GATE, EvidenceLine, RunDir, read_gate, read_run, replace_file
from harness.run.baseline import Older, compare, find_baseline
from harness.run.planning import build_plan
from harness.run.preflight import Preflight, adapter, adapters, contact, wait_ready
from harness.run.report_building import build_report, fingerprint
from harness.run.series import Meter
from harness.run.session import Session

USER_CHECKS = ".user-checks.json"
FILES = {"html": "report.html", "junit": "junit.xml", "json": GATE}


@dataclass(frozen=True, slots=True)
class RunState:
    """What a worker needs to join a run: plain data."""

    run_dir: str
    started: float
    preflight: Preflight
    others: Mapping[str, Preflight]


class GateRun:
    """Plans, lends the session to checks, and decides.

    `declared` are the packaged checks of the wanted suites, which `processes` processes run. `progress` takes a line
    for each step of a long measurement; under xdist nothing shows them.
    """

    def __init__(self, settings: Settings, declared: Iterable[tuple[str, str, CheckSpec]], processes: int = 1) -> None:
        self.settings = settings
        self._processes = processes
        self.worker = "main"
        self.progress: Callable[[str], None] = lambda line: None
        self.started = 0.0
        self.plan = Plan(settings.suites, ())
        self.preflight = Preflight(settings.endpoint.protocol)
        self._others: dict[str, Preflight] = {}
        self.run_dir: RunDir
        self.ledger: Ledger
        self._declared = tuple(declared)
        self._head: dict[str, Any] = {}
        self._sessions: dict[tuple[str, str | None], Session] = {}
        self._client: Client | None = None
        self._besides: dict[tuple[str, str], Session] = {}
        self._older: Older | None = None
        self._by_id: tuple[Plan | None, dict[str, PlannedCheck]] = (None, {})

    @property
    def planned(self) -> Mapping[str, PlannedCheck]:
        """The plan by id."""
        if self._by_id[0] is not self.plan:
            self._by_id = (self.plan, {check.id: check for check in self.plan.checks})
        return self._by_id[1]

    def start(self, progress: Callable[[str], None]) -> None:
        """Make the run directory, ask the endpoint what it is, write the plan.

        Raises `UsageError` for what cannot be planned, `RunDirError` for a place that cannot be written.
        """
        self._older = find_baseline(self.settings)
        self.plan_only()  # whatever is wrong with the objectives is said before anything is made or sent
        self.run_dir = RunDir.create(self.settings.run_dir, self.settings.endpoint.list_secrets())
        self._begin(time.monotonic())
        self._head = self._make_head()
        self.run_dir.write_plan(self.plan, self._head)
        endpoint, client = self.settings.endpoint, self._connect()
        if self.settings.wait_ready is not None:
            progress(f"waiting up to {self.settings.wait_ready:g} s for {endpoint.url} to answer one real prediction")
            self.preflight = wait_ready(
                endpoint, client, self.settings.wait_ready, lambda state: progress(f"  {state}")
            )
        else:
            self.preflight = contact(endpoint, client)
        self._others = {suite: contact(other, client) for suite, other in self.settings.others.items()}
        self._settle()
        self._head = self._make_head()
        self.run_dir.write_plan(self.plan, self._head)

    def plan_only(self) -> None:
        """Make the plan without asking anything (`--collect-only`)."""
        self.plan = build_plan(self.settings, self._declared, processes=self._processes)

    def join(self, state: RunState, worker: str) -> None:
        """Take part in a run that another process has started."""
        self.worker = worker
        self._older = find_baseline(self.settings)
        self.run_dir = RunDir(Path(state.run_dir), self.settings.endpoint.list_secrets())
        self.preflight, self._others = state.preflight, dict(state.others)
        self._begin(state.started)
        self._settle()

    def state(self) -> RunState:
        """What a worker needs to join."""
        return RunState(str(self.run_dir.path), self.started, self.preflight, self._others)

    def add_user_checks(self, checks: list[PlannedCheck]) -> None:
        """Add collected tests of the user's own to the plan, and write it down before any of them runs."""
        self.plan = self.plan.adding(checks)
        if not checks or not self.started:
            return
        if self.worker == "main":
            self.run_dir.write_plan(self.plan, self._head)
        else:
            self.run_dir.write(USER_CHECKS, msgspec.json.encode(checks))

    def read_user_checks(self) -> None:
        """Take the user's tests that a worker collected into the controller's plan."""
        path = self.run_dir.path / USER_CHECKS
        if path.exists():
            self.add_user_checks(msgspec.json.decode(path.read_bytes(), type=list[PlannedCheck]))

    def preflight_of(self, suite: str) -> Preflight:
        """What is known of the endpoint as this suite speaks to it."""
        return self._others.get(suite, self.preflight)

    def session(self, suite: str) -> Session:
        """The session in which this suite speaks to the endpoint, made when first needed in this process."""
        endpoint, found = self.settings.endpoint_of(suite), self.preflight_of(suite)
        key = (endpoint.protocol, endpoint.model)
        if key not in self._sessions:
            # Where no protocol was found only the checks below it run, and any adapter will do.
            speaker = adapters(found.protocol)[0]
            settings, meter = replace(self.settings, endpoint=endpoint), Meter(self.run_dir, self.worker)
            session = Session(settings, speaker, found.facts, self._connect(), self.ledger, meter)
            session.reached = not found.obstacle
            self._sessions[key] = session
        return self._sessions[key]

    def baseline_session(self, suite: str) -> Session | None:
        """A session with the second endpoint that `--ai-baseline=URL` names, spoken to as this suite does; or None."""
        if self._older is None or self._older.url is None:
            return None
        return self._beside(self._older.url, suite)

    def replicas(self, suite: str) -> dict[str, Session]:
        """Sessions with the endpoint's further URLs, by URL, spoken to as this suite speaks to the first."""
        return {url: self._beside(url, suite) for url in self.settings.endpoint.replicas}

    def _beside(self, url: str, suite: str) -> Session:
        if (url, suite) not in self._besides:
            settings = replace(self.settings, endpoint=replace(self.settings.endpoint_of(suite), url=url))
            client, found = Client(settings.endpoint, clock=Monotonic(self.started)), self.preflight_of(suite)
            session = Session(settings, adapter(found.protocol), found.facts, client, self.ledger, Meter(None))
            self._besides[url, suite] = session
        return self._besides[url, suite]

    def begin_check(self) -> None:
        """Open a check's own record."""
        for session in (*self._sessions.values(), *self._besides.values()):
            session.begin_check()

    def end_check(self, check: str, verdict: Verdict) -> Verdict:
        """Write down what a check sent and got, and say in its counterexamples how to run it again."""
        sessions = (*self._sessions.values(), *self._besides.values())
        shown = [exchange for session in sessions for exchange in session.shown_exchanges()]
        if shown:
            self.run_dir.write_exchanges(check, shown)
        for session in self._sessions.values():
            session.flush()
        seed = self.settings.seed
        examples = tuple(
            replace(e, pytest=e.pytest or check, seed=seed if e.seed is None else e.seed)
            for e in verdict.counterexamples
        )
        endpoint = self.settings.endpoint
        return replace(verdict, counterexamples=examples, reason=redact_text(verdict.reason, endpoint.list_secrets()))

    def obstacle_verdict(self, suite: str) -> Verdict | None:
        """The verdict of every check that cannot be asked: ERROR before contact, FAIL for one of no use; or None."""
        found = self.preflight_of(suite)
        if found.unusable:
            return Verdict(Status.FAIL, found.unusable, n=1, method="contract")
        return make_error(found.obstacle) if found.obstacle else None

    def now(self) -> float:
        """Seconds since the run started."""
        return round(time.monotonic() - self.started, 4)

    def close(self) -> None:
        """Write what is left of the series and close the connections."""
        for session in self._sessions.values():
            session.flush()
        if self._client is not None:
            self._client.close()
        for beside in self._besides.values():
            beside.close()

    def finish(self, interrupted: str | None, exit_status: int | None) -> Report:
        """Decide, and write `gate.json`, the report and every format that was asked for."""
        if self._older is not None:
            verdicts = {line.check: line.verdict for line in read_run(self.run_dir.path).evidence}
            compared = compare(self._older, self.settings, self.plan, verdicts, importlib.metadata.version("aiharness"))
            for id_, verdict in compared.items():
                self.run_dir.append(EVIDENCE, EvidenceLine(id_, verdict, self.now()))
        report = build_report(
            read_run(self.run_dir.path),
            policy=self.settings.policy,
            finished=_utc(),
            interrupted=interrupted,
            exit_status=exit_status,
        )
        write_reports(self.run_dir, report, self.settings.reports)
        return report

    def header(self) -> list[str]:
        """What is judged, and how, in a few lines."""
        endpoint, found = self.settings.endpoint, self.preflight
        chosen = next((d.reason for d in found.detected if d.protocol == found.protocol), "named by the user")
        lines = [f"ai target: {endpoint.url} ({found.protocol}: {chosen})"]
        if found.obstacle:
            lines.append(f"ai target cannot be judged: {found.obstacle}")
        lines.append(
            f"ai run: {len(self.plan.checks)} checks planned, profile {self.settings.profile.name}, "
            f"seed {self.settings.seed}, written to {_near(self.run_dir.path)}"
        )
        return [redact_text(line, endpoint.list_secrets()) for line in lines]

    def summary(self, report: Report, *, colour: bool, width: int) -> list[str]:
        """The terminal's last lines: the decision and where the report lies."""
        text = load_plugin("reports", "terminal").render(report, colour=colour, width=width)
        lines = [*text.rstrip().splitlines(), f"report: {_near(self.run_dir.path / FILES['html'])}"]
        return [redact_text(line, self.settings.endpoint.list_secrets()) for line in lines]

    def _begin(self, started: float) -> None:
        self.started = started
        self.ledger = Ledger(self.run_dir.path, self.settings.ceilings, started)

    def _connect(self) -> Client:
        if self._client is None:
            self._client = Client(self.settings.endpoint, clock=Monotonic(self.started))
        return self._client

    def _settle(self) -> None:
        """Make the plan from what the endpoint offers; nothing is ruled out for one that could not be asked."""
        settings = self.settings
        others = {suite: _spoken(other, self._others[suite]) for suite, other in settings.others.items()}
        self.settings = replace(settings, endpoint=_spoken(settings.endpoint, self.preflight), others=others)
        if self._client is not None and self._client.endpoint.is_grpc is not self.settings.endpoint.is_grpc:
            self._client.close()  # gRPC was detected over HTTP
            self._client = None
        known = {}
        for suite in settings.suites:
            found, endpoint = self.preflight_of(suite), self.settings.endpoint_of(suite)
            if not found.obstacle:
                known[suite] = adapter(found.protocol).capabilities(endpoint, found.facts)
        self.plan = build_plan(self.settings, self._declared, known, self._processes)

    def _make_head(self) -> dict[str, Any]:
        endpoint, facts = self.settings.endpoint, self.preflight.facts
        model = endpoint.model or (facts.models[0] if facts.models else None)
        version = endpoint.version or facts.version
        return {
            "id": self.run_dir.path.name,
            "started": self._head.get("started", _utc()),
            "started_epoch": self._head.get("started_epoch", time.time()),
            "responsible": self.settings.responsible,
            "policy": msgspec.to_builtins(self.settings.policy),
            "target": {
                "url": endpoint.url,
                "protocol": endpoint.protocol,
                "model": model,
                "version": version,
                "fingerprint": fingerprint(endpoint.url, endpoint.protocol, model, version),
            },
            "environment": environment(self.settings),
            "notes": [d.reason for d in self.preflight.detected],
        }


def _spoken(endpoint: Endpoint, found: Preflight) -> Endpoint:
    """The endpoint with the protocol that was found."""
    return endpoint if found.protocol == "auto" else replace(endpoint, protocol=found.protocol)


def write_reports(run_dir: RunDir, report: Report, extra: tuple[tuple[str, str | None], ...] = ()) -> None:
    """Write `gate.json`, `report.html`, `junit.xml` and the extra formats.

    gate.json comes first and secrets are taken out of it; every other format is drawn from what then stands there, so
    that no format's own escaping can hide one. Raises `RunDirError` for a path that cannot be written, after the others
    have been.
    """
    written = run_dir.write(FILES["json"], load_plugin("reports", "json").render(report).encode("utf-8", "replace"))
    report = read_gate(written)
    for name, file in (("html", FILES["html"]), ("junit", FILES["junit"])):
        run_dir.write(file, load_plugin("reports", name).render(report).encode("utf-8", "replace"))
    for name, path in extra:
        module = load_plugin("reports", name)
        data = run_dir.clean(module.render(report).encode("utf-8", "replace"))
        replace_file(Path(path) if path else run_dir.path / FILES.get(name, f"report{module.SUFFIX}"), data)


def environment(settings: Settings) -> dict[str, str]:
    """Versions and sources that a reader needs to trust or repeat the run; no host names, no paths of a home."""
    versions = {name: importlib.metadata.version(name) for name in ("aiharness", "pytest", "httpx", "numpy")}
    return {
        **versions,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cpus": str(os.cpu_count() or 0),
        **{f"{key} from": value for key, value in settings.sources.items()},
        **({"ci": "yes"} if os.environ.get("CI") else {}),
    }


def _utc() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _near(path: Path) -> str:
    """The path as the user would type it from here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
