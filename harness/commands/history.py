"""`aiharness history`: how the figures of a service moved from run to run, and whether one changed for good.

Exit status 0: nothing changed for the worse; 1: a figure did; 20: too few runs, or runs that differ too much to say.
"""

from __future__ import annotations

import statistics
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from harness.commands.command import Command
from harness.commands.report import saved_report
from harness.core.errors import UsageError
from harness.core.gate import Exit
from harness.core.history import HistoryLine
from harness.core.visible_text import fold_line
from harness.io.history_file import HISTORY, append_history, read_history
from harness.io.run_search import find_run
from harness.stats.drift import adjust_by_rank
from harness.stats.history_change import judge_history

_ALPHA = 0.05


def _add_options(parser: ArgumentParser) -> None:
    parser.epilog = (
        "Exit status: 0 nothing changed for the worse, 1 a figure did, 20 too few runs (10 are needed), runs without "
        "figures, or runs that differ too much to say, 4 wrong usage. Figures are those of loads, values of objectives "
        "such as accuracy, and the percentile of a latency objective; an error rate that is zero is none."
    )
    add = parser.add_argument
    add("--file", default=str(HISTORY), help=f"the history (default: {HISTORY}; runs without --ai-run-dir add to it)")
    add("--add", dest="added", metavar="RUN", help="add this saved run to the file first, as a CI job does")
    add("--margin", type=float, default=5.0, help="percent by which a figure may differ (default: 5)")


def _run(file: str, added: str | None, margin: float) -> int:
    """Print a line for each figure of the newest run; the exit status says whether one changed for the worse."""
    if not 0 < margin < 100:
        raise UsageError(f"--margin must be over 0 and under 100, got {margin:g}")
    if added is not None:
        append_history(Path(file), saved_report(find_run(added)))
    lines = read_history(Path(file))
    same = [line for line in lines if (line.target, line.setting) == (lines[-1].target, lines[-1].setting)]
    if not same:
        print(f"{file} holds no run")
        return int(Exit.INCONCLUSIVE)
    print(f"{len(same)} runs of {fold_line(same[-1].target)}; verdicts: {_show_strip(same)}")
    if left_out := len(lines) - len(same):
        print(f"{left_out} runs of another target, harness, data, load or deadline are not compared")
    series = _collect_series(same)
    return _judge_series(series, same, margin / 100)


def _show_strip(lines: Sequence[HistoryLine]) -> str:
    return " ".join(str(line.verdict) for line in lines[-10:])


def _collect_series(lines: Sequence[HistoryLine]) -> dict[str, list[tuple[HistoryLine, float]]]:
    """The values of each figure of the newest run, with the runs that have it."""
    series: dict[str, list[tuple[HistoryLine, float]]] = {}
    for name, newest in lines[-1].figures.items():
        for line in lines:
            figure = line.figures.get(name)
            if figure is not None and (figure.unit, figure.direction) == (newest.unit, newest.direction):
                series.setdefault(name, []).append((line, figure.value))
    return series


def _judge_series(
    series: Mapping[str, Sequence[tuple[HistoryLine, float]]], lines: Sequence[HistoryLine], margin: float
) -> int:
    verdicts = {}
    for name, runs in series.items():
        verdicts[name] = judge_history([value for _, value in runs], margin, alpha=_ALPHA)
    adjusted = adjust_by_rank([verdict.p for verdict in verdicts.values()]) if verdicts else []
    worse, undecided = 0, not verdicts
    for (name, verdict), p in zip(verdicts.items(), adjusted, strict=True):
        if verdict.state == "changed" and p > _ALPHA:  # one of many figures that chance alone moves
            verdict = replace(verdict, state="steady")
        figure, runs = lines[-1].figures[name], series[name]
        median = statistics.median(value for _, value in runs)
        shown = f"{fold_line(name, 120)}: {figure.value:.4g} {figure.unit}".rstrip() + f" (median {median:.4g})"
        if verdict.state == "undecided" and len(runs) < 10:
            words = f"INCONCLUSIVE: {len(runs)} runs, 10 are needed"
        elif verdict.state == "undecided":
            words = (
                f"INCONCLUSIVE: runs differ by {verdict.spread:.1%}, a change under {verdict.visible:.0%} is not seen"
            )
        elif verdict.state == "steady":
            words = f"steady: no change of {margin:.0%} or more in {len(runs)} runs that differ by {verdict.spread:.1%}"
        else:
            is_worse = (verdict.change > 0) is (figure.direction == "<=")
            worse += is_worse
            since = runs[verdict.begin][0].run
            words = f"{'WORSE' if is_worse else 'better, have a look'}: {verdict.change:+.1%} since {since} (p {p:.2g})"
        undecided = undecided or verdict.state == "undecided"
        print(f"  {shown}: {words}")
    if not verdicts:
        print(
            "  the newest run has no figures: a load gives some ([load]), and so do objectives that state a value or "
            "the percentile of a latency; an error rate that is zero is none"
        )
    if worse:
        return int(Exit.FAIL)
    return int(Exit.INCONCLUSIVE if undecided else Exit.PASS)


COMMAND = Command(run=_run, add_options=_add_options)
