"""Several saved PASS runs decide times and rates in a comparison; one does not, nor five of one hour for another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.commands import compare
from harness.core.history import HistoryLine, RunFigure
from harness.core.run_comparison import TimesComparison
from harness.core.verdict import Status
from harness.io.history_file import HISTORY, append_history
from harness.run.run_times import compare_times
from tests.commands.test_history import make_run, save_run


def make_line(hour: float, value: float, **more: object) -> HistoryLine:
    started = f"2026-01-{1 + int(hour // 24):02}T{int(hour % 24):02}:{round(hour % 1 * 60):02}:00+00:00"
    figures = {"load: latency p95": RunFigure(value, "s", "<="), "load: throughput": RunFigure(30 / value, "/s", ">=")}
    line = HistoryLine(f"run-{hour:g}", started, Status.PASS, "http://h", "1", "same", figures)
    return replace(line, **more)  # type: ignore[arg-type]


def draw(seed: int, spread: float, n: int = 7) -> list[float]:
    return [float(v) for v in 0.3 * np.exp(np.random.default_rng(seed).normal(0.0, spread, n))]


def judge(values: Sequence[float], new: float, *, apart: float = 24.0, **more: object) -> TimesComparison:
    lines = [make_line(apart * k, value) for k, value in enumerate(values)]
    return compare_times(lines, lines[-1], make_line(apart * len(values), new, version="2", **more), 0.1)


def test_runs_that_differ_little_decide_both_ways() -> None:
    worse = judge(draw(1, 0.02), 0.42)
    assert {figure.verdict for figure in worse.figures} == {"worse"}
    assert {figure.verdict for figure in judge(draw(1, 0.02), 0.3).figures} == {"no worse"}
    assert {figure.verdict for figure in judge(draw(1, 0.02), 0.2).figures} == {"better"}
    assert all(figure.runs == 7 for figure in worse.figures)


def test_runs_that_differ_much_decide_nothing() -> None:
    assert {figure.verdict for figure in judge(draw(1, 0.1), 0.33).figures} == {"undecided"}


@pytest.mark.parametrize("runs", [0, 1, 4])
def test_fewer_than_five_runs_decide_nothing(runs: int) -> None:
    decided = judge(draw(1, 0.02)[: max(1, runs)], 0.9)
    assert not decided.figures
    assert f"{max(1, runs)} saved PASS runs of OLD's version up to OLD, 5 are needed" in decided.why


def test_five_runs_of_one_hour_decide_for_that_hour_alone() -> None:
    values, lines = draw(2, 0.003), []
    lines = [make_line(k / 10, value) for k, value in enumerate(values)]
    near = compare_times(lines, lines[-1], make_line(0.7, 0.42), 0.1)
    assert {figure.verdict for figure in near.figures} == {"worse"}
    far = compare_times(lines, lines[-1], make_line(30, 0.42), 0.1)
    assert "7 saved PASS runs on 1 occasions an hour or more apart, 5 are needed" in far.why


def test_runs_that_are_not_alike_do_not_count() -> None:
    lines = [make_line(24 * k, value) for k, value in enumerate(draw(3, 0.02))]
    new, old = make_line(240, 0.3, version="2"), lines[-1]
    assert compare_times(lines, old, new, 0.1).figures
    for change in ({"verdict": Status.FAIL}, {"version": "0"}, {"setting": "other"}, {"target": "http://x"}):
        others = [*(replace(line, **change) for line in lines[:4]), *lines[4:]]
        assert not compare_times(others, old, new, 0.1).figures, change
    later = [replace(line, started=f"2026-03-{k:02}") for k, line in enumerate(lines[:4], 1)]
    assert not compare_times([*later, *lines[4:]], old, new, 0.1).figures, "a baseline does not follow the service"
    assert "another target or setting" in compare_times(lines, old, replace(new, setting="other"), 0.1).why
    assert not compare_times([old] * 9, old, new, 0.1).figures, "one run, many times"


def test_small_allowed_regressions_do_not_add_up() -> None:
    """Each run is 4 % slower than the last one: beside the pinned runs the sum is seen."""
    values = draw(4, 0.01)
    lines = [make_line(24 * k, value) for k, value in enumerate(values)]
    pinned, verdicts = lines[-1], []
    for k in range(1, 9):
        lines.append(make_line(24 * (10 + k), 0.3 * 1.04**k, version=str(1 + k)))
        verdicts.append(compare_times(lines, pinned, lines[-1], 0.1).figures[0].verdict)
    assert verdicts[0] == "no worse"
    assert verdicts[-1] == "worse"


def test_one_of_many_figures_that_chance_moves_is_no_alarm() -> None:
    """20 figures of unchanged services: with the margin nearly exceeded by each, few are called worse."""
    generator, alarms = np.random.default_rng(5), 0
    for _ in range(100):
        table = 0.3 * np.exp(generator.normal(0.0, 0.03, (8, 20)))
        table[-1] *= 1.1
        lines = []
        for k, row in enumerate(table.tolist()):
            figures = {f"figure {i}": RunFigure(value, "s", "<=") for i, value in enumerate(row)}
            lines.append(make_line(24 * k, 0.3, figures=figures))
        alarms += any(f.verdict == "worse" for f in compare_times(lines, lines[-2], lines[-1], 0.1).figures)
    assert alarms <= 12  # 5 % and three standard errors


@pytest.fixture
def saved_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Six PASS runs on six days, and two later ones: as fast, and slower."""
    monkeypatch.chdir(tmp_path)
    names = []
    for k, value in enumerate([*draw(6, 0.02, 6), 0.3, 0.42]):
        report = make_run(f"run-{k:02}", value)
        report = replace(report, run=replace(report.run, started=f"2026-01-{10 + k}T00:00:00+00:00"))
        save_run(report)
        if k < 6:
            append_history(HISTORY, report)
        names.append(report.run.id)
    return names


def run_compare(old: str, new: str, **more: object) -> int:
    return compare.COMMAND.run(**{"old": old, "new": new, "format_": "terminal", "output": None, **more})


@pytest.mark.parametrize("has_history", [True, False])
def test_compare_decides_by_the_history_or_by_the_runs_beside_old(
    has_history: bool, saved_runs: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    if not has_history:
        HISTORY.unlink()
    assert run_compare(saved_runs[5], saved_runs[6], times=True) == 0
    assert run_compare(saved_runs[5], saved_runs[7]) == 1
    shown = capsys.readouterr().out
    assert "FAIL: " in shown
    assert "6 runs differ by" in shown
    assert run_compare(saved_runs[0], saved_runs[6]) == 0
    assert "1 saved PASS runs of OLD's version up to OLD, 5 are needed" in capsys.readouterr().out
    assert run_compare(saved_runs[0], saved_runs[6], times=True) == 20
    assert "INCONCLUSIVE: times are not decided" in capsys.readouterr().out


@pytest.mark.parametrize("format_", ["html", "markdown", "json"])
def test_each_format_has_the_times(format_: str, saved_runs: list[str]) -> None:
    assert run_compare(saved_runs[5], saved_runs[7], format_=format_, output="out") == 1
    text = Path("out").read_text()
    assert "worse" in text
    assert "usual" in text
