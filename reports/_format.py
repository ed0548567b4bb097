"""Numbers, times and intervals as people read them."""

from __future__ import annotations

import math
from datetime import datetime
from typing import TypeGuard

from harness.core.gate import Exit
from harness.core.visible_text import fold_line

_SHARES = ("share", "rate", "accuracy", "agreement", "recall", "precision", "coverage", "unprovoked")
NONE = "–"


def is_drawable(value: float | None) -> TypeGuard[float]:
    """Whether there is a finite value."""
    return value is not None and math.isfinite(value)


def format_number(value: float | None, digits: int = 3) -> str:
    """A number with this many significant digits; a dash for None."""
    if value is None:
        return NONE
    if not math.isfinite(value):
        return str(value)
    if value and not 1e-4 <= abs(value) < 1e7:
        return f"{value:.{digits}g}"
    rounded = float(f"{value:.{digits}g}")
    if abs(rounded) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    return f"{rounded:.10f}".rstrip("0").rstrip(".")


def format_integer(value: int | None) -> str:
    """A whole number with commas between the thousands; a dash for None."""
    return NONE if value is None else f"{value:,}"


def format_direction(direction: str | None) -> str:
    """`<=` as `≤`, `>=` as `≥`; nothing for anything else."""
    return {"<=": "≤", ">=": "≥"}.get(direction or "", "")


def format_quantity(value: float | None, unit: str | None, metric: str | None = None) -> str:
    """A number with its unit: seconds as `820 ms`, shares and rates as `0.5 %`, any other unit after the number."""
    if not is_drawable(value):
        return format_number(value)
    if unit == "s":
        return format_seconds(value)
    if not unit and metric and any(word in metric.lower() for word in _SHARES):
        return f"{format_number(value * 100)} %"
    return f"{format_number(value)} {fold_line(unit or '', 20)}".rstrip()


def format_interval(ci: tuple[float | None, float | None] | None, unit: str | None, metric: str | None = None) -> str:
    """Two one-sided bounds: `0.1 % to 1.2 %`, `at most 1.2 %`, `at least 0.1 %`; a dash where both are open."""
    if ci is None or ci == (None, None):
        return NONE
    low, high = (format_quantity(bound, unit, metric) for bound in ci)
    if ci[0] is None:
        return f"at most {high}"
    if ci[1] is None:
        return f"at least {low}"
    return f"{low} to {high}"


def format_seconds(value: float) -> str:
    """A latency: `350 µs`, `820 ms`, `1.25 s`."""
    if 0 < abs(value) < 9.995e-4:
        return f"{format_number(value * 1e6)} µs"
    if 0 < abs(value) < 0.9995:
        return f"{format_number(value * 1e3)} ms"
    return f"{format_number(value)} s"


def format_duration(value: float | None) -> str:
    """A span of time: `4.2 s`, `3 min 20 s`, `2 h 05 min`."""
    if not is_drawable(value):
        return NONE
    if value < 59.95:
        return f"{value:.1f} s"
    minutes, seconds = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {seconds:02d} s"
    return f"{minutes // 60:,} h {minutes % 60:02d} min"


def parse_moment(text: str) -> datetime | None:
    """An ISO 8601 time; None for a text that is not one."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def count_milliseconds(text: str) -> int:
    """An ISO 8601 time as milliseconds since 1970; 0 for a text that is no time with a zone."""
    moment = parse_moment(text)
    return round(moment.timestamp() * 1000) if moment and moment.tzinfo else 0


def round_milliseconds(seconds: float | None) -> int:
    """Seconds as whole milliseconds; 0 where there are none."""
    return round(min(max(seconds, 0.0), 1e9) * 1000) if is_drawable(seconds) else 0


def format_clock(text: str) -> str:
    """A time for people: `2026-01-31 12:00:05 UTC`; a text that is not a time is returned unchanged."""
    moment = parse_moment(text)
    if moment is None:
        return text or "unknown"
    zone = moment.strftime("%z").replace("+0000", "UTC")
    return f"{moment:%Y-%m-%d %H:%M:%S} {zone}".rstrip()


def compute_span(started: str, finished: str) -> float | None:
    """Seconds between two ISO 8601 times, or None."""
    first, last = parse_moment(started), parse_moment(finished)
    if first is None or last is None or (first.tzinfo is None) != (last.tzinfo is None):
        return None
    return (last - first).total_seconds()


def format_count(n: int, one: str, many: str | None = None) -> str:
    """`1 check`, `1,200 checks`."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def format_exit_status(status: int) -> str:
    """`20 (INCONCLUSIVE)`."""
    try:
        name = Exit(status).name
    except ValueError:
        return str(status)
    if status in (2, 3, 4, 5):
        name = name.lower().replace("_", " ")
    return f"{status} ({name})"
