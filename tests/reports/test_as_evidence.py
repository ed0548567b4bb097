"""The map of evidence: each of its entries names a check that exists, and a clause is tested by judged checks alone."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.commands.report import COMMAND
from harness.config.options import Options
from harness.config.resolve import resolve_settings
from harness.core.errors import UsageError
from harness.core.evidence_map import EvidenceMap, is_relevant
from harness.core.gate import Policy
from harness.core.plan import Plan
from harness.core.registry import list_plugins
from harness.core.report import CheckRow, Report
from harness.core.verdict import Level, Status
from harness.io.evidence_file import read_evidence_map
from harness.io.rundir import EVIDENCE, EvidenceLine, RunDir, read_run
from harness.run.report_building import build_report
from harness.suite import list_checks
from tests.run.saved import GOOD, HEAD, make_plan

if TYPE_CHECKING:
    from tests.reports.conftest import Render

SHIPPED = Path(__file__).parents[2] / "harness/data/evidence_map.toml"
OTHERS = ("ai-run/proof", "ai-run/unprovoked_failures", "ai-baseline/smoke/x")
OWN = """
[[framework]]
name = "House rules"
source = "2026"
[[framework.clause]]
name = "R1"
title = "it answers"
checks = ["c0"]
[[framework.clause]]
name = "R2"
title = "it is kind"
"""


@pytest.fixture(scope="module")
def shipped_map() -> EvidenceMap:
    return read_evidence_map(SHIPPED)


def test_each_entry_names_a_check_that_exists(shipped_map: EvidenceMap) -> None:
    ids = [declared.id for suite in list_plugins("suites") for declared in list_checks(suite)] + list(OTHERS)
    for framework in shipped_map.framework:
        for clause in framework.clause:
            for entry in clause.checks:
                assert any(is_relevant(replace(clause, checks=(entry,)), id_) for id_ in ids), (clause.name, entry)


def test_each_check_speaks_about_a_clause(shipped_map: EvidenceMap) -> None:
    clauses = [clause for framework in shipped_map.framework for clause in framework.clause]
    for suite in list_plugins("suites"):
        for declared in list_checks(suite):
            assert any(is_relevant(clause, declared.id) for clause in clauses), declared.id


def test_clauses_that_checks_state_themselves_are_in_the_map(shipped_map: EvidenceMap) -> None:
    clauses = [clause for framework in shipped_map.framework for clause in framework.clause]
    for suite in list_plugins("suites"):
        for declared in list_checks(suite):
            for own in declared.spec.clauses:
                if own.startswith(("OWASP LLM", "MITRE ATLAS")):
                    assert any(is_relevant(clause, "x", [own]) for clause in clauses), own


def test_the_frameworks_are_those_that_are_promised(shipped_map: EvidenceMap) -> None:
    names = " ".join(framework.name for framework in shipped_map.framework)
    assert all(word in names for word in ("NIST", "EU AI Act", "42001", "25059", "OWASP", "ATLAS"))
    for framework in shipped_map.framework:
        assert any(not clause.checks for clause in framework.clause) or "OWASP" in framework.name


@pytest.mark.parametrize(
    ("entry", "id_", "is_meant"),
    [
        ("smoke", "ai-suite/smoke/test_health.py::test_live", True),
        ("smoke", "ai-suite/smoke_own/test_health.py::test_live", False),
        ("smoke/test_health.py", "ai-suite/smoke/test_health.py::test_live", True),
        ("ai-suite/smoke/test_health.py::test_live", "ai-suite/smoke/test_health.py::test_live[a]", True),
        ("smoke/test_health.py::test_live", "ai-suite/smoke/test_health.py::test_lively", False),
    ],
)
def test_an_entry_stands_for_all_within(entry: str, id_: str, is_meant: bool, shipped_map: EvidenceMap) -> None:
    assert is_relevant(replace(shipped_map.framework[0].clause[0], checks=(entry,)), id_) is is_meant


def make_row(status: Status) -> CheckRow:
    id_ = "ai-suite/validation/test_fairness.py::test_fairness[sex]"
    return CheckRow(id_, "validation", Level.BLOCKER, "fair by sex", "estimate", status, "because")


@pytest.mark.parametrize("status", Status)
def test_only_a_judged_check_tests_a_clause(status: Status, render: Render, empty: Report) -> None:
    text = render("evidence", replace(empty, checks=(make_row(status),)))
    line = next(line for line in text.splitlines() if line.startswith("| MEASURE 2.11 "))
    assert ("untested" in line) is (status not in (Status.PASS, Status.FAIL))
    assert f"{status} fair by sex" in line
    assert "no check speaks about it" in next(line for line in text.splitlines() if "MEASURE 2.12" in line)


def test_it_claims_no_conformity(render: Render, passing: Report) -> None:
    text = render("evidence", passing)
    assert "evidence relevant to" in text
    assert "does not say that the service conforms" in text
    assert not re.search(r"\b(compliant|complies|fulfil)", text, re.IGNORECASE)


def save_run(folder: Path, evidence_map: object) -> Path:
    run = RunDir.create(folder / "run")
    run.write_plan(Plan(("smoke",), make_plan(1).checks), {**HEAD, "evidence_map": evidence_map})
    run.append(EVIDENCE, EvidenceLine("c0", GOOD))
    return run.path


def test_the_map_of_the_configuration_is_in_the_run(tmp_path: Path, render: Render) -> None:
    (tmp_path / "own.toml").write_text(OWN)
    (tmp_path / "aiharness.toml").write_text('[report]\nevidence_map = "own.toml"\n[endpoint]\nurl = "http://h:1"\n')
    settings = resolve_settings(Options(suites=("smoke",)), {}, [tmp_path])
    report = build_report(read_run(save_run(tmp_path, settings.evidence_map)), policy=Policy())
    assert report.evidence_map == settings.evidence_map == read_evidence_map(tmp_path / "own.toml")
    text = render("evidence", report)
    assert "1 of 2 have a judged check, 1 are untested" in text
    assert "House rules" in text
    assert "NIST" not in text


def test_an_old_run_is_read_by_another_map(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "own.toml").write_text(OWN)
    folder = save_run(tmp_path, None)
    for given, name in ((None, "NIST AI RMF"), (str(tmp_path / "own.toml"), "House rules")):
        COMMAND.run(path=str(folder), format_="evidence", output=None, evidence_map=given)
        assert name in capfd.readouterr().out


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no [[framework.clause]]"),
        ("[[framework]]\nname = 5", "Expected `str`"),
        ("[[", "is not a valid map of evidence"),
        (OWN + OWN, "'House rules' stands twice"),
        (OWN.replace("R2", "R1"), "House rules: 'R1' stands twice"),
    ],
)
def test_a_map_that_is_not_valid_is_refused(text: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(text)
    with pytest.raises(UsageError, match=re.escape(problem)):
        read_evidence_map(tmp_path / "own.toml")
    with pytest.raises(UsageError, match="cannot be read"):
        read_evidence_map(tmp_path / "none.toml")
