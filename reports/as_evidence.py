"""Which clauses of frameworks, standards and laws a run gives evidence relevant to, and which stay untested.

In Markdown, by the map of the run, or else the one that is shipped (`harness/data/evidence_map.toml`). No row says
that a service conforms: that is for people to say, who read the clauses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files

import msgspec

from harness.core.evidence_map import Clause, EvidenceMap, Framework, is_relevant
from harness.core.report import CheckRow, Report
from harness.core.verdict import Status

from . import _format, _view
from .as_markdown import MarkdownPage, escape_prose, format_heading

SUFFIX = ".evidence.md"

_MAX_BYTES = 400_000
_MOST_NAMED = 3
_JUDGED = (Status.PASS, Status.FAIL)
_SCOPE = (
    "Each row lists evidence relevant to a clause, by the numbers and short titles of the edition that is named. It "
    "does not say that the service conforms, nor that its tests are enough: that is for people to judge, by the "
    "clauses themselves. **Untested** is a clause for which no check of this run ended with PASS or FAIL."
)


def render(report: Report) -> str:
    """The matrix of clauses and checks, with the untested ones at the end of each framework."""
    page = MarkdownPage(_MAX_BYTES)
    frameworks = (report.evidence_map or _load_shipped_map()).framework
    tables = [(framework, [_select_rows(clause, report) for clause in framework.clause]) for framework in frameworks]
    page.add(_describe_run(report, tables))
    for framework, rows in tables:
        page.add(_list_framework(framework, rows))
    return page.text


@cache
def _load_shipped_map() -> EvidenceMap:
    text = files("harness.data").joinpath("evidence_map.toml").read_bytes()
    return msgspec.toml.decode(text, type=EvidenceMap)


def _select_rows(clause: Clause, report: Report) -> list[CheckRow]:
    """The checks of the run that speak about a clause, the open ones first."""
    return _view.rank_rows(row for row in report.checks if is_relevant(clause, row.id, row.clauses))


def _is_judged(rows: Sequence[CheckRow]) -> bool:
    return any(row.verdict in _JUDGED for row in rows)


def _describe_run(report: Report, tables: Sequence[tuple[Framework, list[list[CheckRow]]]]) -> str:
    run, policy = report.run, dict(report.plan.policy)
    clauses = [rows for _, every in tables for rows in every]
    tested = sum(map(_is_judged, clauses))
    mapped = {row.id for rows in clauses for row in rows}
    facts = [
        f"**Gate** {run.verdict}: {escape_prose(run.reason, 300)}",
        f"**Clauses** {tested} of {len(clauses)} have a judged check, {len(clauses) - tested} are untested",
        f"**Checks** {_view.format_tally(report.checks)}; {len(report.checks) - len(mapped)} of them are in no clause",
        f"**Service** {escape_prose(' '.join(_view.list_target_parts(report)), 300)}",
        f"**Data** SHA-256 {escape_prose(policy.get('data', 'not given'), 100)}, plan {report.plan.hash[:16]}",
        f"**Run** {escape_prose(run.id, 80)}, {escape_prose(_format.format_clock(run.started), 60)}, "
        f"aiharness {escape_prose(report.environment.get('aiharness', 'unknown'), 40)}",
        f"**Responsible** {escape_prose(run.responsible or 'nobody is named: [run] responsible', 120)}",
    ]
    return f"{format_heading(report)}\n\nEvidence by clause.\n\n" + "  \n".join(facts) + f"\n\n{_SCOPE}"


def _list_framework(framework: Framework, tables: Sequence[Sequence[CheckRow]]) -> str:
    head = "| Clause | About | Verdicts | Evidence relevant to it |\n|---|---|---|---|"
    pairs = sorted(zip(framework.clause, tables, strict=True), key=lambda pair: not _is_judged(pair[1]))
    lines = [f"### {escape_prose(framework.name, 80)}\n", f"{escape_prose(framework.source, 400)}\n", head]
    for clause, rows in pairs:
        verdicts = "" if _is_judged(rows) else "**untested** "
        cells = (
            escape_prose(clause.name, 60),
            escape_prose(clause.title, 200),
            verdicts + (_view.format_tally(rows) if rows else ""),
            "; ".join(_list_evidence(clause, rows)),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _list_evidence(clause: Clause, rows: Sequence[CheckRow]) -> Iterator[str]:
    for row in rows[:_MOST_NAMED]:
        yield f"{row.verdict}{_view.format_level(row)} {escape_prose(row.title or row.id, 120)}"
    if len(rows) > _MOST_NAMED:
        yield f"and {len(rows) - _MOST_NAMED} more"
    if not rows:
        yield "its checks were not planned in this run" if clause.checks else "no check speaks about it"
