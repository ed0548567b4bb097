"""The lines that a run shows on the terminal, before its checks and after its decision.

Tested in tests/run/test_report_building.py.
"""

from __future__ import annotations

from harness.core.registry import load_plugin
from harness.core.report import Report
from harness.run.gate_run import GateRun
from harness.run.report_files import FILES, shorten_path


def format_header(run: GateRun) -> list[str]:
    """What is judged, and how, in a few lines."""
    endpoint, preflight = run.settings.endpoint, run.preflight
    reasons = {detected.protocol: detected.reason for detected in preflight.detected}
    reason = reasons.get(preflight.protocol, "named by the user")
    lines = [f"ai target: {endpoint.url} ({preflight.protocol}: {reason})"]
    if preflight.obstacle:
        lines.append(f"ai target cannot be judged: {preflight.obstacle}")
    lines += preflight.list_notes(endpoint)
    lines.append(
        f"ai run: {len(run.plan.checks)} checks planned, profile {run.settings.profile.name}, "
        f"seed {run.settings.seed}, written to {shorten_path(run.run_dir.path)}"
    )
    return [run.redact(line) for line in lines]


def format_summary(run: GateRun, report: Report, *, colour: bool, width: int) -> list[str]:
    """The terminal's last lines: the decision and where the report lies."""
    render = load_plugin("reports", "terminal").render
    text = render(report, colour=colour, width=width, run_path=str(run.run_dir.path))
    lines = [*text.rstrip().splitlines(), f"report: {shorten_path(run.run_dir.path / FILES['html'])}"]
    return [run.redact(line) for line in lines]
