from __future__ import annotations

import importlib
import re
from dataclasses import replace
from types import ModuleType

import pytest

from harness.core.report import Report
from harness.core.verdict import Status


@pytest.fixture(scope="module")
def terminal() -> ModuleType:
    return importlib.import_module("harness.reports.as_terminal")


@pytest.mark.parametrize("kind", ["sample", "six", "empty", "hostile", "huge"])
def test_it_is_short_and_the_verdict_is_first(kind: str, terminal: ModuleType, request: pytest.FixtureRequest) -> None:
    report: Report = request.getfixturevalue(kind)
    text: str = terminal.render(report)
    assert report.run.verdict in text.splitlines()[0]
    assert len(text.splitlines()) <= 92
    assert "\x1b" not in text


def test_an_ordinary_run_takes_about_thirty_lines(terminal: ModuleType, sample: Report) -> None:
    few = tuple(row for row in sample.checks if row.verdict in (Status.PASS, Status.FAIL))
    assert len(terminal.render(replace(sample, checks=few)).splitlines()) <= 34


def test_it_says_what_decides(terminal: ModuleType, sample: Report) -> None:
    text = terminal.render(replace(sample, checks=tuple(r for r in sample.checks if "ttft" in r.id)))
    assert "A new run needs about 4,100 samples to decide this" in text
    assert "1.5 % (1.03 % to 2.11 %), limit ≤ 1 %" in text
    assert "2 checks not judged: something needed is not configured (the report lists them)" in text


def test_it_shows_the_smallest_counterexample_and_replay_lines(terminal: ModuleType, sample: Report) -> None:
    text = terminal.render(sample)
    assert "    $ curl -sS -i -X POST http://127.0.0.1:8080/v1/chat/completions" in text
    test = "ai-suite/integration/test_errors.py::test_malformed[truncated]"
    assert f"    $ aiharness rerun 20260131T120000Z-7f3a '{test}'" in text
    assert f"    $ aiharness rerun /runs/one '{test}'" in terminal.render(sample, run_path="/runs/one")


def test_a_fail_says_what_happened_and_shows_the_answer(terminal: ModuleType, sample: Report) -> None:
    text = terminal.render(sample, width=120)
    assert "✗ FAIL integration: answered 500 where a 4xx is due (3 of 8 cases)" in text
    assert "    checked: A malformed body is refused: truncated" in text
    assert "    answer: HTTP 500 <html><body>Internal Server Error</body></html>" in text


def test_one_cause_is_one_block_and_lists_the_other_checks(terminal: ModuleType, sample: Report) -> None:
    failed = next(row for row in sample.checks if "truncated" in row.id)
    rows = tuple(replace(failed, id=f"ai-suite/integration/test_errors.py::test_{n}", reason=f"{n}") for n in "abc")
    text = terminal.render(replace(sample, checks=rows))
    assert text.count("$ curl") == 1
    assert "2 more checks have the same cause: integration/test_errors.py::test_b, ::test_c" in text


def test_a_latency_has_its_milliseconds_beside_the_share(terminal: ModuleType, sample: Report) -> None:
    row = next(row for row in sample.checks if row.objective and row.objective.startswith("latency"))
    row = replace(row, notes=("observed p99 of 1200 answers: 912 ms (not what is judged)",))
    text = " ".join(terminal.render(replace(sample, checks=(row,)), width=140).split())
    assert "observed p99 of 1200 answers: 912 ms; share over the limit 3.42 % (2.59 % to 4.43 %), limit ≤ 1 %" in text


def test_nothing_is_cut_within_a_word(terminal: ModuleType, sample: Report) -> None:
    words = [f"word{number:03}" for number in range(400)]
    rows = tuple(replace(row, title=" ".join(words), reason=" ".join(words)) for row in sample.checks)
    text = terminal.render(replace(sample, checks=rows), width=80)
    cut = [word for word in re.findall(r"word\d*", text) if word not in words]
    assert not cut


def test_colour_is_ours_alone(terminal: ModuleType, hostile: Report) -> None:
    text = terminal.render(hostile, colour=True)
    escapes = set(re.findall(r"\x1b.{0,6}", text))
    assert escapes
    assert all(re.match(r"\x1b\[(0|2|(1;)?3[12356]|(1;)?2)m", escape) for escape in escapes), escapes
    assert re.sub(r"\x1b\[[0-9;]*m", "", text) == terminal.render(hostile)


def test_prose_keeps_to_the_width(terminal: ModuleType, sample: Report) -> None:
    for width in (60, 100, 140):
        lines = terminal.render(sample, width=width).splitlines()
        prose = [line for line in lines if not re.match(r"    \$|  (target|run|plan)", line)]
        assert max(map(len, prose)) <= width
