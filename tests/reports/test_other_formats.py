"""Formats of others, read back by readers of others: no run is a success that is not a whole PASS."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from harness.core.registry import list_plugins
from harness.core.report import CheckRow, Report
from harness.core.verdict import Level, Status
from harness.run.report_files import render_report, save_report
from tests.reports.readers import READERS, load_schema, read_allure, read_annotations, read_ctrf, read_prometheus

if TYPE_CHECKING:
    from pathlib import Path

    from tests.reports.conftest import Render

RUNS: dict[str, dict[str, Any]] = {
    "fail": {"verdict": Status.FAIL, "exit_status": 1},
    "inconclusive": {"verdict": Status.INCONCLUSIVE, "exit_status": 20},
    "inconclusive as fail": {"verdict": Status.INCONCLUSIVE, "exit_status": 1},
    "inconclusive let through": {"verdict": Status.INCONCLUSIVE, "exit_status": 0},
    "error": {"verdict": Status.ERROR, "exit_status": 21},
    "unended": {"verdict": Status.ERROR, "exit_status": 21, "final": False},
    "interrupted": {"verdict": Status.INCONCLUSIVE, "exit_status": 2, "interrupted": "Ctrl-C"},
    "internal error": {"verdict": Status.PASS, "exit_status": 3},
    "partial": {"verdict": Status.PASS, "exit_status": 0, "partial": True, "loosened": ("--ai-allow-partial",)},
}
"""What a run that is no whole PASS says of itself."""
PAGES = ("markdown", "summary", "evidence")


@pytest.mark.parametrize("name", READERS)
def test_a_whole_pass_is_a_success(name: str, render: Render, passing: Report) -> None:
    reading = READERS[name](render(name, passing))
    assert reading.green
    assert reading.failed == 0


@pytest.mark.parametrize(
    ("name", "run"),
    # Pages for people state the exit status beside the verdict.
    [(name, run) for name in READERS for run in RUNS if run != "internal error" or name not in PAGES],
)
def test_no_other_run_is_one(name: str, run: str, render: Render, passing: Report) -> None:
    report = replace(passing, run=replace(passing.run, reason="because", **RUNS[run]))
    assert not READERS[name](render(name, report)).green


@pytest.mark.parametrize("name", [name for name in READERS if name not in ("json", *PAGES)])
def test_an_empty_run_is_none_whatever_it_says(name: str, render: Render, empty: Report) -> None:
    report = replace(empty, run=replace(empty.run, verdict=Status.PASS, exit_status=0))
    assert not READERS[name](render(name, report)).green


def make_only(report: Report, status: Status, level: Level) -> Report:
    """A passing run with one more check, which ended like this."""
    row = replace(report.checks[0], id="ai-suite/smoke/test_x.py::test_y", verdict=status, level=level, reason="so")
    blocks = level is Level.BLOCKER and status not in (Status.PASS, Status.SKIPPED)
    run = replace(report.run, verdict=status if blocks else Status.PASS, exit_status=int(blocks))
    return replace(report, run=run, checks=(*report.checks, row))


@pytest.mark.parametrize("name", ["junit", "ctrf", "allure", "intoto"])
@pytest.mark.parametrize("status", [Status.FAIL, Status.INCONCLUSIVE, Status.ERROR, Status.SKIPPED])
def test_a_blocker_that_is_open_is_a_failure_and_no_format_counts_it_as_passed(
    name: str, status: Status, render: Render, passing: Report
) -> None:
    before = READERS[name](render(name, passing))
    after = READERS[name](render(name, make_only(passing, status, Level.BLOCKER)))
    gate = int(status is not Status.SKIPPED)
    assert after.failed == 2 * gate
    assert after.passed == before.passed - gate


@pytest.mark.parametrize("name", ["ctrf", "allure", "intoto"])
@pytest.mark.parametrize("status", [Status.FAIL, Status.INCONCLUSIVE, Status.ERROR])
@pytest.mark.parametrize("level", [Level.WARN, Level.INFO])
def test_what_decides_nothing_is_neither_passed_nor_failed(
    name: str, status: Status, level: Level, render: Render, passing: Report
) -> None:
    before = READERS[name](render(name, passing))
    after = READERS[name](render(name, make_only(passing, status, level)))
    warned = int(name == "intoto" and status in (Status.FAIL, Status.ERROR))  # the gate itself is WARNED
    assert (after.passed, after.failed) == (before.passed - warned, 0)


@pytest.mark.parametrize("kind", ["sample", "six", "empty", "hostile"])
@pytest.mark.parametrize("name", READERS)
def test_any_report_can_be_read(name: str, kind: str, render: Render, request: pytest.FixtureRequest) -> None:
    assert not READERS[name](render(name, request.getfixturevalue(kind))).green


def test_sarif_has_findings_alone(render: Render, sample: Report) -> None:
    (run,) = json.loads(render("sarif", sample))["runs"]
    failed = [row for row in sample.checks if row.verdict is Status.FAIL]
    assert len(run["results"]) == len(failed) + 1
    assert run["results"][0]["ruleId"] == "release-gate"
    by_check = {
        result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"]: result for result in run["results"]
    }
    assert {row.id for row in failed} == set(by_check) - {"release-gate"}
    malformed = by_check["ai-suite/integration/test_errors.py::test_malformed[truncated]"]
    assert malformed["level"] == "error"
    assert malformed["ruleId"] == "integration/test_errors.py::test_malformed"
    assert malformed["webRequest"]["method"] == "POST"
    assert malformed["webResponse"]["statusCode"] == 500
    assert by_check["ai-suite/load/test_slo.py::test_slo[accuracy]"]["level"] == "warning"
    notices = run["invocations"][0]["toolExecutionNotifications"]
    undecided = [row for row in sample.checks if row.verdict in (Status.ERROR, Status.INCONCLUSIVE)]
    assert {notice["descriptor"]["id"] for notice in notices} == {row.id for row in undecided}


def test_a_finding_keeps_its_fingerprint_and_points_at_the_users_own_file(render: Render, sample: Report) -> None:
    own = replace(sample.checks[0], id="tests/our tests.py::test_a", verdict=Status.FAIL, reason="no")
    report = replace(sample, checks=(*sample.checks, own))
    later = replace(report, run=replace(report.run, id="another", started="2026-02-01T00:00:00+00:00"))
    first, second = (json.loads(render("sarif", one))["runs"][0]["results"] for one in (report, later))
    assert [one["partialFingerprints"] for one in first] == [one["partialFingerprints"] for one in second]
    assert len({one["partialFingerprints"]["aiharnessCheck/v1"] for one in first}) == len(first)
    places = {one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for one in first}
    assert places == {"aiharness.toml", "tests/our%20tests.py"}


def test_an_artifact_that_the_service_states_is_the_subject(render: Render, passing: Report) -> None:
    digest = "sha256:" + "ab" * 32
    for version, expected in ((digest, {"sha256": "ab" * 32}), ("CD" * 20, {"gitCommit": "cd" * 20}), ("2026.1", None)):
        text = render("intoto", replace(passing, target=replace(passing.target, version=version)))
        subject = json.loads(text)["subject"][0]
        assert subject["digest"] == expected or (expected is None and list(subject["digest"]) == ["aiharnessTarget"])


def test_a_pass_with_warnings_is_warned(render: Render, passing: Report) -> None:
    text = render("intoto", make_only(passing, Status.FAIL, Level.WARN))
    assert json.loads(text)["predicate"]["result"] == "WARNED"


def test_text_of_a_service_cannot_forge_an_annotation(render: Render, passing: Report) -> None:
    hostile = "100%0A::set-output name=x::y\n::add-mask::z ##[error]a, b: c"
    row = replace(passing.checks[0], verdict=Status.FAIL, reason=hostile, title=hostile, suite=hostile)
    run = replace(passing.run, verdict=Status.FAIL, exit_status=1, reason=hostile)
    text = render("annotations", replace(passing, run=run, checks=(row,)))
    assert read_annotations(text).failed == 2
    assert "100%250A::set" in text.replace("%3A", ":")
    assert "##[" not in text
    assert text.count("\n") == 2


def test_text_of_a_service_cannot_forge_a_sample(render: Render, passing: Report) -> None:
    row = next(row for row in passing.checks if row.estimate is not None)
    hostile = 'a"} 1\naiharness_gate_pass{target="x\\'
    text = render("prometheus", replace(passing, checks=(replace(row, id=hostile, suite=hostile),)))
    assert read_prometheus(text).green
    assert text.count("\naiharness_gate_pass{") == 1


def test_figures_are_in_their_own_unit(render: Render, sample: Report) -> None:
    document = json.loads(render("ctrf", sample))
    read_ctrf(json.dumps(document))
    by_id = {test["testId"]: test for test in document["results"]["tests"]}
    latency = by_id["ai-suite/load/test_slo.py::test_slo[latency]"]
    assert latency["extra"]["estimate"] == 0.0342
    assert latency["extra"]["ci"] == [0.0259, 0.0443]
    assert latency["duration"] == 41_000
    assert "check_estimate" in render("prometheus", sample)


@pytest.mark.parametrize("name", ["markdown", "summary"])
def test_pages_stay_below_the_limits_of_platforms(name: str, render: Render, huge: Report) -> None:
    size = len(render(name, huge).encode())
    assert size < {"markdown": 65_536, "summary": 1 << 20}[name]


def test_the_summary_lists_what_holds_too(render: Render, sample: Report) -> None:
    assert "Readiness answers" in render("summary", sample)
    assert "Readiness answers" not in render("markdown", sample)


def test_sarif_keeps_the_worst_findings_of_many(render: Render, sample: Report) -> None:
    row = next(row for row in sample.checks if row.verdict is Status.FAIL)
    infos = [replace(row, id=f"tests/a.py::b[{k}]", level=Level.INFO, counterexamples=()) for k in range(5100)]
    checks: tuple[CheckRow, ...] = (*infos, replace(row, id="tests/a.py::last"))
    (run,) = json.loads(render("sarif", replace(sample, checks=checks)))["runs"]
    assert len(run["results"]) == 5000
    assert run["results"][1]["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] == "tests/a.py::last"
    assert run["invocations"][0]["toolExecutionNotifications"][-1]["message"]["text"] == "102 more in gate.json"


def test_allure_results_are_a_folder_and_anything_else_a_file(sample: Report, tmp_path: Path) -> None:
    text = render_report("allure", sample, tmp_path)
    save_report("allure", tmp_path / "results", text)
    files = sorted((tmp_path / "results").iterdir())
    assert len([file for file in files if file.name.endswith("-result.json")]) == len(sample.checks) + 1
    assert (tmp_path / "results" / "environment.properties").read_text().startswith("verdict=FAIL\n")
    assert json.loads((tmp_path / "results" / "categories.json").read_text())
    save_report("ctrf", tmp_path / "ctrf.json", render_report("ctrf", sample, tmp_path))
    assert (tmp_path / "ctrf.json").is_file()
    assert read_allure(text.decode()).failed == 6


def test_every_format_has_a_reader_here() -> None:
    people = {"html", "terminal", "card"}
    assert set(list_plugins("reports")) - people == set(READERS)
    assert load_schema("sarif-2.1.0")["properties"]["version"]
