"""Numbers, times and intervals as people read them."""

from __future__ import annotations

import math
from datetime import datetime

from harness.core.gate import Exit

from ._text import line

_SHARES = ("share", "rate", "accuracy", "agreement", "recall", "precision", "coverage")
NONE = "–"


def number(value: float | None, digits: int = 3) -> str:
    """A figure with so many significant digits; a dash for None."""
    if value is None:
        return NONE
    if not math.isfinite(value):
        return str(value)
    if value and not 1e-4 <= abs(value) < 1e7:
        return f"{value:.{digits}g}"
    rounded = float(f"{value:.{digits}g}")
    return f"{value:,.0f}" if abs(rounded) >= 10 ** (digits - 1) else f"{rounded:.10f}".rstrip("0").rstrip(".")


def whole(value: int | None) -> str:
    """A count with its thousands set apart; a dash for None."""
    return NONE if value is None else f"{value:,}"


def sign(direction: str | None) -> str:
    """`<=` as `≤`, `>=` as `≥`; nothing for anything else."""
    return {"<=": "≤", ">=": "≥"}.get(direction or "", "")


def quantity(value: float | None, unit: str | None, metric: str | None = None) -> str:
    """A figure with its unit: seconds as `820 ms`, shares and rates as `0.5 %`, anything else as it is."""
    if value is None or not math.isfinite(value):
        return number(value)
    if unit == "s":
        return seconds(value)
    if not unit and metric and any(word in metric.lower() for word in _SHARES):
        return f"{number(value * 100)} %"
    return f"{number(value)} {line(unit or '', 20)}".rstrip()


def interval(ci: tuple[float | None, float | None] | None, unit: str | None, metric: str | None = None) -> str:
    """Two one-sided bounds: `0.1 % to 1.2 %`, `at most 1.2 %`, `at least 0.1 %`; a dash where there is none."""
    if ci is None or ci == (None, None):
        return NONE
    low, high = (quantity(bound, unit, metric) for bound in ci)
    if ci[0] is None:
        return f"at most {high}"
    return f"at least {low}" if ci[1] is None else f"{low} to {high}"


def seconds(value: float) -> str:
    """A latency: `350 µs`, `820 ms`, `1.25 s`."""
    size = abs(value)
    if size and size < 9.995e-4:
        return f"{number(value * 1e6)} µs"
    return f"{number(value * 1e3)} ms" if size and size < 0.9995 else f"{number(value)} s"


def duration(value: float | None) -> str:
    """A span of time: `4.2 s`, `3 min 20 s`, `2 h 05 min`."""
    if value is None or not math.isfinite(value):
        return NONE
    if value < 59.95:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    hours, left = divmod(minutes, 60)
    return f"{hours:,} h {left:02d} min" if hours else f"{minutes} min {rest:02d} s"


def moment(text: str) -> datetime | None:
    """An ISO 8601 time, or None for what is none."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def clock(text: str) -> str:
    """A time for people: `2026-01-31 12:00:05 UTC`; what cannot be read is shown as it is."""
    found = moment(text)
    if found is None:
        return text or "unknown"
    zone = "UTC" if found.utcoffset() is not None and not found.utcoffset() else found.strftime("%z")
    return f"{found:%Y-%m-%d %H:%M:%S} {zone}".rstrip()


def span(started: str, finished: str) -> float | None:
    """Seconds between two ISO 8601 times, or None."""
    first, last = moment(started), moment(finished)
    if first is None or last is None or (first.tzinfo is None) != (last.tzinfo is None):
        return None
    return (last - first).total_seconds()


def count(n: int, one: str, many: str | None = None) -> str:
    """`1 check`, `1,200 checks`."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def exit_words(status: int) -> str:
    """`20 (INCONCLUSIVE)`."""
    try:
        name = Exit(status).name
    except ValueError:
        return str(status)
    return f"{status} ({name.lower().replace('_', ' ') if status in (2, 3, 4, 5) else name})"
