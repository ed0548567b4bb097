"""Runs beside one another: the pinned and the last PASS, comparisons in every format, the history and its changes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from harness.commands import compare, history, pin
from harness.commands import report as report_command
from harness.config.options import Options
from harness.config.resolve import resolve_settings
from harness.core.errors import RunDirError, UsageError
from harness.core.history import make_history_line
from harness.core.report import Report
from harness.core.verdict import Counterexample, Level, Status
from harness.io.history_file import HISTORY, append_history, read_history
from harness.run.baseline import find_baseline
from harness.run.history import note_run, recall_runs
from harness.run.report_files import render_report
from tests.reports.sample_reports import hostile_report, six_suites
from tests.stats.test_history_change import make_history


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make_run(name: str, latency: float = 0.3, verdict: Status = Status.PASS, **changes: Any) -> Report:
    """A run of all suites whose median latency under load is this."""
    report = six_suites(passes=True)
    load = report.loads[0]
    figures = (replace(load.figures[0], p50=latency, p95=None, p99=None),)
    run = replace(report.run, id=name, started=f"2026-01-01T00:00:{name[-2:]}+00:00", verdict=verdict)
    run = replace(run, exit_status=0 if verdict is Status.PASS else 1)
    return replace(report, run=run, loads=(replace(load, figures=figures),), checks=report.checks[:2], **changes)


def save_run(report: Report) -> Path:
    path = Path(".aiharness/runs") / report.run.id
    path.mkdir(parents=True)
    (path / "gate.json").write_bytes(render_report("json", report, path))
    return path


def run_compare(old: str, new: str, format_: str = "terminal", output: str | None = None) -> int:
    return compare.COMMAND.run(old=old, new=new, format_=format_, output=output)


def test_only_a_pass_can_become_a_baseline() -> None:
    save_run(make_run("run-01"))
    for name in ("run-02", "run-03"):
        report = make_run(name)
        save_run(replace(report, run=replace(report.run, partial=name == "run-02", final=name == "run-02")))
    save_run(make_run("run-04", verdict=Status.FAIL))
    for name in ("run-03", "run-04"):
        with pytest.raises(UsageError, match="only a PASS can become a baseline"):
            pin.COMMAND.run(run_=name)
    with pytest.raises(RunDirError, match="no run is pinned here"):
        run_compare("pinned", "run-04")
    assert pin.COMMAND.run(run_="run-01") == 0
    assert run_compare("pinned", "run-04") == 0
    assert run_compare("last-pass", "run-04") == 0


@contextmanager
def reading(path: Path, text: str) -> Iterator[None]:
    before = path.read_text()
    path.write_text(text)
    yield
    path.write_text(before)


def test_a_pinned_run_that_is_gone_or_was_changed_is_refused() -> None:
    path = save_run(make_run("run-01")) / "gate.json"
    save_run(make_run("run-02"))
    pin.COMMAND.run(run_="run-01")
    with (
        reading(path, path.read_text().replace('"PASS"', '"FAIL"', 1)),
        pytest.raises(RunDirError, match="no run that"),
    ):
        run_compare("pinned", "run-02")
    path.unlink()
    with pytest.raises(RunDirError, match="no run that passed"):
        run_compare("pinned", "run-02")


def test_the_gate_takes_the_pinned_run_and_the_last_pass_as_a_baseline(tmp_path: Path) -> None:
    def find(name: str, **more: Any) -> Any:
        options = Options(suites=("smoke",), endpoint="http://127.0.0.1:9", baseline=name, **more)
        return find_baseline(resolve_settings(options, {}, [tmp_path]))

    with pytest.raises(UsageError, match="has passed"):
        find("last-pass")
    assert find("last-pass", accept_first=True).report is None
    save_run(make_run("run-01"))
    save_run(make_run("run-02"))
    save_run(make_run("run-03", verdict=Status.FAIL))
    pin.COMMAND.run(run_="run-01")
    assert find("pinned").report.run.id == "run-01"
    assert find("last-pass").report.run.id == "run-02"


def test_a_run_compared_with_itself_proves_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    save_run(make_run("run-01"))
    assert run_compare("run-01", "run-01") == 20
    assert "INCONCLUSIVE: a run compared with itself proves nothing" in capsys.readouterr().out


def test_other_data_cannot_be_compared(capsys: pytest.CaptureFixture[str]) -> None:
    report = make_run("run-02")
    save_run(make_run("run-01"))
    save_run(replace(report, plan=replace(report.plan, policy=(*report.plan.policy, ("data", "other")))))
    assert run_compare("run-01", "run-02") == 20
    assert "INCONCLUSIVE: the runs differ in data, so that figures cannot be compared" in capsys.readouterr().out


class _Collector(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not any(name.startswith("on") or name in ("src", "href") for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("format_", ["html", "markdown", "terminal", "json"])
def test_each_format_says_what_fails_newly_and_escapes_what_services_say(format_: str) -> None:
    hostile = hostile_report()
    rows = [replace(row, verdict=Status.PASS) for row in hostile.checks]
    old = replace(hostile, checks=tuple(rows), run=replace(hostile.run, id="run-01", started="2026"))
    save_run(old)
    save_run(replace(hostile, run=replace(hostile.run, id="run-02", started="2027")))
    assert run_compare("run-01", "run-02", format_, "out") == 1
    text = Path("out").read_text()
    if format_ == "json":
        assert json.loads(text)["exit_status"] == 1
        return
    assert "FAIL: a blocker fails newly" in text
    assert "newly failing" in text.lower()
    assert not re.search(r"[\x00-\x08\x0b-\x1f]", text)
    if format_ == "html":
        page = _Collector()
        page.feed(text)
        assert not page.tags & {"script", "img", "a", "iframe"}
        assert text.count("<svg ") == 2 * text.count("<figcaption>") > 0, (
            "both charts of each latency, and nothing else"
        )
        assert "default-src 'none'" in text
    if format_ == "markdown":
        assert not re.search(r"(?<!\\)<", text)


@pytest.mark.parametrize("format_", ["html", "markdown", "terminal"])
def test_a_suite_of_one_run_is_one_line_and_no_new_failure(format_: str) -> None:
    report = make_run("run-02")
    row = report.checks[0]
    added = [replace(row, id=f"ai-suite/extra/test_a.py::test_{n}", suite="extra") for n in range(40)]
    warned = replace(added[0], verdict=Status.FAIL, level=Level.WARN, reason="too slow")
    save_run(make_run("run-01"))
    save_run(replace(report, checks=(*report.checks, warned, *added[1:])))
    assert run_compare("run-01", "run-02", format_, "out") == 0
    text = re.sub(r"<[^>]+>", " ", Path("out").read_text().replace("\\", ""))
    assert "newly failing" not in text.lower()
    assert "suite extra, 40 checks" in text
    assert "1 warned, 39 PASS" in text
    assert "test_7" not in text


@pytest.mark.parametrize("format_", ["html", "markdown", "terminal"])
def test_checks_of_one_cause_are_one_row_and_warnings_have_their_own_sign(format_: str) -> None:
    report = make_run("run-02")
    rows = [replace(report.checks[0], id=f"ai-suite/smoke/test_a.py::test_{n}", suite="smoke") for n in range(24)]
    answer = Counterexample(
        "400 is due", {"method": "POST", "url": "http://127.0.0.1:1/predict"}, {"status": 500, "body": "boom"}
    )
    broken = []
    for n, row in enumerate(rows):
        broken.append(
            replace(row, verdict=Status.FAIL, level=Level.WARN, reason=f"case {n}", counterexamples=(answer,))
        )
    save_run(replace(make_run("run-01"), checks=(*report.checks, *rows)))
    save_run(replace(report, checks=(*report.checks, *broken)))
    assert run_compare("run-01", "run-02", format_, "out") == 0
    text = re.sub(r"<[^>]+>", " ", Path("out").read_text().replace("\\", ""))
    assert "24 checks of one cause" in text
    assert text.count("PASS → FAIL") == 1
    assert "▲" in text
    assert "✗" not in text


def test_a_blocker_that_only_the_new_run_has_and_that_fails_decides_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    report = make_run("run-02")
    save_run(make_run("run-01"))
    added = replace(report.checks[0], id="ai-suite/smoke/test_new.py::test_it", verdict=Status.FAIL)
    save_run(replace(report, checks=(*report.checks, added)))
    assert run_compare("run-01", "run-02") == 20
    shown = capsys.readouterr().out
    assert "INCONCLUSIVE: a blocker fails that OLD did not plan: smoke/test_new.py::test_it" in shown
    assert "newly failing" not in shown


def test_what_is_too_good_asks_for_a_look(capsys: pytest.CaptureFixture[str]) -> None:
    reports = []
    for name, value in (("run-01", 0.5), ("run-02", 0.1)):
        report = six_suites(passes=True)
        row = next(row for row in report.checks if row.estimate is not None and row.direction == "<=")
        row = replace(row, estimate=value, ci=(value - 0.05, value + 0.05))
        reports.append(replace(make_run(name), checks=(row, *report.checks[:2])))
    for report in reports:
        save_run(report)
    assert run_compare("run-01", "run-02") == 0
    shown = capsys.readouterr().out
    assert "have a look: " in shown
    assert "shorter, cached or fail at once" in shown


def run_history(**changes: Any) -> int:
    return history.COMMAND.run(**{"file": str(HISTORY), "added": None, "margin": 5.0, **changes})


def fill_history(values: list[float]) -> None:
    for number, value in enumerate(values):
        append_history(HISTORY, make_run(f"run-{number:02}", value))


@pytest.mark.parametrize(
    ("spread", "step", "status", "words"),
    [
        (0.02, 0.08, 1, "WORSE: +"),
        (0.02, 0.0, 0, "steady: no change of 5% or more in 30 runs"),
        (0.10, 0.08, 20, "INCONCLUSIVE: runs differ by"),
        (0.02, -0.08, 0, "better, have a look: -"),
    ],
)
def test_a_history_of_thirty_runs(
    spread: float, step: float, status: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    fill_history(make_history(3, spread, step))
    assert run_history() == status
    shown = capsys.readouterr().out
    assert words in shown
    if status == 1:
        assert re.search(r"since run-(19|20|21)\b", shown)


def test_too_few_runs_decide_nothing_and_other_settings_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    fill_history(make_history(3, 0.02, 0.5)[:9])
    assert run_history() == 20
    assert "INCONCLUSIVE: 9 runs, 10 are needed" in capsys.readouterr().out
    other = make_run("run-50", 9.0)
    append_history(HISTORY, replace(other, environment={"aiharness": "another"}))
    append_history(HISTORY, make_run("run-51"))
    run_history()
    assert "1 runs of another target, harness, data" in capsys.readouterr().out


def test_the_history_is_only_added_to_and_a_torn_line_is_left_out() -> None:
    save_run(make_run("run-01"))
    run_history(added="run-01")
    before = HISTORY.read_bytes()
    run_history(added="run-01")
    assert HISTORY.read_bytes() == before
    append_history(HISTORY, make_run("run-02"))
    assert HISTORY.read_bytes().startswith(before)
    HISTORY.write_bytes(HISTORY.read_bytes() + b'{"run": "to')
    assert [line.run for line in read_history(HISTORY)] == ["run-01", "run-02"]
    HISTORY.write_bytes(b"{}\n" + before)
    with pytest.raises(RunDirError, match=r"history.jsonl:1 is not a line"):
        read_history(HISTORY)


def test_a_run_of_its_own_folder_adds_itself(tmp_path: Path) -> None:
    options = Options(suites=("smoke",), endpoint="http://127.0.0.1:9")
    settings = resolve_settings(options, {}, [tmp_path])
    run = tmp_path / ".aiharness" / "runs" / "run-01"
    note_run(run, replace(settings, run_dir="elsewhere"), make_run("run-01"))
    note_run(run, replace(settings, only_check="x"), make_run("run-01"))
    whole = make_run("run-01")
    note_run(run, settings, replace(whole, run=replace(whole.run, partial=True)))
    assert not HISTORY.exists()
    HISTORY.parent.mkdir()
    note_run(run, settings, make_run("run-01"))
    assert [line.run for line in read_history(HISTORY)] == ["run-01"]


def test_a_latency_objective_has_a_history_even_where_no_request_was_over_its_limit() -> None:
    """Its estimate is a share, which is zero in each good run; the percentile that it names is what moves."""
    report = make_run("run-01")
    row = replace(report.checks[0], objective="latency p95 <= 300 ms", estimate=0.0, direction="<=", unit="")
    for note, seconds in (
        ("observed p95 of 600 answers: 32.1 ms (not what is judged)", 0.0321),
        ("observed p99 1.25 s (not what is judged)", 1.25),
        ("50 warm-up requests were not counted", None),
    ):
        line = make_history_line(replace(report, checks=(replace(row, notes=(note,)),), loads=()))
        shown = [(round(figure.value, 6), figure.unit, figure.direction) for figure in line.figures.values()]
        assert shown == ([] if seconds is None else [(seconds, "s", "<=")])


def test_a_newest_run_without_figures_says_what_gives_some(capsys: pytest.CaptureFixture[str]) -> None:
    append_history(HISTORY, replace(make_run("run-01"), loads=(), checks=()))
    assert run_history() == 20
    assert "objectives that state a value or the percentile of a latency" in capsys.readouterr().out


def test_the_name_of_a_run_is_enough_and_each_that_is_none_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    save_run(make_run("run-01"))
    shown = report_command.COMMAND.run(path="run-01", format_="terminal", output=None)
    assert shown == 0
    assert "PASS" in capfd.readouterr().out
    with pytest.raises(RunDirError, match=r"(?s)OLD: 'nosuch' is not a run.*NEW: 'alsonot' is not a run.*run-01"):
        run_compare("nosuch", "alsonot")
    with pytest.raises(RunDirError, match=r"'nosuch' is not a run.*newest here: run-01"):
        report_command.COMMAND.run(path="nosuch", format_="terminal", output=None)


def test_a_report_shows_the_runs_before_it(folder: Path) -> None:
    settings = resolve_settings(Options(suites=("smoke",), endpoint="http://127.0.0.1:9"), {}, [folder])
    where = folder / ".aiharness" / "runs" / "run"
    where.mkdir(parents=True)
    other = replace(make_run("run-00"), target=replace(make_run("run-00").target, url="http://127.0.0.1:1"))
    for report in (other, make_run("run-01", 0.4), make_run("run-02", 0.2, Status.FAIL)):
        note_run(where, settings, report)
    report = recall_runs(where, settings, make_run("run-03"))
    assert report.history is not None
    assert report.history.runs == ("run-01", "run-02", "run-03")
    assert report.history.verdicts == (Status.PASS, Status.FAIL, Status.PASS)
    trend = next(trend for trend in report.history.trends if trend.name == "steady: latency p50")
    assert (trend.values, trend.unit, trend.direction) == ((0.4, 0.2, 0.3), "s", "<=")
    page = render_report("html", report, where).decode()
    text = re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", page.partition('id="h-history"')[2].partition("</section>")[0]))
    assert "The last 3 runs of this target" in text
    assert "PASS FAIL PASS" in text
    assert "200 ms 400 ms 300 ms" in text


def test_a_first_run_has_no_history(folder: Path) -> None:
    settings = resolve_settings(Options(suites=("smoke",), endpoint="http://127.0.0.1:9"), {}, [folder])
    assert recall_runs(folder / "runs" / "run", settings, make_run("run-01")).history is None
