"""What every renderer asks of a report: order, groups, counts, headline, replay lines."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.core.report import CheckRow, Report
from harness.core.verdict import Counterexample, Level, Status, find_worst_status

from ._format import count
from ._text import command, line

ORDER = (Status.FAIL, Status.ERROR, Status.INCONCLUSIVE, Status.PASS, Status.SKIPPED)
"""Statuses from the worst to the least."""

_LEVELS = (Level.BLOCKER, Level.WARN, Level.INFO)


@dataclass(frozen=True, slots=True)
class Group:
    """Checks of one suite that ended alike and share one test: `cases` are its parametrised ids."""

    stem: str
    rows: tuple[CheckRow, ...]
    cases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Suite:
    """A suite's own verdict, by the gate's rule for its blockers; `why` is its worst row that is not PASS, in words."""

    name: str
    verdict: Status
    counts: dict[Status, int]
    why: str


def ranked(rows: Iterable[CheckRow]) -> list[CheckRow]:
    """Rows as a reader needs them: blockers that FAIL, ERROR, INCONCLUSIVE, then warn and info, then PASS, SKIPPED."""
    return sorted(rows, key=_rank)


def _rank(row: CheckRow) -> tuple[int, int, str, str]:
    if row.verdict in (Status.PASS, Status.SKIPPED):
        return (10, ORDER.index(row.verdict), row.suite, row.id)
    return (_LEVELS.index(row.level), ORDER.index(row.verdict), row.suite, row.id)


def open_rows(report: Report) -> list[CheckRow]:
    """The rows that are neither PASS nor SKIPPED, worst first."""
    return [row for row in ranked(report.checks) if row.verdict not in (Status.PASS, Status.SKIPPED)]


def counts(rows: Iterable[CheckRow]) -> dict[Status, int]:
    """How many rows ended with each status, in `ORDER`, zeros included."""
    found = Counter(row.verdict for row in rows)
    return {status: found[status] for status in ORDER}


def tally(rows: Iterable[CheckRow]) -> str:
    """`2 FAIL, 1 INCONCLUSIVE, 40 PASS`; `no checks` when there are none."""
    return ", ".join(f"{n:,} {status}" for status, n in counts(rows).items() if n) or "no checks"


def suites(report: Report) -> list[_Suite]:
    """Each planned suite, and each that rows name beside. One in which no blocker was judged is INCONCLUSIVE."""
    parts: dict[str, list[CheckRow]] = {name: [] for name in report.plan.suites}
    for row in report.checks:
        parts.setdefault(row.suite, []).append(row)
    return [_suite(name, rows) for name, rows in parts.items()]


def _suite(name: str, rows: list[CheckRow]) -> _Suite:
    judged = [row.verdict for row in rows if row.level is Level.BLOCKER and row.verdict is not Status.SKIPPED]
    open_ = min((row for row in rows if row.verdict not in (Status.PASS, Status.SKIPPED)), key=_rank, default=None)
    why = f"{line(open_.title or open_.id, 120)}: {line(open_.reason, 200)}" if open_ else ""
    return _Suite(name, find_worst_status(judged), counts(rows), why or ("" if judged else "no blocker was judged"))


def headline(report: Report) -> str:
    """The verdict in words, with what it must not hide: warnings, a partial run, loosenings, waivers."""
    beside = []
    warned = sum(row.verdict is Status.FAIL and row.level is not Level.BLOCKER for row in report.checks)
    if warned:
        beside.append(count(warned, "warning"))
    if report.run.partial:
        beside.append("partial run")
    if report.run.loosened:
        beside.append(count(len(report.run.loosened), "loosening"))
    if report.waivers:
        beside.append(count(len(report.waivers), "waiver"))
    return f"{report.run.verdict} with {', '.join(beside)}" if beside else str(report.run.verdict)


def coverage(report: Report) -> str:
    """`42 of 42 planned checks judged`."""
    return f"{report.plan.judged:,} of {report.plan.planned:,} planned checks judged"


def confidence(report: Report) -> str:
    """The confidence of each side of a decision: as the plan says it, else as the rows do."""
    planned = dict(report.plan.policy).get("confidence")
    share = re.fullmatch(r"(0\.\d+) a side", planned or "")
    if share:
        return f"{float(share[1]) * 100:g} % a side"
    if planned:
        return line(planned, 80)
    found = sorted({row.confidence for row in report.checks if row.confidence is not None})
    return ", ".join(f"{value * 100:g} % a side" for value in found) or "not stated"


def smallest(row: CheckRow) -> Counterexample | None:
    """The counterexample to show first."""
    return row.counterexamples[0] if row.counterexamples else None


def seen(row: CheckRow) -> str:
    """What the smallest counterexample adds to the reason; often nothing."""
    example = smallest(row)
    return example.summary if example is not None and example.summary not in row.reason else ""


def level(row: CheckRow) -> str:
    """` (warn)`, for what stands behind a verdict; nothing for a blocker."""
    return "" if row.level is Level.BLOCKER else f" ({row.level})"


def target_words(report: Report) -> list[str]:
    """URL, protocol, model and version of the target, as far as they are known."""
    target = report.target
    return [part for part in (target.url, target.protocol, target.model, target.version) if part]


def replay(row: CheckRow, report: Report) -> list[str]:
    """The commands that show it again: the one request where there is one, and the check."""
    example = smallest(row)
    return [*([example.curl] if example and example.curl else ()), pytest_line(row, report)]


def pytest_line(row: CheckRow, report: Report) -> str:
    """The command that runs this one check again, safe to paste into a POSIX shell."""
    example = smallest(row)
    parts = ["pytest", f"--ai-suite={line(row.suite)}"]
    if "://" in report.target.url:
        parts.append(f"--ai-endpoint={line(report.target.url, 2000)}")
    if example is not None and example.seed is not None:
        parts.append(f"--ai-seed={example.seed}")
    parts.append(command((example and example.pytest) or row.id, 2000))
    return shlex.join(parts)


def advice(row: CheckRow) -> str:
    """What would decide an open check, in one sentence."""
    if row.verdict is Status.INCONCLUSIVE and row.n_needed:
        seen = f"; {count(row.n, 'sample')} so far did not" if row.n else ""
        return f"About {count(row.n_needed, 'sample')} in a fresh run would decide this{seen}."
    if row.missing:
        return "Planned and left unrun: run it, or take it out of the plan."
    if row.verdict is Status.INCONCLUSIVE:
        return "What was seen decides nothing: mend the cause named above and run it again."
    if row.verdict is Status.ERROR:
        return "This says nothing about the service: mend the harness or the way to the target and run it again."
    return ""


def grouped(rows: Sequence[CheckRow]) -> list[tuple[str, list[Group]]]:
    """Rows by suite, in each suite those of one test together."""
    parts: dict[str, dict[str, list[CheckRow]]] = {}
    for row in rows:
        parts.setdefault(row.suite, {}).setdefault(_split(row.id)[0], []).append(row)
    return [
        (suite, [Group(stem, tuple(found), tuple(_split(row.id)[1] for row in found)) for stem, found in stems.items()])
        for suite, stems in parts.items()
    ]


def _split(id_: str) -> tuple[str, str]:
    """`file.py::test[case]` as its test and its case."""
    test, bracket, case = id_.partition("[")
    return (test, case.removesuffix("]")) if bracket else (id_, "")
