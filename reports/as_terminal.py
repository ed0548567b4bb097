"""The end of a run in a terminal: about 30 lines, the verdict first, then what is open, then the suites."""

from __future__ import annotations

import textwrap

from harness.core.report import CheckRow, Report
from harness.core.verdict import Status

from ._format import clock, count, duration, interval, quantity, sign, span
from ._text import command, line
from ._traffic import CLIENT_BOUND, bound, faults_line, load_line
from ._view import advice, confidence, coverage, headline, level, open_rows, replay, seen, suites, tally, target_words

SUFFIX = ".txt"
SHOWN_CHECKS = 4
"""Open checks that are shown with their evidence; the others get one line each, up to `SHOWN_LINES`."""
SHOWN_LINES = 6
_LONGEST = 1500
"""Characters of a replay line that a terminal is asked to show."""

_SIGN = {Status.PASS: "✓", Status.FAIL: "✗", Status.INCONCLUSIVE: "?", Status.ERROR: "!", Status.SKIPPED: "–"}
_COLOUR = {Status.PASS: "32", Status.FAIL: "31", Status.INCONCLUSIVE: "33", Status.ERROR: "35", Status.SKIPPED: "2"}


def render(report: Report, *, colour: bool = False, width: int = 100) -> str:
    """The report as plain text; `colour` adds ANSI colours, `width` is the terminal's, in columns.

    Whatever came from the endpoint is stripped of control characters: it can neither move the cursor nor colour.
    """
    paint = _Paint(colour, max(40, width))
    lines = _band(report, paint)
    rows = open_rows(report)
    for row in rows[:SHOWN_CHECKS]:
        lines += ["", *_check(row, report, paint)]
    rest = rows[SHOWN_CHECKS:]
    if rest:
        lines.append("")
    lines += [_one(row, paint) for row in rest[:SHOWN_LINES]]
    if len(rest) > SHOWN_LINES:
        lines.append(f"  … and {tally(rest[SHOWN_LINES:])}")
    lines += ["", *_tail(report, paint)]
    return "\n".join(lines) + "\n"


class _Paint:
    def __init__(self, colour: bool, width: int) -> None:
        self.colour = colour
        self.width = width

    def status(self, status: Status, text: str, *, strong: bool = False) -> str:
        return f"\x1b[{'1;' if strong else ''}{_COLOUR[status]}m{text}\x1b[0m" if self.colour else text

    def dim(self, text: str) -> str:
        return f"\x1b[2m{text}\x1b[0m" if self.colour else text

    def wrapped(self, text: str, indent: int, *, lines: int = 2) -> list[str]:
        """The text on one line, folded at the width, at most so many lines."""
        return textwrap.wrap(
            line(text, self.width * lines),
            self.width,
            initial_indent=" " * indent,
            subsequent_indent=" " * indent,
            max_lines=lines,
            placeholder=" …",
        )


def _band(report: Report, paint: _Paint) -> list[str]:
    run = report.run
    title = f" {_SIGN[run.verdict]} {headline(report)} "
    bar = "━" * max(0, paint.width - len(title) - 2)
    who = " ".join(line(part, 120) for part in target_words(report))
    lines = [paint.status(run.verdict, f"━━{title}{bar}", strong=True)]
    lines += paint.wrapped(run.reason, 2, lines=3)
    lines.append(paint.dim(f"  target  {line(who, paint.width * 2)}"))
    when = f"{clock(line(run.started, 40))}, {duration(span(run.started, run.finished))}"
    lines.append(paint.dim(f"  run     {when}, exit status {run.exit_status}, confidence {confidence(report)}"))
    lines.append(paint.dim(f"  plan    {coverage(report)}: {tally(report.checks)}"))
    for text in (*run.loosened, *([run.interrupted] if run.interrupted else ())):
        lines += [paint.status(Status.INCONCLUSIVE, part) for part in paint.wrapped(f"! {text}", 2)]
    return lines


def _check(row: CheckRow, report: Report, paint: _Paint) -> list[str]:
    lines = [_one(row, paint), *paint.wrapped(row.reason, 4)]
    if row.estimate is not None and row.limit is not None:
        shown = [quantity(value, row.unit, row.metric) for value in (row.estimate, row.limit)]
        said = f"{shown[0]} ({interval(row.ci, row.unit, row.metric)}), limit {sign(row.direction)} {shown[1]}"
        lines += paint.wrapped(said, 4, lines=1)
    if advised := advice(row):
        lines += paint.wrapped(advised, 4, lines=1)
    if said := seen(row):
        lines += paint.wrapped(f"seen: {said}", 4)
    return [*lines, *(paint.dim(_replay(text)) for text in replay(row, report))]


def _replay(text: str) -> str:
    """A line to paste; a very long one is only named, for half a command is none."""
    return (
        f"    $ {command(text)}"
        if len(text) <= _LONGEST
        else f"    (a command of {len(text):,} characters: see the report)"
    )


def _one(row: CheckRow, paint: _Paint) -> str:
    room = paint.width - len(row.verdict) - len(row.suite[:20]) - len(level(row)) - 9
    title = line(row.title or row.id, 1000)
    title = title if len(title) <= room else f"{title[: max(10, room - 1)]}…"
    status = paint.status(row.verdict, f"{_SIGN[row.verdict]} {row.verdict}", strong=True)
    return f"  {status}{level(row)} {line(row.suite, 20)}: {title}"


def _tail(report: Report, paint: _Paint) -> list[str]:
    found = suites(report)
    wide = max((len(line(suite.name, 20)) for suite in found), default=0)
    lines = [
        f"  {paint.status(suite.verdict, _SIGN[suite.verdict])} {line(suite.name, 20):<{wide}}  "
        + ", ".join(paint.status(status, f"{n:,} {status}") for status, n in suite.counts.items() if n)
        for suite in found[:8]
    ]
    if len(found) > 8:
        lines.append(f"  … and {count(len(found) - 8, 'more suite')}")
    lines += [paint.dim(part) for part in paint.wrapped(load_line(report), 2, lines=1)]
    for reason in bound(report)[:2]:
        lines += [paint.status(Status.INCONCLUSIVE, part) for part in paint.wrapped(f"! {CLIENT_BOUND}: {reason}", 2)]
    lines += [paint.dim(part) for part in paint.wrapped(faults_line(report.faults), 2)]
    if report.plan.not_judged:
        n = len(report.plan.not_judged)
        lines.append(paint.dim(f"  {count(n, 'thing')} not judged, for want of ground: see the report"))
    if report.waivers:
        lines.append(paint.dim(f"  {count(len(report.waivers), 'waiver')} in force: see the report"))
    return lines
