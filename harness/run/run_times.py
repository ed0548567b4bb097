"""Which saved runs show by how much runs differ that nothing was changed between, and what a new run is beside them.

Tested in tests/commands/test_run_times.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from statistics import fmean

from harness.core.errors import RunDirError
from harness.core.history import HistoryLine, RunFigure, make_history_line
from harness.core.report import Report
from harness.core.run_comparison import ComparedTime, TimesComparison, TimeVerdict
from harness.core.verdict import Status
from harness.io.history_file import HISTORY, is_whole_pass, read_history
from harness.io.rundir import GATE, read_gate
from harness.run.gate_run import GateRun
from harness.run.report_building import build_report
from harness.stats.drift import adjust_by_rank
from harness.stats.run_spread import FEWEST_PASSED_RUNS, SpreadVerdict, judge_new_run

_MOST_RUNS = 20
_APART = 3600.0
"""Seconds from which two runs are two occasions: runs of one job differ far less than runs of two."""
_ALPHA = 0.05
_RESOLUTION = 1e-4
"""Seconds by which two times must differ to be told apart by a client."""


def collect_lines(history: Path, folder: Path, old: Report) -> list[HistoryLine]:
    """The lines of a history that holds OLD, or else those of the runs beside its folder, the newest last."""
    line = make_history_line(old)
    try:
        lines = read_history(history)
    except RunDirError:
        lines = []
    if line not in lines:
        lines = [line]
        for path in sorted(folder.parent.glob(f"*/{GATE}"), key=lambda path: path.stat().st_mtime)[-4 * _MOST_RUNS :]:
            try:
                report = read_gate(path)
            except RunDirError:
                continue
            if is_whole_pass(report) and report.run.id != line.run:
                lines.append(make_history_line(report))
    return sorted(lines, key=lambda known: known.started)


def compare_with_saved_runs(run: GateRun, margin: float) -> TimesComparison:
    """The figures that this run has so far beside those of the baseline and of the PASS runs before it."""
    report, folder = run.baseline_report, run.baseline_folder
    if report is None or folder is None:
        return TimesComparison(why="no saved run is the baseline")
    if not is_whole_pass(report):
        return TimesComparison(why=f"{report.run.id} ended with {report.run.verdict}: only a PASS can be a baseline")
    so_far = build_report(run.log.read_back(run.plan), policy=run.settings.policy)
    lines = collect_lines(HISTORY, folder, report)
    return compare_times(lines, make_history_line(report), make_history_line(so_far), margin)


def compare_times(lines: Sequence[HistoryLine], old: HistoryLine, new: HistoryLine, margin: float) -> TimesComparison:
    """The figures of NEW beside those of OLD and of the PASS runs before it of the same target, version and setting.

    Runs after OLD are left out: a baseline that follows the service would let it slide.
    """
    if (new.target, new.setting) != (old.target, old.setting):
        return TimesComparison(why="they are of another target or setting")
    alike = {}
    for line in lines:
        is_alike = (line.target, line.setting, line.version) == (old.target, old.setting, old.version)
        if is_alike and line.verdict is Status.PASS and line.started <= old.started and line.run != new.run:
            alike[line.started] = line  # a second judgement of a run starts when that did
    groups = _choose_groups(list(alike.values())[-_MOST_RUNS:], new)
    if len(groups) < FEWEST_PASSED_RUNS:
        return TimesComparison(why=_explain_too_few(len(alike), len(groups)))
    verdicts: dict[str, tuple[float, SpreadVerdict]] = {}
    for name, figure in new.figures.items():
        earlier = list(_list_averages(groups, name, figure))
        if len(earlier) >= FEWEST_PASSED_RUNS:
            judged = judge_new_run(earlier, figure.value, margin, more_is_better=figure.direction == ">=")
            verdicts[name] = (math.exp(fmean(map(math.log, earlier))), judged)
    if not verdicts:
        return TimesComparison(why="the runs have no figure in common: a load gives them, and an objective does")
    return TimesComparison(tuple(_decide(verdicts, new.figures, margin)), margin)


def _choose_groups(lines: Sequence[HistoryLine], new: HistoryLine) -> list[list[HistoryLine]]:
    """The samples: the runs of the new run's own occasion if there are enough of them, else one group per occasion."""
    occasions: list[list[HistoryLine]] = []
    for line in sorted(lines, key=lambda line: line.started):
        if occasions and _measure_gap(occasions[-1][-1], line) < _APART:
            occasions[-1].append(line)
        else:
            occasions.append([line])
    last = occasions[-1] if occasions else []
    if len(last) >= FEWEST_PASSED_RUNS and _measure_gap(last[-1], new) < _APART:
        return [[line] for line in last]
    return occasions


def _measure_gap(first: HistoryLine, second: HistoryLine) -> float:
    """Seconds from the start of one run to that of another; infinite where one does not say when it started."""
    try:
        gap = datetime.fromisoformat(second.started) - datetime.fromisoformat(first.started)
    except (TypeError, ValueError):
        return math.inf
    return abs(gap.total_seconds())


def _explain_too_few(runs: int, groups: int) -> str:
    needed = f"{FEWEST_PASSED_RUNS} are needed"
    if runs < FEWEST_PASSED_RUNS:
        return f"{runs} saved PASS runs of OLD's version up to OLD, {needed}: one run does not show how runs differ"
    return (
        f"{runs} saved PASS runs on {groups} occasions an hour or more apart, {needed}, or {FEWEST_PASSED_RUNS} runs "
        "within an hour of NEW: runs of one hour do not show how those of another differ"
    )


def _list_averages(groups: Iterable[Sequence[HistoryLine]], name: str, like: RunFigure) -> Iterator[float]:
    """For each occasion, the geometric mean of a figure over the runs that have it."""
    for group in groups:
        if logs := _list_logarithms(group, name, like):
            yield math.exp(fmean(logs))


def _list_logarithms(group: Sequence[HistoryLine], name: str, like: RunFigure) -> list[float]:
    logs = []
    for line in group:
        figure = line.figures.get(name)
        if figure is not None and figure.value > 0 and replace(like, value=figure.value) == figure:
            logs.append(math.log(figure.value))
    return logs


def _decide(
    verdicts: Mapping[str, tuple[float, SpreadVerdict]], figures: Mapping[str, RunFigure], margin: float
) -> Iterator[ComparedTime]:
    adjusted = adjust_by_rank([judged.p for _, judged in verdicts.values()])
    for (name, (usual, judged)), p in zip(verdicts.items(), adjusted, strict=True):
        figure = figures[name]
        state: TimeVerdict = "undecided"
        if p <= _ALPHA and not (figure.unit == "s" and abs(figure.value - usual) < _RESOLUTION):
            state = "worse"
        elif judged.upper < margin:
            state = "better" if judged.upper < -margin / (1 + margin) else "no worse"
        yield ComparedTime(name, figure.unit, usual, figure.value, state, judged.worse, judged.lower, judged.upper,
                           judged.spread, judged.runs)  # fmt: skip
