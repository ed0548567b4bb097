"""Markdown for a pull request's comment or a CI job's summary: the verdict first, never over the platforms' limits."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from harness.core.report import CheckRow, FaultRow, Report
from harness.core.verdict import Status

from ._format import clock, duration, exit_words, interval, number, quantity, sign, span, whole
from ._plain import plain_value
from ._text import command, line, visible
from ._traffic import CLIENT_BOUND, bound, load_line, named, proof, recovery
from ._view import (
    advice,
    confidence,
    counts,
    coverage,
    headline,
    level,
    open_rows,
    ranked,
    replay,
    seen,
    suites,
    tally,
    target_words,
)

SUFFIX = ".md"
MAX_BYTES = 60_000
"""GitHub drops a comment over 65,536 characters whole, and a job summary over 1 MiB."""

_SIGN = {Status.PASS: "✅", Status.FAIL: "❌", Status.INCONCLUSIVE: "❔", Status.ERROR: "⚠️", Status.SKIPPED: "➖"}
_SPECIAL = re.compile(r"([\\`*_{}\[\]()|~^$#])")
_REFERENCE = re.compile(r"(@|#|!|GH(?=-)|www(?=\.)|:(?=//))(?=\S)")
_BACKTICKS = re.compile(r"`+")


def render(report: Report) -> str:
    """The report as GitHub-flavoured Markdown, under `MAX_BYTES` bytes; what is left out is counted."""
    page = _Page()
    page.add(_verdict(report))
    page.add(_suites(report))
    page.table("### Not judged", "", (f"- {prose(text, 300)}" for text in report.plan.not_judged))
    for row in open_rows(report)[:10]:
        page.add(_open(row, report))
    page.table("### Open checks", "| Verdict | Level | Check | Why |\n|---|---|---|---|", map(_row, open_rows(report)))
    estimates = [row for row in ranked(report.checks) if row.limit is not None]
    head = "| Verdict | Objective | Estimate | Bounds | Limit | Loosened | n |\n|---|---|--:|---|--:|--:|--:|"
    page.table("### Objectives", head, map(_estimate, estimates))
    head = "| Fault | Proof | Afterwards | Put on | Struck |\n|---|---|---|--:|--:|"
    page.table("### Faults", head, map(_fault, report.faults))
    page.table("### Waivers", "", (f"- {prose(_pairs(waiver), 300)}" for waiver in report.waivers))
    page.table("### Notes", "", (f"- {prose(text, 300)}" for text in report.notes))
    page.add(f"Plan {_code(report.plan.hash[:16])} · run {_code(report.run.id)} · {prose(report.schema, 40)}")
    return page.text


class _Page:
    """Blocks are added while they fit."""

    def __init__(self) -> None:
        self.text = ""
        self._left = MAX_BYTES - 500

    def add(self, block: str) -> bool:
        size = len(block.encode()) + 2
        if size > self._left:
            return False
        self._left -= size
        self.text += ("\n" if self.text else "") + block + "\n"
        return True

    def table(self, title: str, head: str, rows: Iterable[str]) -> None:
        """A heading with as many rows as fit in half of what is left; nothing when there are none."""
        found = list(rows)
        room, shown = self._left // 2, 0
        for row in found:
            room -= len(row.encode()) + 1
            if room < 0:
                break
            shown += 1
        if not shown:
            return
        more = f"\n\n… and {len(found) - shown:,} more in `gate.json`" if shown < len(found) else ""
        self.add("\n".join([title, "", *([head] if head else []), *found[:shown]]) + more)


def _verdict(report: Report) -> str:
    run, named = report.run, " ".join(_code(part, 200) for part in target_words(report))
    facts = [
        f"**Target** {named}",
        f"**Plan** {coverage(report)}: {tally(report.checks)}",
        f"**Run** {prose(clock(run.started), 60)}, {duration(span(run.started, run.finished))}, "
        f"exit status {exit_words(run.exit_status)}, confidence {prose(confidence(report), 80)}",
    ]
    if said := load_line(report):
        slow = "; ".join(bound(report))
        facts.append(f"**Load** {prose(said)}" + (f": **{CLIENT_BOUND}**, {prose(slow)}" if slow else ""))
    facts += [f"**Loosened** {prose(text)}" for text in run.loosened[:10]]
    if run.interrupted:
        facts.append(f"**Interrupted** {prose(run.interrupted)}")
    return f"## {_SIGN[run.verdict]} {headline(report)}\n\n{prose(run.reason)}\n\n" + "  \n".join(facts)


def _suites(report: Report) -> str:
    rows = [
        f"| {prose(suite.name, 40)} | {_SIGN[suite.verdict]} {suite.verdict} | "
        + " | ".join(f"{n:,}" if n else "" for n in suite.counts.values()) + " |"
        for suite in suites(report)[:20]
    ]  # fmt: skip
    head = f"| Suite | Verdict | {' | '.join(counts(()))} |\n|---|---|--:|--:|--:|--:|--:|"
    return "\n".join([head, *rows]) if rows else "No suite was planned."


def _open(row: CheckRow, report: Report) -> str:
    said = seen(row)
    parts = (
        f"#### {_SIGN[row.verdict]} {row.verdict}{level(row)}: {prose(row.title or row.id, 200)}",
        prose(row.reason),
        advice(row),
        said and prose(said),
        fenced("\n".join(command(text, 1500) for text in replay(row, report)), "sh"),
    )
    return "\n\n".join(part for part in parts if part)


def _row(row: CheckRow) -> str:
    title, why = prose(row.title or row.id, 120), prose(row.reason, 200)
    return f"| {_SIGN[row.verdict]} {row.verdict} | {row.level} | {title} | {why} |"


def _estimate(row: CheckRow) -> str:
    figures = (row.estimate, row.limit, row.limit_loosened)
    shown = [prose(quantity(value, row.unit, row.metric)) for value in figures]
    bounds = prose(interval(row.ci, row.unit, row.metric))
    cells = (prose(row.title, 120), shown[0], bounds, f"{sign(row.direction)} {shown[1]}", shown[2])
    return f"| {_SIGN[row.verdict]} {row.verdict}{level(row)} | {' | '.join(cells)} | {whole(row.n)} |"


def _fault(fault: FaultRow) -> str:
    cells = (named(fault), proof(fault), recovery(fault) or "–", f"{number(fault.applied_at, 4)} s")
    return f"| {' | '.join(prose(cell, 150) for cell in cells)} | {whole(fault.affected)} |"


def _pairs(mapping: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}: {value}" for key, value in plain_value(mapping).items())


def prose(text: str, limit: int = 500) -> str:
    """Untrusted text as one line of Markdown: no markup, no HTML, no mention, no reference, no link.

    Zero-width spaces break what platforms link, and stand before what a line's start would make a list or a command.
    """
    shown = line(text, limit).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    shown = _REFERENCE.sub(r"\1&#8203;", _SPECIAL.sub(r"\\\1", shown))
    return shown if not shown or shown[0].isalnum() else f"&#8203;{shown}"


def _code(text: str, limit: int = 100) -> str:
    """Untrusted text as a code span that it cannot end."""
    shown = line(text, limit) or " "
    fence = "`" * (1 + max((len(run) for run in _BACKTICKS.findall(shown)), default=0))
    return f"{fence} {shown} {fence}" if "`" in shown else f"{fence}{shown}{fence}"


def fenced(text: str, language: str = "") -> str:
    """Untrusted text as a code block that it cannot end."""
    shown = visible(text, 4000)
    fence = "`" * max(3, 1 + max((len(run) for run in _BACKTICKS.findall(shown)), default=0))
    return f"{fence}{language}\n{shown}\n{fence}"
