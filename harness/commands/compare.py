"""`aiharness compare OLD NEW`: two saved runs side by side; needs no endpoint.

Exit status 0: no blocker fails newly, and each that OLD decided is decided in NEW; 1: a blocker fails newly; 20: a
blocker lost its decision, or nothing is compared.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from harness.commands.command import Command
from harness.commands.report import saved_report
from harness.core.run_comparison import CHANGES, ComparedCheck, ComparedFigure, RunComparison, compare_runs
from harness.core.verdict import Level
from harness.core.visible_text import fold_line
from harness.io.run_search import find_run

_MOST_SHOWN = 30
"""Reasons of one kind of change that are listed, each with its first check."""


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument("old", metavar="OLD", help="a run directory, or the name of one in .aiharness/runs")
    parser.add_argument("new", metavar="NEW", help="the run to compare with it")
    parser.add_argument("--json", dest="as_json", action="store_true", help="print the comparison as JSON")


def _run(old: str, new: str, as_json: bool) -> int:
    """Print the comparison; the exit status says whether something fails newly."""
    comparison = compare_runs(saved_report(find_run(old)), saved_report(find_run(new)))
    if as_json:
        content = {**msgspec.to_builtins(comparison), "exit_status": comparison.exit_status}
        print(msgspec.json.format(msgspec.json.encode(content), indent=1).decode())
    else:
        print("\n".join(_describe(comparison)))
    return comparison.exit_status


def _describe(comparison: RunComparison) -> Iterator[str]:
    yield f"OLD {comparison.old}  NEW {comparison.new}"
    for difference in comparison.differences:
        yield f"differs: {fold_line(difference)}"
    parts = {change: [check for check in comparison.checks if check.change == change] for change in CHANGES}
    yield ", ".join(f"{len(checks):,} {change}" for change, checks in parts.items() if checks) or "no checks"
    for change, checks in parts.items():
        if not checks or change == "unchanged":
            continue
        yield f"\n{change}:"
        reasons = list(_group_by_reason(checks))
        yield from map(_describe_checks, reasons[:_MOST_SHOWN])
        if hidden := sum(map(len, reasons[_MOST_SHOWN:])):
            yield f"  … and {hidden:,} more (--json lists all)"
    for title, verdicts in (
        ("worse or slower (the bounds of the two runs do not overlap)", ("worse",)),
        ("better or faster (the bounds do not overlap)", ("better",)),
        ("figures that show no difference (the bounds overlap: no verdict)", ("overlap",)),
        ("latencies as they were seen (without bounds: no verdict)", ("no bounds",)),
    ):
        if figures := [figure for figure in comparison.figures if figure.verdict in verdicts]:
            yield f"\n{title}:"
            yield from map(_describe_figure, figures)


def _group_by_reason(checks: Iterable[ComparedCheck]) -> Iterable[list[ComparedCheck]]:
    """Checks that changed alike and for the same reason, in the order of the first of each."""
    groups: dict[tuple[object, ...], list[ComparedCheck]] = {}
    for check in checks:
        groups.setdefault((check.old, check.new, check.level, check.reason), []).append(check)
    return groups.values()


def _describe_checks(checks: Sequence[ComparedCheck]) -> str:
    """A check with its reason, and how many more changed alike."""
    first, others = checks[0], len(checks) - 1
    level = "" if first.level is Level.BLOCKER else f" ({first.level})"
    verdicts = f"{first.old or 'not planned'} → {first.new or 'not planned'}"
    more = f", and {others:,} more with this reason" if others else ""
    return f"  {verdicts}{level}  {fold_line(first.id, 200)}{more}\n      {fold_line(first.reason)}"


def _describe_figure(figure: ComparedFigure) -> str:
    values = []
    for value, bounds in ((figure.old, figure.old_bounds), (figure.new, figure.new_bounds)):
        shown = " to ".join("open" if end is None else _format_value(end, figure) for end in bounds or ())
        values.append(f"{_format_value(value, figure)}{f' ({shown})' if shown else ''}")
    suite = f" in {figure.suite}" if figure.verdict == "no bounds" and figure.suite else ""
    return f"  {fold_line(figure.what, 200)}{suite}: {' → '.join(values)}{_describe_ratio(figure)}"


def _describe_ratio(figure: ComparedFigure) -> str:
    if figure.verdict != "no bounds" or not figure.old:
        return ""
    return f", {figure.new / figure.old - 1:+.0%}"


def _format_value(value: float, figure: ComparedFigure) -> str:
    """Seconds in milliseconds, shares in percent, any other unit after the number."""
    if figure.unit == "s":
        return f"{value * 1e3:.4g} ms"
    return f"{value:.4g} {figure.unit}" if figure.unit else f"{value * 100:.3g} %"


COMMAND = Command(run=_run, add_options=_add_options)
