"""`aiharness compare OLD NEW`: two saved runs side by side; needs no endpoint.

Exit status 0: no blocker fails newly, and each that OLD decided is decided in NEW; 1: a blocker fails newly, or a time
or rate is worse beyond what five saved PASS runs differ by; 20: a blocker lost its decision, or the two cannot be
compared (other data, loads, deadlines, harness; one run, twice), or --times is given and they are not decided.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec

from harness.chaos.document import render_html, render_markdown
from harness.commands.command import Command
from harness.commands.comparison_pages import draw_times, list_chapters
from harness.commands.report import saved_report
from harness.core.check_counts import SIGNS, name_count
from harness.core.errors import RunDirError, UsageError
from harness.core.history import make_history_line
from harness.core.run_comparison import (
    CHANGES,
    TIME_VERDICTS,
    ChangeGroup,
    ComparedFigure,
    RunComparison,
    TimesComparison,
    compare_runs,
    describe_figure_change,
)
from harness.core.verdict import Level
from harness.core.visible_text import fold_line
from harness.io.history_file import HISTORY
from harness.io.run_search import find_run
from harness.io.rundir import replace_file
from harness.run.run_times import collect_lines, compare_times

_MOST_SHOWN = 30
"""Reasons of one kind of change that are listed, each with its first check."""


def _add_options(parser: ArgumentParser) -> None:
    parser.epilog = (
        "Exit status: 0 no blocker fails newly, 1 one does, or a figure is worse, 20 not decided or not comparable, "
        "4 wrong usage."
    )
    add = parser.add_argument
    add("old", metavar="OLD", help="a run directory, the name of one in .aiharness/runs, pinned, or last-pass")
    add("new", metavar="NEW", help="the run to compare with it")
    add("--format", dest="format_", choices=("terminal", "markdown", "html", "json"), default="terminal")
    add("--json", dest="format_", action="store_const", const="json", help="the same as --format json")
    add("--times", action="store_true", help="times and rates must be decided, too: else INCONCLUSIVE")
    add("--margin", type=float, default=10.0, help="percent by which a time or rate may be worse (default: 10)")
    add("--history", default=str(HISTORY), help=f"where earlier runs are (default: {HISTORY}, or beside OLD)")
    add("--output", "-o", metavar="FILE", help="write to this file instead of the screen")


def _run(
    old: str, new: str, format_: str, output: str | None, times: bool = False, margin: float = 10.0,
    history: str = str(HISTORY),
) -> int:  # fmt: skip
    """Show the comparison; the exit status says whether something fails newly."""
    if not 0 < margin < 100:
        raise UsageError(f"--margin must be over 0 and under 100, got {margin:g}")
    earlier, latest = _find_both(old, new)
    before, after = saved_report(earlier), saved_report(latest)
    lines = collect_lines(Path(history), earlier, before)
    decided = compare_times(lines, make_history_line(before), make_history_line(after), margin / 100)
    comparison = replace(compare_runs(before, after), times=decided, needs_times=times)
    if format_ == "json":
        content = {**msgspec.to_builtins(comparison), "exit_status": comparison.exit_status}
        text = msgspec.json.format(msgspec.json.encode(content), indent=1).decode() + "\n"
    elif format_ == "terminal":
        text = "\n".join(_describe(comparison)) + "\n"
    else:
        pictures = draw_times(comparison, before, after) if format_ == "html" else ()
        decision, chapters = comparison.describe_decision(), list(list_chapters(comparison, pictures))
        text = render_markdown(decision, chapters)
        if format_ == "html":
            text = render_html(decision, chapters, "Two runs compared")
    if output:
        replace_file(Path(output), text.encode())
    else:
        print(text, end="")
    return comparison.exit_status


def _find_both(old: str, new: str) -> tuple[Path, Path]:
    """The directories of both runs. Raises `RunDirError` that names each that is none."""
    latest, problems = None, []
    try:
        latest = find_run(new)
    except RunDirError as problem:
        problems.append(f"NEW: {problem}")
    try:
        earlier = find_run(old, other_than=latest)
    except RunDirError as problem:
        problems.insert(0, f"OLD: {problem}")
    if problems or latest is None:
        raise RunDirError("\n".join(problems))
    return earlier, latest


def _describe(comparison: RunComparison) -> Iterator[str]:
    yield f"OLD {comparison.old}  NEW {comparison.new}"
    yield comparison.describe_decision()
    for remark in comparison.list_remarks():
        yield fold_line(remark)
    yield from _describe_times(comparison.times)
    parts = {change: [check for check in comparison.checks if check.change == change] for change in CHANGES}
    yield ", ".join(f"{len(checks):,} {change}" for change, checks in parts.items() if checks) or "no checks"
    for change, checks in parts.items():
        if not checks or change == "unchanged":
            continue
        yield f"\n{change}:"
        groups = comparison.group_changes(change)
        for group in groups[:_MOST_SHOWN]:
            yield from _describe_group(group)
        if hidden := sum(len(group.checks) for group in groups[_MOST_SHOWN:]):
            yield f"  … and {hidden:,} more (--json lists all)"
    for title, verdicts in (
        ("worse or slower (the bounds of the two runs do not overlap)", ("worse",)),
        ("better or faster (the bounds do not overlap)", ("better",)),
        ("figures that cannot be compared (see what differs)", ("not comparable",)),
        ("figures that show no difference (the bounds overlap: no verdict)", ("overlap",)),
        ("latencies as they were seen (without bounds: no verdict)", ("no bounds",)),
    ):
        if figures := [figure for figure in comparison.figures if figure.verdict in verdicts]:
            yield f"\n{title}:"
            yield from map(_describe_figure, figures)


def _describe_times(times: TimesComparison) -> Iterator[str]:
    """What several saved runs decide of times and rates, the worst first."""
    if times.figures:
        counts = {name: len(times.select(name)) for name in TIME_VERDICTS}
        yield "times and rates: " + ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    for name in TIME_VERDICTS[:-1]:
        for figure in times.select(name)[:_MOST_SHOWN]:
            yield f"  {name}  {fold_line(figure.describe(times.margin), 300)}"


def _describe_group(group: ChangeGroup) -> Iterator[str]:
    """The checks with what they changed to, and the reason; a suite that only one of the runs has is one line."""
    if group.suite:
        yield f"  {group.describe()}: {group.explain()}"
        return
    first = group.checks[0]
    sign = SIGNS[name_count(first.status, first.level)]
    if first.level is not Level.BLOCKER:
        sign += f" {first.level} check:"
    yield f"  {sign} {first.verdicts}  {group.describe()}"
    yield f"      {group.explain()}"


def _describe_figure(figure: ComparedFigure) -> str:
    suite = f" in {fold_line(figure.suite, 40)}" if figure.verdict == "no bounds" and figure.suite else ""
    old, new, change = describe_figure_change(figure)
    return f"  {fold_line(figure.what, 200)}{suite}: {old} → {new}{f', {change}' if change else ''}"


COMMAND = Command(run=_run, add_options=_add_options)
