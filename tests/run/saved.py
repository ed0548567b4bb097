"""A saved run for a test: a plan and evidence written as a run writes them, and the report made of them."""

from __future__ import annotations

from pathlib import Path

from harness.core.gate import Policy
from harness.core.plan import Plan, PlannedCheck
from harness.core.report import Report
from harness.core.verdict import Level, Status, Verdict
from harness.io.rundir import EVIDENCE, EvidenceLine, RunDir, read_run
from harness.run.report_building import build_report

GOOD = Verdict(Status.PASS, "holds", n=1)
HEAD = {"id": "r", "started": "2026-01-01T00:00:00+00:00", "target": {"url": "http://h", "protocol": "v2"}}


def make_plan(count: int, **more: object) -> Plan:
    checks = tuple(
        PlannedCheck(f"c{i}", "smoke", Level.BLOCKER, f"check {i}", **more)  # type: ignore[arg-type]
        for i in range(count)
    )
    return Plan(("smoke",), checks)


def save_and_report(folder: Path, plan: Plan, *lines: tuple[str, Verdict]) -> Report:
    """The report of a run directory that holds this plan and this evidence."""
    run = RunDir.create(folder / "run")
    run.write_plan(plan, HEAD)
    for check, verdict in lines:
        run.append(EVIDENCE, EvidenceLine(check, verdict))
    return build_report(read_run(run.path), policy=Policy())
