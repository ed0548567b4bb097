"""`aiharness rejudge RUN`: the decision on a saved run by other limits; nothing is sent.

Exit status: that of the new decision. What cannot be judged again from what is saved is INCONCLUSIVE, and so is a run
that was cut short.
"""

from __future__ import annotations

import os
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import msgspec

from harness.commands.command import Command
from harness.commands.rerun import choose_file
from harness.config.file import read_file
from harness.config.options import Options
from harness.config.resolve import resolve_settings
from harness.config.sections import ConfigFile
from harness.core.errors import UsageError
from harness.core.proof import PROOF_ID
from harness.core.rejudgement import ChangedVerdict, list_changed_verdicts, list_differences
from harness.core.report import Report
from harness.core.settings import Settings
from harness.core.visible_text import fold_line
from harness.io.clock import read_date
from harness.io.run_search import find_run
from harness.io.rundir import CONFIG_COPY, EXPERIMENTS_COPY, RERUN, RerunRecord, RunDir, read_record, read_run
from harness.run.gate_run import GateRun
from harness.run.rejudging import AGAIN, Rejudging, SavedEvidence, make_head, plan_again
from harness.run.report_building import KILLED, build_report
from harness.run.report_files import FILES, shorten_path, write_reports
from harness.suite import find_function, list_checks

_FREE = ("endpoint", "objective", "profile", "promises", "run", "report", "waiver", "targets")
"""Parts of a configuration that may differ; what of the endpoint and the promises matters is in the plan's policy."""


def _add_options(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("run_", metavar="RUN", help="a run directory, or the name of one in .aiharness/runs")
    add("--ai-config", dest="config", metavar="FILE", help="the limits (default: the run's configuration as it is now)")
    add("--ai-profile", dest="profile", metavar="NAME", help="the profile (default: the run's)")
    add("--ai-run-dir", dest="run_dir", metavar="DIR", help="where to write it (default: RUN/again/<utc time>)")
    add("--ai-inconclusive", dest="inconclusive", choices=("fail", "pass"), help="as in a run")
    add("--ai-allow-partial", dest="allow_partial", action="store_true", help="as in a run")


def _run(
    run_: str, config: str | None, profile: str | None, run_dir: str | None, inconclusive: str | None,
    allow_partial: bool,
) -> int:  # fmt: skip
    folder = find_run(run_)
    saved, record = read_run(folder), read_record(folder)
    options = _make_options(folder, record, config, profile)
    run_dir = run_dir or str(folder / AGAIN / f"{read_date():%Y%m%dT%H%M%S.%fZ}")  # no run: never the last that passed
    options = replace(options, run_dir=run_dir, inconclusive=inconclusive, allow_partial=allow_partial)
    options = replace(options, prove=any(line.check == PROOF_ID for line in saved.evidence))
    settings = resolve_settings(options, os.environ, [])
    _refuse_other_questions(folder, record, options)
    gate = saved.gate
    if saved.plan is None:
        raise UsageError(f"{folder.name} has no plan: it ended before anything was judged")
    if gate is None:
        gate = build_report(saved, policy=settings.policy, interrupted=KILLED)
    old = SavedEvidence(folder, saved.plan, saved, saved.changed or gate.run.interrupted or "")
    report = _judge(old, settings, record, gate)
    for line in _describe(folder.name, list(list_changed_verdicts(gate, report)), report):
        print(line)
    print(f"report: {shorten_path(Path(run_dir).absolute() / FILES['html'])}")
    return report.run.exit_status


def _make_options(folder: Path, record: RerunRecord, config: str | None, profile: str | None) -> Options:
    """The options of the run, with its configuration as it is now where no other is named."""
    given: dict[str, Any] = dict(record.options)
    options = Options(suites=record.suites, config=config, endpoint=record.endpoint, **given)
    if record.config is not None and config is None:
        own = (folder / record.config).resolve()
        if not own.is_file():
            own = folder / CONFIG_COPY / own.name
        options = replace(options, config=str(own))
    if record.experiments:
        options = replace(options, experiments=str(choose_file(folder, EXPERIMENTS_COPY, record.experiments)))
    return replace(options, profile=profile or options.profile)


def _refuse_other_questions(folder: Path, record: RerunRecord, options: Options) -> None:
    """Raise `UsageError` where the configuration differs in more than what a verdict is reached by."""
    copy = None
    if record.config:
        copy = str(folder / CONFIG_COPY / Path(record.config).name)
    before, before_own = read_file(copy, [], options.extra_config, options.experiments)[1:]
    after, after_own = read_file(options.config, [], options.extra_config, options.experiments)[1:]
    different = list_differences(before_own, after_own)
    for field in fields(ConfigFile):
        if field.name not in _FREE and getattr(before, field.name) != getattr(after, field.name):
            different.append(field.name)
    promises = replace(before.promises, unprovoked_failures=after.promises.unprovoked_failures)
    if promises != after.promises:
        different.append("promises")
    if different:
        raise UsageError(
            f"{folder.name} was asked with another [{different[0]}]: only objectives, profile, waivers and "
            "unprovoked_failures can be changed for answers that are saved; run the gate again"
        )


def _judge(old: SavedEvidence, settings: Settings, record: RerunRecord, before: Report) -> Report:
    """Write the directory of the second judgement; its report."""
    declared = [check for suite in settings.suites for check in list_checks(suite)]
    plan = plan_again(old, settings, declared)
    run_dir = RunDir.create(settings.run_dir, settings.list_secrets())
    protocol = str(old.saved.head.get("target", {}).get("protocol", settings.endpoint.protocol))
    run = GateRun(replace(settings, endpoint=replace(settings.endpoint, protocol=protocol)), declared)
    run.plan, run.log.run_dir = plan, run_dir
    run_dir.write_plan(plan, make_head(old, settings, run_dir))
    Rejudging(old, run, run_dir, find_function).judge_all()
    _keep_record(old.folder, run_dir, record)
    saved = read_run(run_dir.path)
    cut_short = None
    if old.cut_short:
        cut_short = f"{old.folder.name} was cut short: {old.cut_short}"
    report = build_report(saved, policy=settings.policy, finished=before.run.finished, interrupted=cut_short)
    if number := sum(change.is_loosened for change in list_changed_verdicts(before, report)):
        loosened = f"limits that were set after the run turned {number} verdicts into PASS"
        report = replace(report, run=replace(report.run, loosened=(*report.run.loosened, loosened)))
    return write_reports(run_dir, report, settings.reports)


def _keep_record(folder: Path, run_dir: RunDir, record: RerunRecord) -> None:
    """Say how the run was started, relative to the new folder."""

    def move(name: str) -> str:
        return os.path.relpath((folder / name).resolve(), run_dir.path)

    moved = replace(record, folder=move(record.folder), root=move(record.root))
    if record.config is not None:
        moved = replace(moved, config=move(record.config))
    if record.experiments is not None:
        moved = replace(moved, experiments=move(record.experiments))
    run_dir.write(RERUN, msgspec.json.format(msgspec.json.encode(moved), indent=1))


def _describe(name: str, changes: list[ChangedVerdict], report: Report) -> Iterator[str]:
    yield f"{report.run.verdict}: {fold_line(report.run.reason)}"
    yield f"{len(report.checks)} checks of {name} judged by other limits, nothing sent: {len(changes)} changed"
    for change in changes:
        yield f"  {fold_line(change.describe())}"
    if any(change.is_loosened for change in changes):
        yield "a limit that is set after a run was seen proves less: run the gate again for a release"


COMMAND = Command(run=_run, add_options=_add_options)
