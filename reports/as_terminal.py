"""The end of a run in a terminal: about 30 lines, the verdict first, then what is open, then the suites."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from harness.core.causes import group_by_cause
from harness.core.check_counts import SIGNS, WARNED, name_count
from harness.core.report import CheckRow, Report
from harness.core.verdict import Status
from harness.core.visible_text import fold_line, show_command

from . import _format, _view
from ._causes import (
    describe_answer,
    describe_figures,
    describe_hint,
    describe_others,
    describe_promotion,
    describe_warnings,
    list_repeat_commands,
)
from ._figures import describe_requests, format_table, summarize_values
from ._proof import describe_gate_proof, explain_scope, list_unshown_checks
from ._traffic import CLIENT_BOUND, describe_load, explain_client_bound, summarize_faults

SUFFIX = ".txt"
SHOWN_CHECKS = 4
"""Causes that are shown with their evidence; the others get one line each, up to `SHOWN_LINES`."""
SHOWN_LINES = 6
_SHOWN_SUITES, _SHOWN_LOADS, _SHOWN_WAIVERS = 8, 1, 10
_LONGEST = 1500
"""Characters of the longest command that is shown."""

_COLOUR = {"PASS": "32", "FAIL": "31", "INCONCLUSIVE": "36", "ERROR": "35", WARNED: "33", "SKIPPED": "2"}


def render(report: Report, *, colour: bool = False, width: int = 100, run_path: str = "") -> str:
    """The report as plain text; `colour` adds ANSI colours, `width` is the terminal's, in columns.

    `run_path` is the run's directory, for commands that read it (default: the run's id).

    Whatever came from the endpoint is stripped of control characters: it can neither move the cursor nor colour.
    """
    page = _Page(report, colour, max(40, width), run_path)
    page.add_headline()
    causes = group_by_cause(_view.list_open_rows(report))
    for rows in causes[:SHOWN_CHECKS]:
        page.lines.append("")
        page.add_cause(rows)
    if len(causes) > SHOWN_CHECKS:
        page.lines.append("")
    for rows in causes[SHOWN_CHECKS:][:SHOWN_LINES]:
        page.add_title(rows[0])
    if rest := [row for rows in causes[SHOWN_CHECKS + SHOWN_LINES :] for row in rows]:
        page.lines.append(f"  … and {_view.format_tally(rest)}")
    page.lines.append("")
    page.add_suites()
    page.add_proof()
    page.add_traffic()
    return "\n".join(page.lines) + "\n"


class _Page:
    """The lines of the report, as they are added."""

    def __init__(self, report: Report, colour: bool, width: int, run_path: str) -> None:
        self.report = report
        self.run_path = run_path
        self.colour = colour
        self.width = width
        self.lines: list[str] = []

    def paint(self, text: str, code: str) -> str:
        """The text in a colour, given by its ANSI code."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text

    def add(self, text: str, indent: int, *, lines: int = 2, code: str = "") -> None:
        """Add a text, folded at the width, cut after so many lines at the end of a word."""
        space = " " * indent
        text = fold_line(text, 2000)
        for part in textwrap.wrap(
            text, self.width, initial_indent=space, subsequent_indent=space, max_lines=lines, placeholder=" …"
        ):
            self.lines.append(self.paint(part, code) if code else part)

    def add_headline(self) -> None:
        """Add the verdict, its reason, and what was judged."""
        report, run = self.report, self.report.run
        title = f"━━ {SIGNS[run.verdict]} {_view.format_headline(report)} "
        self.lines.append(self.paint(title.ljust(self.width, "━"), f"1;{_COLOUR[run.verdict]}"))
        self.add(run.reason, 2, lines=3)
        target = " ".join(fold_line(part, 120) for part in _view.list_target_parts(report))
        started = _format.format_clock(fold_line(run.started, 40))
        duration = _format.format_duration(_format.compute_span(run.started, run.finished))
        confidence = _view.format_confidence(report)
        for fact in (
            f"target  {fold_line(target, self.width * 2)}",
            f"run     {started}, {duration}, exit status {run.exit_status}, confidence {confidence}",
            f"plan    {_view.format_coverage(report)}: {_view.format_tally(report.checks)}",
        ):
            self.lines.append(self.paint(f"  {fact}", "2"))
        for text in filter(None, (*run.loosened, run.interrupted)):
            self.add(f"! {text}", 2, code=_COLOUR[WARNED])
        if warnings := describe_warnings(report):
            self.add(f"{SIGNS[WARNED]} {warnings}", 2, lines=3, code=_COLOUR[WARNED])

    def add_cause(self, rows: Sequence[CheckRow]) -> None:
        """Add open checks with one cause: what happened, the answer, a hint, and the commands that repeat it."""
        row = rows[0]
        self.add_title(row)
        if row.verdict in (Status.FAIL, Status.ERROR):
            self.add(f"checked: {row.title or row.id}", 4, lines=1, code="2")
        else:
            self.add(row.reason, 4)
        self.add(describe_figures(row), 4)
        self.add(describe_answer(row), 4, lines=3)
        if seen := _view.describe_smallest(row):
            self.add(f"seen: {seen}", 4)
        hint = describe_hint(row)
        self.add(hint and f"→ {hint}", 4, lines=4, code="1")
        self.add(describe_others(rows), 4, lines=5)
        self.add("" if hint else _view.advise_on(row), 4)
        self.add(describe_promotion(self.report, rows), 4, lines=3)
        for text in list_repeat_commands(row, self.report, self.run_path):
            shown = f"$ {show_command(text)}"
            if len(text) > _LONGEST:
                shown = f"(a command of {len(text):,} characters: see the report)"
            self.lines.append(self.paint(f"    {shown}", "2"))

    def add_title(self, row: CheckRow) -> None:
        """Add a verdict and what happened: of a FAIL or an ERROR the reason, of another verdict the check."""
        start = f"{_view.format_level(row)} {fold_line(row.suite, 20)}: "
        counted = name_count(row.verdict, row.level)
        sign = f"{SIGNS[counted]} {row.verdict}"
        title = row.title or row.id
        if row.verdict in (Status.FAIL, Status.ERROR):
            title = row.reason
        lines = textwrap.wrap(
            f"  {sign}{start}{fold_line(title, 1000)}",
            self.width,
            subsequent_indent="    ",
            max_lines=3,
            placeholder=" …",
            break_on_hyphens=False,
        )
        painted = self.paint(sign, f"1;{_COLOUR[counted]}")
        self.lines += [lines[0].replace(sign, painted, 1), *lines[1:]]

    def add_suites(self) -> None:
        """Add one line for each suite."""
        suites = _view.summarize_suites(self.report)
        width = max((len(fold_line(suite.name, 20)) for suite in suites), default=0)
        for suite in suites[:_SHOWN_SUITES]:
            counts = [self.paint(f"{n:,} {status}", _COLOUR[status]) for status, n in suite.counts.items() if n]
            is_warned = suite.verdict is Status.PASS and suite.counts[WARNED]
            shown = WARNED if is_warned else str(suite.verdict)  # no tick beside what failed
            sign = self.paint(SIGNS[shown], _COLOUR[shown])
            self.lines.append(f"  {sign} {fold_line(suite.name, 20):<{width}}  {', '.join(counts)}")
        if len(suites) > _SHOWN_SUITES:
            self.lines.append(f"  … and {_format.format_count(len(suites) - _SHOWN_SUITES, 'more suite')}")

    def add_proof(self) -> None:
        """Add how many checks were shown able to fail, and those that were not."""
        if line := describe_gate_proof(self.report):
            self.add(f"proof: {line}", 2)
        unshown = list_unshown_checks(self.report)
        for text in unshown[:SHOWN_LINES]:
            self.add(f"not shown: {text}", 4)
        if len(unshown) > SHOWN_LINES:
            self.lines.append(f"    … and {len(unshown) - SHOWN_LINES} more: see the report")
        self.add(explain_scope(self.report), 4)

    def add_traffic(self) -> None:
        """Add what the load and the faults came to, and what was left out."""
        report = self.report
        if load := describe_load(report):
            self.add(f"load: {load}", 2, lines=1, code="2")
        for measured in report.loads[:_SHOWN_LOADS]:
            self.add(describe_requests(measured), 2)
            self.lines += [f"    {line}" for line in format_table(measured)]
            self.add(summarize_values(measured.figures), 4)
        for reason in explain_client_bound(report)[:2]:
            self.add(f"! {CLIENT_BOUND}: {reason}", 2, code=_COLOUR[WARNED])
        self.add(summarize_faults(report.faults), 2, code="2")
        if unplanned := len(report.plan.not_judged):
            text = f"{_format.format_count(unplanned, 'check')} not judged: something needed is not configured"
            self.add(f"{text} (the report lists them)", 2, code="2")
        for waiver in report.waivers[:_SHOWN_WAIVERS]:
            text = f"waiver of {waiver.get('check')} ({waiver.get('owner')}, until {waiver.get('expires')})"
            self.add(f"{text}: {waiver.get('state', waiver.get('reason'))}", 2)
