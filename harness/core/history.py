"""The history of a service: one line a run, with the figures that can be compared from run to run.

Tested in tests/commands/test_history.py.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from harness.core.report import CheckRow, Figure, FigureTrend, Report, RunHistory
from harness.core.verdict import Status

_SHOWN_RUNS, _SHOWN_TRENDS = 30, 24
"""Runs and figures that a report shows of a history."""

_FREE = ("seed", "ceilings")
"""Parts of a plan's policy in which two runs may differ and still be compared."""


_OBSERVED = re.compile(r"observed p[\d.]+ (?:of \d+ answers: )?([\d.]+) (µs|ms|s)\b")
_SECONDS = {"µs": 1e-6, "ms": 1e-3, "s": 1.0}
"""How the verdict of an objective notes its percentile; its estimate is the share of requests over the limit."""


@dataclass(frozen=True, slots=True)
class RunFigure:
    """A figure of a run, in `unit`; `direction` is its good side (`<=` or `>=`)."""

    value: float
    unit: str
    direction: str


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One run of `target` in `version`; `setting` is a digest over what runs share whose figures can be compared."""

    run: str
    started: str
    verdict: Status
    target: str
    version: str
    setting: str
    figures: Mapping[str, RunFigure] = field(default_factory=dict)


def make_history_line(report: Report) -> HistoryLine:
    """The line of a run that has ended."""
    target = report.target
    return HistoryLine(
        report.run.id,
        report.run.started,
        report.run.verdict,
        " ".join((target.url, target.protocol, target.model or "")).strip(),
        target.version or "",
        digest_setting(report),
        dict(_list_figures(report)),
    )


def list_setting(report: Report) -> dict[str, str]:
    """What two runs must share for their figures to be compared: harness, protocol, data, loads and deadlines."""
    setting = {"harness": report.environment.get("aiharness", ""), "protocol": report.target.protocol}
    for name, value in report.plan.policy:
        if name not in _FREE:
            setting[name] = value
    return setting


def digest_setting(report: Report) -> str:
    """A digest that two runs share whose figures can be compared."""
    text = "\0".join(f"{name}={value}" for name, value in sorted(list_setting(report).items()))
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def _list_figures(report: Report) -> Iterator[tuple[str, RunFigure]]:
    """Positive figures: those of loads, the estimates of objectives, and in place of the share of requests over the
    limit of a latency the percentile that the objective names.
    """
    for load in report.loads:
        for figure in load.figures:
            for name, value in _list_values(figure):
                if value is not None and math.isfinite(value) and value > 0:
                    direction = "<=" if figure.unit == "s" else ">="
                    yield f"{load.scenario}: {name}", RunFigure(value, figure.unit, direction)
    for row in report.checks:
        value, unit = row.estimate, row.unit or ""
        if (observed := _read_observed(row)) is not None:
            value, unit = observed, "s"
        if value is not None and row.direction and math.isfinite(value) and value > 0:
            yield row.id, RunFigure(value, unit, row.direction)


def _read_observed(row: CheckRow) -> float | None:
    """The percentile that was observed for an objective on latencies, in seconds; None for any other check."""
    for note in row.notes:
        if observed := _OBSERVED.match(note):
            return float(observed[1]) * _SECONDS[observed[2]]
    return None


def _list_values(figure: Figure) -> Iterator[tuple[str, float | None]]:
    yield figure.title, figure.value
    for quantile in ("p50", "p95", "p99"):
        yield f"{figure.title} {quantile}", getattr(figure, quantile)


def collect_history(lines: Sequence[HistoryLine]) -> RunHistory | None:
    """The newest runs that can be compared with the last one, and their figures; None where there is no other."""
    newest = lines[-1]
    same = [line for line in lines if (line.target, line.setting) == (newest.target, newest.setting)][-_SHOWN_RUNS:]
    if len(same) < 2:
        return None
    trends = [_follow_figure(name, figure, same) for name, figure in newest.figures.items()]
    return RunHistory(
        tuple(line.run for line in same),
        tuple(line.started for line in same),
        tuple(line.verdict for line in same),
        tuple(trends[:_SHOWN_TRENDS]),
    )


def _follow_figure(name: str, newest: RunFigure, lines: Sequence[HistoryLine]) -> FigureTrend:
    values = []
    for line in lines:
        figure = line.figures.get(name)
        is_same = figure is not None and (figure.unit, figure.direction) == (newest.unit, newest.direction)
        values.append(figure.value if figure is not None and is_same else None)
    return FigureTrend(name, newest.unit, newest.direction, tuple(values))
