"""Prometheus text for a push gateway or node_exporter's textfile collector: the verdict, counts, and each figure.

`aiharness_gate_pass` is 1 for a whole PASS alone. A figure that is not finite has no line.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from harness.core.report import Report
from harness.core.verdict import Status
from harness.core.visible_text import fold_line

from ._format import compute_span, parse_moment
from ._outcomes import Counted, count_run

SUFFIX = ".prom"

_Samples = Iterator[tuple[dict[str, str], float | None]]
_HELP = {
    "gate_verdict": "1 for the verdict of the run, 0 for each other.",
    "gate_pass": "1 if the gate passed a whole run, else 0.",
    "gate_exit_status": "The exit status of the run.",
    "run_finished_timestamp_seconds": "When the run ended.",
    "run_duration_seconds": "How long the run took.",
    "checks_planned": "Planned checks.",
    "checks_judged": "Planned checks that were judged.",
    "checks": "Checks by suite, level and verdict.",
    "check_estimate": "The estimate of a check, in its unit.",
    "check_bound_lower": "One-sided lower bound of the estimate.",
    "check_bound_upper": "One-sided upper bound of the estimate.",
    "check_limit": "The limit of the objective.",
    "check_samples": "Samples that were judged.",
}


def render(report: Report) -> str:
    """The report in Prometheus' text format, gauges alone."""
    lines = []
    for name, text in _HELP.items():
        lines += [f"# HELP aiharness_{name} {text}", f"# TYPE aiharness_{name} gauge"]
        written = set()
        for labels, value in _list_samples(name, report):
            shown = ",".join(f'{label}="{_escape(content)}"' for label, content in labels.items())
            if value is not None and math.isfinite(value) and shown not in written:
                written.add(shown)
                lines.append(f"aiharness_{name}{{{shown}}} {float(value)!r}")
    return "\n".join(lines) + "\n"


def _list_samples(name: str, report: Report) -> _Samples:
    target = {"target": report.target.url, "model": report.target.model or ""}
    if name == "gate_verdict":
        verdict = report.run.verdict
        for status in (verdict, *(status for status in Status if status not in (verdict, Status.SKIPPED))):
            yield {**target, "verdict": status}, status is verdict
    elif name == "checks":
        counts: dict[tuple[str, str, str], int] = {}
        for row in report.checks:
            key = (row.suite, row.level, row.verdict)
            counts[key] = counts.get(key, 0) + 1
        for (suite, level, verdict_), n in counts.items():
            yield {**target, "suite": suite, "level": level, "verdict": verdict_}, n
    elif name.startswith("check_"):
        yield from _list_figures(name, report, target)
    else:
        yield target, _read_figure(name, report)


def _list_figures(name: str, report: Report, target: dict[str, str]) -> _Samples:
    for row in report.checks:
        if row.estimate is None:
            continue
        low, high = row.ci or (None, None)
        figures = {
            "check_estimate": row.estimate,
            "check_bound_lower": low,
            "check_bound_upper": high,
            "check_limit": row.limit,
            "check_samples": row.n,
        }
        labels = {"suite": row.suite, "check": row.id, "metric": row.metric or "", "unit": row.unit or ""}
        yield {**target, **labels}, figures[name]


def _read_figure(name: str, report: Report) -> float | None:
    run = report.run
    finished = parse_moment(run.finished)
    figures: dict[str, float | None] = {
        "gate_pass": count_run(report) is Counted.PASSED,
        "gate_exit_status": run.exit_status,
        "checks_planned": report.plan.planned,
        "checks_judged": report.plan.judged,
        "run_duration_seconds": compute_span(run.started, run.finished),
    }
    if finished and finished.tzinfo:
        figures["run_finished_timestamp_seconds"] = finished.timestamp()
    return figures.get(name)


def _escape(text: str) -> str:
    return fold_line(text, 300).replace("\\", "\\\\").replace('"', '\\"')
