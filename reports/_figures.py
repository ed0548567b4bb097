"""What a load measured, as rows and sentences for every format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.core.report import Figure, Load
from harness.core.visible_text import fold_line

from ._format import format_count, format_number, format_quantity, format_seconds

PERCENTILES = ("p50", "p95", "p99")
_IN_A_FAILURE = "failed"
"""Stands where a percentile lies among the requests that failed: they have no time."""

_SHOWN_CLASSES = 6


@dataclass(frozen=True, slots=True)
class FigureRow:
    """One time of a load: its percentiles as text, in the order of `PERCENTILES`."""

    title: str
    definition: str
    n: int
    cells: tuple[str, ...]


def describe_requests(load: Load) -> str:
    """`steady: 200 of 200 requests ended, 3 failed (2 status, 1 connect); 180 were due after the warm-up, in 9 s`."""
    by_count = sorted(load.errors.items(), key=lambda item: -item[1])
    classes = ", ".join(f"{n:,} {fold_line(name, 40).replace('_', ' ')}" for name, n in by_count[:_SHOWN_CLASSES])
    failed = f"{load.failed:,} failed ({classes})" if classes else f"{load.failed:,} failed"
    ended = f"{load.completed:,} of {format_count(load.intended, 'request')} ended, {failed}"
    judged = f"{load.judged:,} were due after the warm-up, in {format_number(load.seconds)} s"
    return f"{fold_line(load.scenario, 40)}: {ended}; {judged}"


def list_time_rows(load: Load) -> list[FigureRow]:
    """The times, each with its percentiles."""
    rows = []
    for figure in load.figures:
        if figure.value is None:
            cells = tuple(_format_percentile(getattr(figure, name)) for name in PERCENTILES)
            rows.append(FigureRow(fold_line(figure.title, 40), fold_line(figure.definition, 200), figure.n, cells))
    return rows


def list_value_rows(load: Load) -> list[tuple[str, str, str]]:
    """The single values: title, value with its unit, definition."""
    values = [figure for figure in load.figures if figure.value is not None]
    return [(fold_line(f.title, 40), _format_value(f), fold_line(f.definition, 300)) for f in values]


def summarize_values(figures: Sequence[Figure]) -> str:
    """`answered 20 requests/s · goodput 19.8 requests/s`: the single values in one line."""
    return " · ".join(f"{fold_line(f.title, 40)} {_format_value(f)}" for f in figures if f.value is not None)


def format_table(load: Load) -> list[str]:
    """The times as lines of text: a head, then one line a metric, in columns."""
    rows = list_time_rows(load)
    if not rows:
        return []
    width = max(len(row.title) for row in rows)
    lines = [" " * width + "".join(f"{name:>10}" for name in PERCENTILES)]
    return lines + [f"{row.title:<{width}}" + "".join(f"{cell:>10}" for cell in row.cells) for row in rows]


def _format_percentile(seconds: float | None) -> str:
    return _IN_A_FAILURE if seconds is None else format_seconds(seconds)


def _format_value(figure: Figure) -> str:
    return format_quantity(figure.value, figure.unit, figure.metric if figure.unit else "share")
