"""Markdown for a pull request's comment or a CI job's summary: the verdict first, never over the platforms' limits."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.core.causes import group_by_cause
from harness.core.check_counts import COUNT_ORDER, WARNED, name_count
from harness.core.report import CheckRow, FaultRow, Load, Report
from harness.core.verdict import Status
from harness.core.visible_text import fold_line, make_visible, show_command

from . import _causes, _figures, _format, _proof, _view
from ._key_figures import list_key_figures
from ._plain import convert_value
from ._traffic import (
    CLIENT_BOUND,
    describe_load,
    describe_proof,
    describe_recovery,
    explain_client_bound,
    name_fault,
)
from ._unjudged import UnjudgedGroup, group_unjudged

SUFFIX = ".md"
MAX_BYTES = 60_000
"""GitHub drops a comment over 65,536 characters whole, and a job summary over 1 MiB."""

COMMENT_MARK = "<!-- aiharness release gate -->"
"""Ends the page, so that a later run finds its comment and replaces it."""

_SIGN = {"PASS": "✅", "FAIL": "❌", "INCONCLUSIVE": "❔", "ERROR": "💥", WARNED: "⚠️", "SKIPPED": "➖"}
_SPECIAL = re.compile(r"([\\`*_{}\[\]()|~^$#])")
_REFERENCE = re.compile(r"(@|#|!|GH(?=-)|www(?=\.)|:(?=//))(?=\S)")
_BACKTICKS = re.compile(r"`+")


def render(report: Report, *, run_path: str = "") -> str:
    """The report as GitHub-flavoured Markdown, under `MAX_BYTES` bytes; what is left out is counted.

    `run_path` is the run's directory, for commands that read it (default: the run's id).
    """
    page = MarkdownPage()
    fill_page(page, report, run_path)
    page.add(COMMENT_MARK)
    return page.text


def fill_page(page: MarkdownPage, report: Report, run_path: str) -> None:
    """Add what a reader needs of the run, the most important first."""
    page.add(_describe_run(report))
    figures = list_key_figures(report)
    page.add("\n".join(f"- {escape_prose(label, 80)}: **{escape_prose(value, 160)}**" for label, value in figures))
    rows = _view.list_open_rows(report)
    for group in group_by_cause(rows)[:10]:
        page.add(_describe_cause(group, report, run_path))
    page.add(_list_suites(report))
    page.add_table("Not judged", "", map(_list_unjudged, group_unjudged(report.plan.not_judged)))
    page.add_table("Open checks", "| Verdict | Level | Check | Why |\n|---|---|---|---|", map(_list_check, rows))
    estimates = (row for row in _view.rank_rows(report.checks) if row.limit is not None)
    head = "| Verdict | Objective | Estimate | Bounds | Limit | Tolerated | n |\n|---|---|--:|---|--:|--:|--:|"
    page.add_table("Objectives", head, map(_list_estimate, estimates))
    for load in report.loads[:2]:
        head = "| Load | p50 | p95 | p99 | n | What it is |\n|---|--:|--:|--:|--:|---|"
        page.add_table(escape_prose(_figures.describe_requests(load)), head, _list_figures(load))
    head = "| Fault | Proof | Recovery | Applied at | Affected |\n|---|---|---|--:|--:|"
    page.add_table("Faults", head, map(_list_fault, report.faults))
    if proof := _proof.describe_gate_proof(report):
        page.add_list(f"Proof: {escape_prose(proof, 200)}", filter(None, _list_proof(report)))
    page.add_list("Waivers", map(_join_pairs, report.waivers))
    page.add_list("Notes", report.notes)
    ids = f"Plan {_format_code(report.plan.hash[:16])} · run {_format_code(report.run.id)}"
    page.add(f"{ids} · {escape_prose(report.schema, 40)}")


class MarkdownPage:
    """Blocks are added while they fit."""

    def __init__(self, size: int = MAX_BYTES) -> None:
        self.text = ""
        self._left = size - 500

    def add(self, block: str) -> None:
        """Add a block if there is room for it."""
        size = len(block.encode()) + 2
        if size <= self._left:
            self._left -= size
            self.text += ("\n" if self.text else "") + block + "\n"

    def add_list(self, title: str, items: Iterable[str]) -> None:
        """Add a heading with as many list items as fit in half of what is left."""
        self.add_table(title, "", (f"- {escape_prose(item, 300)}" for item in items))

    def add_table(self, title: str, head: str, rows: Iterable[str]) -> None:
        """Add a heading with as many rows as fit in half of what is left; nothing when there are none."""
        room, left_out = self._left // 2, 0
        lines = list(filter(None, (f"### {title}\n", head)))
        empty = len(lines)
        for row in rows:
            room -= len(row.encode()) + 1
            if room < 0:
                left_out += 1
            else:
                lines.append(row)
        if len(lines) == empty:
            return
        if left_out:
            lines.append(f"\n… and {left_out:,} more in `gate.json`")
        self.add("\n".join(lines))


def _list_proof(report: Report) -> list[str]:
    unshown = [f"not shown: {line}" for line in _proof.list_unshown_checks(report)]
    return [*(unshown or ["Each planned contract check failed under a mutation."]), _proof.explain_scope(report)]


def _describe_run(report: Report) -> str:
    run = report.run
    target = " ".join(_format_code(part, 200) for part in _view.list_target_parts(report))
    started, duration = (
        _format.format_clock(run.started),
        _format.format_duration(_format.compute_span(run.started, run.finished)),
    )
    status, confidence = _format.format_exit_status(run.exit_status), escape_prose(_view.format_confidence(report), 80)
    facts = [
        f"**Target** {target}",
        f"**Plan** {_view.format_coverage(report)}: {_view.format_tally(report.checks)}",
        f"**Run** {escape_prose(started, 60)}, {duration}, exit status {status}, confidence {confidence}",
    ]
    if load := describe_load(report):
        facts.append(f"**Load** {escape_prose(load)}")
    if reasons := explain_client_bound(report):
        facts[-1] += f": **{CLIENT_BOUND}**, {escape_prose('; '.join(reasons))}"
    if unjudged := len(report.plan.not_judged):
        facts.append(f"**Left out** {_format.format_count(unjudged, 'check')} not judged: listed below")
    if warnings := _causes.describe_warnings(report):
        facts.append(f"{_SIGN[WARNED]} {escape_prose(warnings, 600)}")
    facts += [f"**Loosened** {escape_prose(text)}" for text in run.loosened[:10]]
    if run.interrupted:
        facts.append(f"**Incomplete run:** {escape_prose(run.interrupted)}")
    facts[0] = f"{format_heading(report)}\n\n{escape_prose(run.reason)}\n\n{facts[0]}"
    return "  \n".join(facts)


def _sign(row: CheckRow) -> str:
    return _SIGN[name_count(row.verdict, row.level)]


def format_heading(report: Report) -> str:
    """The decision as the heading of a page."""
    return f"## {_SIGN[report.run.verdict]} {_view.format_headline(report)}"


def _list_suites(report: Report) -> str:
    lines = [f"| Suite | Verdict | {' | '.join(COUNT_ORDER)} |\n|---|---|--:|--:|--:|--:|--:|--:|"]
    for suite in _view.summarize_suites(report)[:20]:
        counts = " | ".join(f"{n:,}" if n else "" for n in suite.counts.values())
        is_warned = suite.verdict is Status.PASS and suite.counts[WARNED]
        sign = _SIGN[WARNED if is_warned else suite.verdict]
        lines.append(f"| {escape_prose(suite.name, 40)} | {sign} {suite.verdict} | {counts} |")
    return "\n".join(lines) if len(lines) > 1 else "No suite was planned."


def _describe_cause(rows: Sequence[CheckRow], report: Report, run_path: str) -> str:
    row = rows[0]
    check = ""
    if row.verdict in (Status.FAIL, Status.ERROR):
        check = f"checked: {row.suite}, {row.title or row.id}"
    answer = _causes.describe_answer(row)
    commands = "\n".join(show_command(text, 1500) for text in _causes.list_repeat_commands(row, report, run_path))
    event = escape_prose(_causes.describe_event(row))
    parts = (
        f"#### {_sign(row)} {row.verdict}{_view.format_level(row)}: {event}",
        escape_prose(check),
        escape_prose(_causes.describe_figures(row)),
        answer and _format_code(answer, 300),
        escape_prose(_causes.describe_hint(row)) or _view.advise_on(row),
        escape_prose(_view.describe_smallest(row)),
        escape_prose(_causes.describe_others(rows), 1500),
        escape_prose(_causes.describe_promotion(report, rows), 600),
        commands and fence_code(commands, "sh"),
    )
    return "\n\n".join(filter(None, parts))


def _list_unjudged(group: UnjudgedGroup) -> str:
    lines = " ".join(_format_code(line, 120) for line in group.lines.splitlines()[:8])
    write = f"; write {lines}" if lines else ""
    return f"- {_format.format_count(len(group.titles), 'check')}: {escape_prose(group.why, 300)}{write}"


def _list_check(row: CheckRow) -> str:
    title, why = escape_prose(row.title or row.id, 120), escape_prose(row.reason, 200)
    return f"| {_sign(row)} {row.verdict} | {row.level} | {title} | {why} |"


def _list_estimate(row: CheckRow) -> str:
    cells = (
        f"{_sign(row)} {row.verdict}{_view.format_level(row)}",
        escape_prose(row.title, 120),
        escape_prose(_view.format_figure(row, row.estimate)),
        escape_prose(_view.format_bounds(row)),
        f"{_format.format_direction(row.direction)} {escape_prose(_view.format_figure(row, row.limit))}",
        escape_prose(_view.format_figure(row, row.limit_loosened)),
        _format.format_integer(row.n),
    )
    return f"| {' | '.join(cells)} |"


def _list_figures(load: Load) -> Iterable[str]:
    """One row for each time, then one for each single value, which stands in the first column of numbers."""
    for row in _figures.list_time_rows(load):
        cells = (row.title, *row.cells, f"{row.n:,}", row.definition)
        yield f"| {' | '.join(escape_prose(cell, 200) for cell in cells)} |"
    for title, value, definition in _figures.list_value_rows(load):
        yield f"| {escape_prose(title)} | {escape_prose(value)} | | | | {escape_prose(definition)} |"


def _list_fault(fault: FaultRow) -> str:
    cells = (
        name_fault(fault),
        describe_proof(fault),
        describe_recovery(fault) or "–",
        f"{_format.format_number(fault.applied_at, 4)} s",
        _format.format_integer(fault.affected),
    )
    return f"| {' | '.join(escape_prose(cell, 150) for cell in cells)} |"


def _join_pairs(mapping: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}: {value}" for key, value in convert_value(mapping).items())


def escape_prose(text: str, limit: int = 500) -> str:
    """Untrusted text as one line of Markdown: no markup, no HTML, no mention, no reference, no link.

    Zero-width spaces break what platforms link, and precede what would be a list or a command at the start of a line.
    """
    shown = fold_line(text, limit).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    shown = _REFERENCE.sub(r"\1&#8203;", _SPECIAL.sub(r"\\\1", shown))
    if shown and not shown[0].isalnum():
        return f"&#8203;{shown}"
    return shown


def _format_code(text: str, limit: int = 100) -> str:
    """Untrusted text as a code span that it cannot end."""
    shown = fold_line(text, limit) or " "
    fence = "`" * (1 + _longest_run(shown))
    space = " " if "`" in shown else ""
    return f"{fence}{space}{shown}{space}{fence}"


def fence_code(text: str, language: str = "") -> str:
    """Untrusted text as a code block that it cannot end."""
    shown = make_visible(text, 4000)
    fence = "`" * max(3, 1 + _longest_run(shown))
    return f"{fence}{language}\n{shown}\n{fence}"


def _longest_run(text: str) -> int:
    """The most backticks in a row."""
    return len(max(_BACKTICKS.findall(text), key=len, default=""))
