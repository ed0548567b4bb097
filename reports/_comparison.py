"""The comparison with a baseline: what it had, what this run has, and the difference against the margin."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from markupsafe import Markup

from harness.core.report import CheckRow
from harness.core.visible_text import fold_line

from ._bars import draw_bar
from ._format import NONE, format_interval, is_drawable
from ._view import format_figure


@dataclass(frozen=True, slots=True)
class ComparedRow:
    """A check beside its baseline, as text: `change` with its `bounds`, and their picture."""

    row: CheckRow
    run: str
    theirs: str
    ours: str
    change: str
    bounds: str
    margin: str
    bar: Markup


def is_difference(row: CheckRow) -> bool:
    """Whether the row's own estimate is the difference from its baseline."""
    baseline = row.baseline
    return baseline is not None and (row.kind == "comparison" or baseline.delta == row.estimate)


def list_compared(rows: Iterable[CheckRow]) -> list[ComparedRow]:
    """The rows whose difference was judged, in their order."""
    return [_compare(row) for row in rows if row.baseline is not None and row.baseline.delta is not None]


def _compare(row: CheckRow) -> ComparedRow:
    baseline = row.baseline
    assert baseline is not None
    margin, limit = baseline.margin, row.limit
    if not is_difference(row) and is_drawable(margin):
        limit = -margin if row.direction == ">=" else margin
    drawn = replace(
        row, estimate=baseline.delta, ci=baseline.delta_ci, limit=limit, limit_loosened=None,
        baseline=replace(baseline, estimate=0.0),
    )  # fmt: skip
    return ComparedRow(
        row,
        fold_line(baseline.run, 60),
        format_figure(row, baseline.estimate),
        NONE if is_difference(row) else format_figure(row, row.estimate),
        format_figure(row, baseline.delta),
        format_interval(baseline.delta_ci, row.unit, row.metric),
        format_figure(row, margin) if is_drawable(margin) else NONE,
        draw_bar(drawn, f"{row.title}: difference from the baseline", row.verdict),
    )
