"""`aiharness report`: a report from the directory of a run, also of a killed one; needs no endpoint."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path

import msgspec

from harness.commands.command import Command
from harness.core.errors import UsageError
from harness.core.gate import Policy
from harness.core.registry import describe_unknown, list_plugins
from harness.core.report import Report
from harness.core.verdict import Status
from harness.io.evidence_file import read_evidence_map
from harness.io.run_search import find_run
from harness.io.rundir import PLAN, read_gate, read_run, states_hash
from harness.run.report_building import KILLED, build_report
from harness.run.report_files import render_report, save_report

_OTHER_GATE = "the decision beside this plan is that of another run"


def _add_options(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("path", metavar="RUN", help="a run directory, the name of one in .aiharness/runs, a gate.json or a report.html")
    add(
        "--format",
        dest="format_",
        metavar="FORMAT",
        default="terminal",
        help="terminal (default), or one of `aiharness list reports`",
    )
    add(
        "--evidence-map",
        metavar="FILE",
        help="the clauses for --format evidence (default: the run's, or the shipped map)",
    )
    add("--output", "-o", metavar="FILE", help="write to this file (allure: folder) instead of the screen")


def _run(path: str, format_: str, output: str | None, evidence_map: str | None = None) -> int:
    """Render a saved run; the exit status is the one that the run ended with."""
    if format_ not in list_plugins("reports"):
        raise UsageError(describe_unknown("report format", format_, list_plugins("reports")))
    source = Path(path)
    folder = source.parent
    if not source.is_file():
        source = folder = find_run(path)
    report = saved_report(source)
    if evidence_map is not None:
        report = replace(report, evidence_map=read_evidence_map(Path(evidence_map)))
    options = {"colour": sys.stdout.isatty() and output is None} if format_ == "terminal" else {}
    text = render_report(format_, report, folder, **options)
    if output:
        save_report(format_, Path(output), text)
    else:
        sys.stdout.buffer.write(text)
        sys.stdout.buffer.flush()
    return report.run.exit_status


def saved_report(path: Path) -> Report:
    """The report of a run directory or of a gate.json.

    A run without a final gate.json was killed and is judged now, and so is a PASS that is not of the plan beside it:
    the plan was changed afterwards, or the gate.json is another run's.
    """
    if path.is_file() and ((report := read_gate(path)).run.final or not (path.parent / PLAN).exists()):
        return report
    saved = read_run(path)
    other = saved.changed
    if saved.gate is not None and saved.plan is not None and not states_hash(path, saved.gate.plan.hash):
        other = other or _OTHER_GATE
    if saved.gate is not None and not (other and saved.gate.run.verdict is Status.PASS):
        return saved.gate
    given = saved.head.get("policy")
    policy = msgspec.convert(given, Policy) if given else Policy()
    return build_report(saved, policy=policy, interrupted=other or KILLED)


COMMAND = Command(run=_run, add_options=_add_options)
