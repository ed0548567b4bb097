"""A comparison of two runs as a document: the decision first, then what changed, then figures.

Tested in tests/commands/test_history.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.chaos.document import Chapter
from harness.core.check_counts import SIGNS, name_count
from harness.core.registry import load_plugin
from harness.core.report import Report
from harness.core.run_comparison import (
    CHANGES,
    TIME_VERDICTS,
    ChangeGroup,
    ComparedFigure,
    RunComparison,
    describe_figure_change,
)
from harness.core.visible_text import fold_line
from harness.run.baseline_pictures import add_saved_baseline

_MOST_ROWS = 200
_ORDER = ("worse", "better", "not comparable", "overlap", "no bounds")


def draw_times(comparison: RunComparison, old: Report, new: Report) -> list[tuple[str, str]]:
    """The latencies of both runs as pictures with captions; nothing where the two cannot be compared."""
    if comparison.mismatches or comparison.is_same:
        return []
    pictures = []
    drawn = load_plugin("reports", "html").draw_latencies(add_saved_baseline(new, old, old.run.id))
    for data, shares, spectrum in drawn:
        if data.baseline is not None:
            caption = f"{data.name}: NEW (line, {data.n:,} samples) and OLD (dashed, {data.baseline.n:,} samples)"
            pictures.append((fold_line(caption, 200), f'<div class="charts">{shares}{spectrum}</div>'))
    return pictures


def list_chapters(comparison: RunComparison, pictures: Sequence[tuple[str, str]] = ()) -> Iterator[Chapter]:
    """What is compared, a table for each kind of change, and one for the figures; nothing that would be empty."""
    runs = f"OLD {comparison.old}, NEW {comparison.new}"
    yield Chapter("Runs", (fold_line(runs),), items=tuple(map(fold_line, comparison.list_remarks())))
    if comparison.times.figures:
        times: list[tuple[str, ...]] = []
        for time in sorted(comparison.times.figures, key=lambda time: TIME_VERDICTS.index(time.verdict))[:_MOST_ROWS]:
            times.append((time.verdict, fold_line(time.describe(comparison.times.margin), 300)))
        yield Chapter("Times and rates beside several saved runs", (), ("Verdict", "Figure"), times)
    for change in CHANGES[:-1]:
        groups = comparison.group_changes(change)
        if groups:
            number = sum(len(group.checks) for group in groups)
            shown = groups[:_MOST_ROWS]
            tones = [name_count(group.checks[0].status, group.checks[0].level).lower() for group in shown]
            rows = list(map(_list_cells, shown))
            title = f"{change[0].upper()}{change[1:]}: {number:,}"
            yield Chapter(title, (), ("Verdict", "Level", "Why", "Check"), rows, tones=tones)
    figures: list[tuple[str, ...]] = []
    for figure in sorted(comparison.figures, key=_rank_figure)[:_MOST_ROWS]:
        figures.append((figure.verdict, fold_line(figure.what, 200), *describe_figure_change(figure)))
    if figures:
        yield Chapter("Figures", (), ("Verdict", "Figure", "OLD", "NEW", "Change"), figures)
    if pictures:
        yield Chapter("Latencies", ("They are shown, and nothing is concluded from them.",), pictures=pictures)


def _list_cells(group: ChangeGroup) -> tuple[str, str, str, str]:
    first = group.checks[0]
    if group.suite:
        return first.change, "", group.explain(), group.describe()
    sign = SIGNS[name_count(first.status, first.level)]
    return f"{sign} {first.verdicts}", str(first.level), group.explain(), group.describe()


def _rank_figure(figure: ComparedFigure) -> int:
    return _ORDER.index(figure.verdict)
