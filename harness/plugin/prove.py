"""`--ai-prove`: after the checks were judged, each is asked again while a link of our own changes the answers.

The whole run goes through the link, so that nothing but the mutation differs. Each check is asked in sessions of its
own, so that no answer is judged which another check has asked for. Tested in tests/commands/test_prove.py.
"""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec
import pytest
from _pytest.runner import runtestprotocol

from harness.core.errors import HarnessError
from harness.core.mutation import Mutation, list_candidates
from harness.core.plan import PlannedCheck
from harness.core.proof import (
    PROOF_ID,
    GateProof,
    MutationTrial,
    ProofRow,
    is_provable,
    judge_proof,
    list_left_out,
    make_row,
    make_row_without_trials,
)
from harness.core.verdict import Status, Verdict, choose_worst
from harness.io.clock import read_monotonic
from harness.io.rundir import PROOF, EvidenceLine, RunDir
from harness.plugin.command_line import count_processes
from harness.proving.link import ProofLink
from harness.run.gate_run import GateRun
from harness.run.run_log import RunLog
from harness.suite import find_spec

_SHOWN_EVERY = 20
"""Checks after which a line says how far the proof has come."""

_TOO_LATE = "the run ended before it was asked under any mutation"


class _TrialLog(RunLog):
    """Keeps the verdicts of one trial in memory, too."""

    def __init__(self, run_dir: RunDir) -> None:
        super().__init__()
        self.run_dir = run_dir
        self.verdicts: list[Verdict] = []

    def record(self, line: EvidenceLine) -> None:
        """Append a verdict."""
        self.verdicts.append(line.verdict)
        super().record(line)


class ProveHooks:
    """The loop of a run that is a proof."""

    def __init__(self, config: pytest.Config, run: GateRun) -> None:
        if count_processes(config) > 1 or hasattr(config, "workerinput"):
            raise pytest.UsageError("--ai-prove runs in one process: leave pytest-xdist's -n out")
        self._config = config
        self._run = run
        self._link: ProofLink | None = None
        self._requests = self._trials = 0

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Run the checks through the link, then again under mutations."""
        run = self._run
        if PROOF_ID not in run.checks or session.config.option.collectonly:
            return (yield)
        obstacle = run.judge_obstacle(run.checks[PROOF_ID].suite)
        if obstacle is not None:
            result = yield
            run.log.record(EvidenceLine(PROOF_ID, obstacle, run.now()))
            return result
        with ProofLink(run.settings.endpoint) as self._link:
            try:
                run.reroute(self._link.change_endpoint)
                result = yield
                self._prove(session, self._link)
            finally:
                run.reroute(None)
                self._link = None
        return result

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Ask beside the link what is judged of the target: its name, port, certificate and versions of TLS."""
        if self._link is None or not _is_beside_link(item):
            return (yield)
        self._run.reroute(None)
        try:
            return (yield)
        finally:
            self._run.reroute(self._link.change_endpoint)

    def _prove(self, session: pytest.Session, link: ProofLink) -> None:
        """Show which checks can fail, and write it down."""
        run, began = self._run, read_monotonic()
        items = {item.nodeid: item for item in session.items}
        planned = [check for check in run.plan.checks if is_provable(check) and not _compares(items.get(check.id))]
        verdicts: dict[str, list[Verdict]] = {check.id: [] for check in planned}
        for line in run.log.read_back(run.plan).evidence:
            verdicts.setdefault(line.check, []).append(line.verdict)
        most = sum(check.requests for check in planned)
        self._say(f"proof: {len(planned)} checks are asked again under mutations, at most {most} requests each time")
        rows: list[ProofRow] = []
        try:
            for number, check in enumerate(planned, 1):
                row = make_row_without_trials(check, verdicts[check.id])
                rows.append(row or self._prove_check(check, items[check.id], link, choose_worst(verdicts[check.id])))
                if number % _SHOWN_EVERY == 0 or number == len(planned):
                    shown = sum(row.shown for row in rows)
                    self._say(f"proof: {shown} of {number} checks shown able to fail, {len(planned) - number} to go")
        finally:
            rows += [ProofRow(check.id, check.title, False, reason=_TOO_LATE) for check in planned[len(rows) :]]
            seconds = round(read_monotonic() - began, 3)
            proof = GateProof(tuple(rows), self._trials, self._requests, seconds, list_left_out(run.plan))
            with run.log.keep_loss():
                run.run_dir.write(PROOF, msgspec.json.format(msgspec.json.encode(proof), indent=1))
        run.log.record(EvidenceLine(PROOF_ID, judge_proof(proof), run.now(), seconds))

    def _prove_check(self, check: PlannedCheck, item: pytest.Item, link: ProofLink, before: Verdict) -> ProofRow:
        """Ask a check under one mutation after the other, until one makes it fail.

        On one that decided nothing `before`, those are tried alone that it names.
        """
        spec = find_spec(getattr(item, "function", None))
        own = spec.broken_by if spec is not None else ()
        is_decided = before.status is Status.PASS
        trials: list[MutationTrial] = []
        for mutation in list_candidates(own) if is_decided else own:
            trials.append(self._try(check, item, mutation, link))
            if trials[-1].shows:
                break
        return make_row(check, trials, None if is_decided else before)

    def _try(self, check: PlannedCheck, item: pytest.Item, mutation: Mutation, link: ProofLink) -> MutationTrial:
        run, own_log = self._run, self._run.log
        self._trials += 1
        with tempfile.TemporaryDirectory(prefix="aiharness-") as folder:
            trial = _TrialLog(RunDir.create(folder, run.settings.list_secrets()))
            try:
                run.log = trial
                run.reroute(partial(link.change_endpoint, mutation=mutation))
                link.strike(mutation)
                if mutation.needs_success:
                    with suppress(HarnessError):
                        run.get_session(check.suite).ask()
                item.session._setupstate.teardown_exact(item)  # what the last trial left of another module
                runtestprotocol(item, log=False, nextitem=_find_other(item))
                self._requests += run.get_session(check.suite).sent_requests
                struck = link.count_struck() > 0 or mutation.changes_target
            finally:
                try:
                    link.lift()
                    run.close()  # while the trial's folder is there, to which its sessions write what is left
                finally:
                    run.log = own_log  # however often the run is interrupted
        alarm = Status.ERROR if _is_before_contact(item) else Status.FAIL
        return MutationTrial(mutation, choose_worst(trial.verdicts) if trial.verdicts else None, struck, alarm)

    def _say(self, text: str) -> None:
        terminal: Any = self._config.pluginmanager.getplugin("terminalreporter")
        if terminal is not None and terminal.verbosity >= 0:
            terminal.ensure_newline()
            terminal.write_line(self._run.redact(text))


def _find_other(item: pytest.Item) -> pytest.Item | None:
    """Another item, for whose sake pytest keeps fixtures of the session; the item's own are torn down."""
    return next((other for other in item.session.items if other is not item), None)


def _compares(item: pytest.Item | None) -> bool:
    """Whether a check compares shares or distributions of rows."""
    spec = find_spec(getattr(item, "function", None))
    return spec is not None and spec.compares


def _is_beside_link(item: pytest.Item) -> bool:
    """Whether a check judges the target itself: each mutation that breaks its promise puts another one there."""
    spec = find_spec(getattr(item, "function", None))
    return spec is not None and bool(spec.broken_by) and all(mutation.changes_target for mutation in spec.broken_by)


def _is_before_contact(item: pytest.Item) -> bool:
    """Whether a check is judged before any request is sent: it ends in ERROR then, for nothing was judged."""
    spec = find_spec(getattr(item, "function", None))
    return spec is not None and spec.before_contact
