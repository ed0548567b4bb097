"""What every renderer asks of a report: order, groups, counts, headline, commands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.core.check_counts import WARNED, count_checks, count_judged, name_count
from harness.core.gate import describe_undecided
from harness.core.report import CheckRow, Report
from harness.core.verdict import Counterexample, Level, Status, find_worst_status
from harness.core.visible_text import fold_line
from harness.core.waiver import is_used

from ._format import format_count, format_interval, format_quantity

_STATUS_ORDER = (Status.FAIL, Status.ERROR, Status.INCONCLUSIVE, Status.PASS, Status.SKIPPED)
"""Statuses from the worst to the least."""

_LEVELS = (Level.BLOCKER, Level.WARN, Level.INFO)


@dataclass(frozen=True, slots=True)
class Group:
    """Checks of one suite with the same status and the same test: `cases` are its parametrised ids."""

    stem: str
    rows: tuple[CheckRow, ...]
    cases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Suite:
    """A suite's own verdict, by the gate's rule for its blockers; `why` is its worst row that is not PASS, in words."""

    name: str
    verdict: Status
    counts: dict[str, int]
    why: str


def is_open(row: CheckRow) -> bool:
    """Whether it is neither PASS nor SKIPPED."""
    return row.verdict not in (Status.PASS, Status.SKIPPED)


def rank_rows(rows: Iterable[CheckRow]) -> list[CheckRow]:
    """Rows as a reader needs them: blockers that FAIL, ERROR, INCONCLUSIVE, then warn and info, then PASS, SKIPPED.

    Among equals the order of the plan stays, so that the first is the one that the decision names.
    """
    return sorted(rows, key=_rank)


def _rank(row: CheckRow) -> tuple[int, int]:
    level = _LEVELS.index(row.level) if is_open(row) else len(_LEVELS)
    return level, _STATUS_ORDER.index(row.verdict)


def list_open_rows(report: Report) -> list[CheckRow]:
    """The rows that are neither PASS nor SKIPPED, worst first."""
    return rank_rows(filter(is_open, report.checks))


def is_warning(row: CheckRow) -> bool:
    """Whether it failed and blocks nothing."""
    return name_count(row.verdict, row.level) == WARNED


def find_tone(row: CheckRow) -> str:
    """The class of its verdict in the report's style: `fail`, `warned`, `pass`."""
    return name_count(row.verdict, row.level).lower()


def format_tally(rows: Iterable[CheckRow]) -> str:
    """`2 FAIL, 1 INCONCLUSIVE, 3 warned, 40 PASS`; `no checks` when there are none."""
    return ", ".join(f"{n:,} {name}" for name, n in count_checks(rows).items() if n) or "no checks"


def summarize_suites(report: Report) -> list[_Suite]:
    """Each planned suite, and each other one with rows. One in which no blocker was judged is INCONCLUSIVE."""
    parts: dict[str, list[CheckRow]] = {name: [] for name in report.plan.suites}
    for row in report.checks:
        parts.setdefault(row.suite, []).append(row)
    return [_summarize_suite(name, rows) for name, rows in parts.items()]


def _summarize_suite(name: str, rows: list[CheckRow]) -> _Suite:
    judged = [row.verdict for row in rows if row.level is Level.BLOCKER and row.verdict is not Status.SKIPPED]
    why = "" if judged else "no blocker was judged"
    if worst := min(filter(is_open, rows), key=_rank, default=None):
        why = ("warned: " if is_warning(worst) else "") + fold_line(worst.reason, 300)
        if worst.verdict not in (Status.FAIL, Status.ERROR):
            why = describe_undecided(fold_line(worst.title or worst.id, 120), fold_line(worst.reason, 200))
    return _Suite(name, find_worst_status(judged), count_checks(rows), why)


def format_headline(report: Report) -> str:
    """The verdict in words, with what it must not hide: warnings, a partial run, loosenings, waivers."""
    remarks = []
    if warnings := sum(map(is_warning, report.checks)):
        remarks.append(format_count(warnings, "warning"))
    if report.run.partial:
        remarks.append("partial run")
    if report.run.loosened:
        remarks.append(format_count(len(report.run.loosened), "loosened rule"))
    if used := sum(map(is_used, report.waivers)):
        remarks.append(format_count(used, "waiver"))
    return " with ".join(filter(None, (str(report.run.verdict), ", ".join(remarks))))


def format_coverage(report: Report) -> str:
    """`42 of 42 checks judged, 8 not applicable`: PASS or FAIL by evidence; what is SKIPPED is counted apart."""
    skipped = sum(row.verdict is Status.SKIPPED for row in report.checks)
    planned = f"{count_judged(report.checks):,} of {format_count(len(report.checks) - skipped, 'check')} judged"
    if not skipped:
        return planned
    return f"{planned}, {skipped:,} not applicable"


def format_confidence(report: Report) -> str:
    """The confidence of each one-sided bound: from the plan, else from the rows."""
    planned = dict(report.plan.policy).get("confidence", "")
    share = re.fullmatch(r"(0\.\d+) a side", planned)
    if planned and not share:
        return fold_line(planned, 80)
    levels = {float(share[1])} if share else {row.confidence for row in report.checks}
    return ", ".join(f"{level * 100:g} % per bound" for level in sorted(filter(None, levels))) or "not stated"


def find_smallest(row: CheckRow) -> Counterexample | None:
    """The counterexample to show first."""
    return row.counterexamples[0] if row.counterexamples else None


def describe_smallest(row: CheckRow) -> str:
    """What the smallest counterexample adds to the reason; often nothing."""
    example = find_smallest(row)
    if example is None or example.summary in row.reason:
        return ""
    return example.summary


def format_level(row: CheckRow) -> str:
    """` (warn)`, to be written after a verdict; nothing for a blocker."""
    return "" if row.level is Level.BLOCKER else f" ({row.level})"


def format_figure(row: CheckRow, value: float | None) -> str:
    """A value in the row's unit."""
    return format_quantity(value, row.unit, row.metric)


def format_bounds(row: CheckRow) -> str:
    """The row's one-sided bounds in its unit."""
    return format_interval(row.ci, row.unit, row.metric)


def list_target_parts(report: Report) -> list[str]:
    """URL, protocol, model and version of the target, as far as they are known."""
    target = report.target
    return list(filter(None, (target.url, target.protocol, target.model, target.version)))


def advise_on(row: CheckRow) -> str:
    """What would decide an open check, in one sentence."""
    if row.verdict is Status.INCONCLUSIVE and row.n_needed:
        sizes = f"A new run needs about {format_count(row.n_needed, 'sample')} to decide this"
        return f"{sizes}; this run had {row.n:,}." if row.n else f"{sizes}."
    if row.missing:
        if "a blocker of smoke failed" in row.reason:
            return "Mend what failed in smoke first, then run the gate again."
        going_on = "go on with a run that was cut short (aiharness gate --resume=RUN)"
        return f"This check was planned but did not run: run it, {going_on}, or remove it from the plan."
    if row.verdict is Status.INCONCLUSIVE:
        return "The evidence decides nothing: fix the cause named above and run the check again."
    if row.verdict is Status.ERROR:
        return "This says nothing about the service: fix the harness or the connection to the target, and run it again."
    return ""


def group_rows(rows: Sequence[CheckRow]) -> list[tuple[str, list[Group]]]:
    """Rows by suite, and in each suite by test."""
    parts: dict[str, dict[str, list[CheckRow]]] = {}
    for row in rows:
        parts.setdefault(row.suite, {}).setdefault(_split_id(row.id)[0], []).append(row)
    grouped = []
    for suite, stems in parts.items():
        groups = [Group(stem, tuple(same), tuple(_split_id(row.id)[1] for row in same)) for stem, same in stems.items()]
        grouped.append((suite, groups))
    return grouped


def _split_id(id_: str) -> tuple[str, str]:
    """`file.py::test[case]` as its test and its case."""
    test, bracket, case = id_.partition("[")
    if not bracket:
        return id_, ""
    return test, case.removesuffix("]")
