"""The history of a service: one line a run, with the figures that can be compared from run to run.

Tested in tests/commands/test_history.py.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from harness.core.report import Figure, Report
from harness.core.verdict import Status

_FREE = ("seed", "ceilings")
"""Parts of a plan's policy in which two runs may differ and still be compared."""


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
    """Positive figures: those of loads, and the estimates of objectives that state a value, not a share of requests."""
    for load in report.loads:
        for figure in load.figures:
            for name, value in _list_values(figure):
                if value is not None and math.isfinite(value) and value > 0:
                    direction = "<=" if figure.unit == "s" else ">="
                    yield f"{load.scenario}: {name}", RunFigure(value, figure.unit, direction)
    for row in report.checks:
        value = row.estimate
        if value is not None and row.direction and math.isfinite(value) and value > 0:
            yield row.id, RunFigure(value, row.unit or "", row.direction)


def _list_values(figure: Figure) -> Iterator[tuple[str, float | None]]:
    yield figure.title, figure.value
    for quantile in ("p50", "p95", "p99"):
        yield f"{figure.title} {quantile}", getattr(figure, quantile)
