"""The adversarial curve: robust accuracy over the rows that an attack was allowed to send for each input."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from markupsafe import Markup

from harness.core.report import CheckRow
from harness.core.verdict import Slice

from ._format import count, number, quantity, whole
from ._svg import Plot, Scale, el, figure, label, path, rule

_WIDTH, _HEIGHT = 700.0, 270.0
_PLOT = Plot(56.0, _WIDTH - 24.0, 18.0, _HEIGHT - 46.0)

_AFTER = re.compile(r"after (\d{1,9}) rows?")


def points(slices: Sequence[Slice]) -> list[tuple[int, Slice]]:
    """The slices by rows sent, when they are a curve's (`after 20 rows`) and can be drawn; else nothing."""
    found = [(_AFTER.fullmatch(part.name), part) for part in slices[:60]]
    drawn = [(int(match[1]), part) for match, part in found if match and _share(part.estimate) is not None]
    return sorted(drawn, key=lambda point: point[0]) if len(drawn) == len(slices) > 1 else []


def curve(row: CheckRow) -> Markup:
    """The estimates as a line, their bounds as a band, the limit and the tolerated one as lines; rows on a log axis."""
    found = points(row.slices)
    if not found:
        return Markup("")
    x = Scale(1.0, found[-1][0] + 1.0, _PLOT.left, _PLOT.right, log=True)
    y = Scale(0.0, 1.0, _PLOT.bottom, _PLOT.top)
    line = [(x(rows + 1), y(part.estimate or 0.0)) for rows, part in found]
    bounds = [part.ci or (None, None) for _, part in found]
    lower, upper = (
        [(at[0], y(_or(bound[side], open_))) for at, bound in zip(line, bounds, strict=True)]
        for side, open_ in ((0, 0.0), (1, 1.0))
    )
    parts = _PLOT.across([(y(share / 100), f"{share} %") for share in (0, 25, 50, 75, 100)])
    parts += _PLOT.up(_apart([(x(rows + 1), whole(rows)) for rows, _ in found]), "rows sent per input, log scale")
    parts += [path([*upper, *reversed(lower)], "dkw", close=True), path(line, "line")]
    parts += [el("circle", cx=cx, cy=cy, r=3, cls="point") for cx, cy in line]
    for limit, cls, word in ((row.limit_loosened, "loosened", "tolerated"), (row.limit, "limit", "limit")):
        if _share(limit) is not None and not (word == "tolerated" and limit == row.limit):
            height = y(limit or 0.0)
            parts.append(rule(_PLOT.left, height, _PLOT.right, height, cls))
            beneath = word == "tolerated"
            said = f"{word} {number((limit or 0.0) * 100)} %"
            parts.append(label(_PLOT.left + 6, height + (14 if beneath else -5), said, cls="limit-label"))
    first, last = found[0], found[-1]
    said = ", ".join(f"{quantity(p.estimate, '', 'share')} after {count(rows, 'row')}" for rows, p in (first, last))
    return figure(_WIDTH, _HEIGHT, f"Robust accuracy over queries: {row.objective or row.title}", said, *parts)


def _apart(marks: list[tuple[float, str]], least: float = 34.0) -> list[tuple[float, str]]:
    """The marks without those that would touch the one before; the last one always stays."""
    kept: list[tuple[float, str]] = []
    for mark in reversed(marks):
        if not kept or kept[-1][0] - mark[0] >= least:
            kept.append(mark)
    return kept[::-1]


def _share(value: float | None) -> float | None:
    return value if value is not None and 0 <= value <= 1 else None


def _or(value: float | None, open_: float) -> float:
    return value if value is not None and math.isfinite(value) else open_
