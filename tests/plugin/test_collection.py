"""The packaged suites run in any folder, whatever the user's own pytest settings are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.run.unprovoked import CHECK_ID as UNPROVOKED
from tests.catalogues import sample_cases
from tests.conftest import run_gate
from tests.programs import run_module

ALL_PASS = {"PASS"}


def _passes(outcome_verdicts: dict[str, str]) -> bool:
    return set(outcome_verdicts.values()) <= {"PASS", "SKIPPED"} and len(outcome_verdicts) >= 12


def test_empty_folder(tmp_path: Path, reference: str) -> None:
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}")
    assert outcome.status == 0, outcome.out + outcome.err
    assert _passes(outcome.verdicts())
    assert "PASS" in outcome.out
    for name in (
        "plan.json",
        "evidence.jsonl",
        "series.jsonl",
        "faults.jsonl",
        "gate.json",
        "report.html",
        "junit.xml",
    ):
        assert (outcome.run_dir / name).exists(), name
    assert list((outcome.run_dir / "exchanges").glob("*.json"))


def test_users_own_settings_change_nothing(tmp_path: Path, reference: str) -> None:
    """Vacuous pass 13: with the user's python_files every packaged check once vanished and the run was green."""
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\ntestpaths = specs\npython_files = spec_*.py\npython_functions = it_*\npython_classes = Describe*\n"
        "addopts = --strict-markers\nnorecursedirs = smoke suites\n"
    )
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs/spec_mine.py").write_text(
        "import pytest\n@pytest.mark.ai_suite('smoke')\ndef it_is_mine(ai_client):\n    assert ai_client.ask().ok\n"
        "def it_is_not(): assert 0\n"
    )
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}")
    assert outcome.status == 0, outcome.out + outcome.err
    assert outcome.verdicts()["specs/spec_mine.py::it_is_mine"] == "PASS"
    assert len(outcome.verdicts()) >= 13


def test_nested_rootdir_and_conftest_override(tmp_path: Path, reference: str) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\naddopts = '-ra'\n")
    below = tmp_path / "service" / "gate"
    below.mkdir(parents=True)
    (below / "conftest.py").write_text(
        "import pytest\nfrom harness.core.exchange import Query\n@pytest.fixture(scope='session')\ndef ai_sample():\n"
        "    return Query('Repeat after me: overridden-by-conftest', options={'max_tokens': 40, 'temperature': 0})\n"
    )
    outcome = run_gate(below, f"--ai-endpoint={reference}", "--ai-protocol=openai_chat")
    assert outcome.status == 0, outcome.out + outcome.err
    sent = (outcome.run_dir / "exchanges/smoke-test_answer.py-test_valid.json").read_text()
    assert "overridden-by-conftest" in sent


def test_suite_from_addopts(tmp_path: Path, reference: str) -> None:
    (tmp_path / "pytest.ini").write_text(f"[pytest]\naddopts = --ai-suite=smoke --ai-endpoint={reference}\n")
    done = run_module("pytest", f"--ai-run-dir={tmp_path / 'run'}", cwd=tmp_path, timeout=90)
    assert done.returncode == 0, done.stdout


def test_marked_tests_are_skipped_without_a_suite(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "import pytest\n@pytest.mark.ai_suite('smoke')\ndef test_fires(ai_client): assert 0\ndef test_plain(): pass\n"
    )
    result = pytester.runpytest_subprocess("--strict-markers", "-rs")
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(["*needs --ai-suite*"])


def test_only_packaged_leaves_the_users_modules_out(tmp_path: Path, reference: str) -> None:
    (tmp_path / "test_broken.py").write_text("raise RuntimeError('imported')\n")
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}", "--ai-only-packaged")
    assert outcome.status == 0, outcome.out + outcome.err


def test_a_broken_module_of_the_user_is_reported(tmp_path: Path, reference: str) -> None:
    (tmp_path / "test_broken.py").write_text("raise RuntimeError('imported')\n")
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}")
    assert outcome.status == 2
    assert outcome.gate is not None
    assert outcome.gate["run"]["verdict"] == "ERROR"
    assert "could not be collected" in outcome.check("test_broken.py")["reason"]
    assert (outcome.run_dir / "report.html").exists()
    again = run_gate(tmp_path, f"--ai-endpoint={reference}", "--continue-on-collection-errors", run="again")
    assert again.status == 21, again.out


def test_what_a_users_test_returns_is_not_thrown_away(tmp_path: Path, reference: str) -> None:
    (tmp_path / "test_mine.py").write_text(
        "import pytest\nfrom harness.core.verdict import Status, Verdict\npytestmark = pytest.mark.ai_suite('smoke')\n"
        "def test_fails(ai_client): return Verdict(Status.FAIL, 'bad', n=1)\n"
        "def test_false(ai_client): return False\n"
        "class TestMine:\n    def test_holds(self, ai_client): assert ai_client.ask().ok\n"
    )
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}")
    verdicts = outcome.verdicts()
    assert verdicts["test_mine.py::test_fails"] == "FAIL"
    assert verdicts["test_mine.py::test_false"] == "ERROR"
    assert verdicts["test_mine.py::TestMine::test_holds"] == "PASS"


def test_an_empty_suite_is_wrong_usage(tmp_path: Path, reference: str) -> None:
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}", suite="")
    assert outcome.status == 4, outcome.out
    assert "--ai-suite is empty" in outcome.out + outcome.err


DESELECTIONS = (
    "-m=not ai_suite",
    "-k=test_valid",
    "--deselect=ai-suite/smoke/test_answer.py::test_valid",
    "ai-suite/smoke/test_health.py",
)


@pytest.mark.parametrize("argument", sample_cases(DESELECTIONS, *DESELECTIONS[::2]))
def test_vacuous_15_deselection_makes_the_run_partial(tmp_path: Path, reference: str, argument: str) -> None:
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}", argument)
    assert outcome.status == 20, outcome.out
    assert outcome.gate is not None
    assert outcome.gate["run"]["partial"] is True
    assert "INCONCLUSIVE" in set(outcome.verdicts().values())


def test_partial_is_let_through_only_aloud(tmp_path: Path, reference: str) -> None:
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}", "-k", "test_valid", "--ai-allow-partial")
    assert outcome.status == 0, outcome.out
    assert outcome.gate is not None
    assert any("--ai-allow-partial" in line for line in outcome.gate["run"]["loosened"])
    assert "--ai-allow-partial" in outcome.out


def test_rerun_by_printed_id(tmp_path: Path, reference: str) -> None:
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}", "ai-suite/smoke/test_health.py::test_live")
    judged = [id_ for id_, verdict in outcome.verdicts().items() if verdict == "PASS"]
    assert judged == ["test_health.py::test_live"]


def test_last_failed_finds_packaged_checks(tmp_path: Path, reference: str) -> None:
    """`--lf` filters by file and does not know packaged files."""
    (tmp_path / "test_mine.py").write_text(
        "import pytest\n@pytest.mark.ai_suite('smoke')\ndef test_fails(ai_client): assert ai_client.ask() is None\n"
    )
    args = [
        f"--ai-endpoint={reference}",
        "--ai-protocol=openai_chat",
        "--ai-model=no-such-model",
        "-p",
        "cacheprovider",
    ]
    first = run_gate(tmp_path, *args)
    failed = {id_ for id_, verdict in first.verdicts().items() if verdict == "FAIL"}
    assert "test_identity.py::test_model_name" in failed or "test_answer.py::test_valid" in failed
    second = run_gate(tmp_path, *args, "--lf", run="second")
    judged = {id_ for id_, v in second.verdicts().items() if v != "INCONCLUSIVE"}
    blockers = {id_ for id_ in failed if second.check(id_)["level"] == "blocker"}
    assert blockers <= judged
    assert "test_connection.py::test_name" not in judged


def test_collect_only_sends_nothing(tmp_path: Path) -> None:
    outcome = run_gate(tmp_path, "--ai-endpoint=http://127.0.0.1:9", "--collect-only", "-q")
    assert outcome.status == 0, outcome.out + outcome.err
    assert "ai-suite/smoke/test_health.py::test_live" in outcome.out
    assert outcome.gate is None


def test_dry_run_prints_the_plan_and_sends_nothing(tmp_path: Path) -> None:
    outcome = run_gate(tmp_path, "--ai-endpoint=http://127.0.0.1:9", "--ai-dry-run")
    assert outcome.status == 0
    assert "nothing was sent" in outcome.out
    assert "ai-suite/smoke/test_stream.py::test_complete" in outcome.out
    assert not outcome.run_dir.exists()


@pytest.mark.parametrize("dist", sample_cases(["load", "loadfile", "loadscope"], "load"))
def test_xdist_judges_the_same(tmp_path: Path, reference: str, dist: str) -> None:
    (tmp_path / "test_mine.py").write_text(
        "import pytest\n@pytest.mark.ai_suite('smoke', title='mine')\n"
        "def test_mine(ai_client): assert ai_client.ask().ok\n"
    )
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}", "-n2", f"--dist={dist}")
    assert outcome.status == 0, outcome.out + outcome.err
    assert outcome.check("test_mine.py::test_mine")["title"] == "mine"
    assert _passes(outcome.verdicts())
    lines = [json.loads(line) for line in (outcome.run_dir / "evidence.jsonl").read_text().splitlines()]
    workers = {line["worker"] for line in lines if line["check"] != UNPROVOKED}
    assert workers == {"gw0", "gw1"}, "the run-wide check alone is the controller's"


def test_vacuous_14_a_crashed_worker_is_an_error(tmp_path: Path, reference: str) -> None:
    (tmp_path / "test_mine.py").write_text(
        "import os, pytest\n@pytest.mark.ai_suite('smoke')\ndef test_crash(ai_client): os._exit(9)\n"
    )
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}", "-n", "2")
    assert outcome.status == 21, outcome.out
    row = outcome.check("test_mine.py::test_crash")
    assert row["verdict"] == "ERROR"
    assert "crashed" in row["reason"]
    assert outcome.verdicts()["test_answer.py::test_valid"] == "PASS"


MISSPELT = ["ai_suite", "ai_suite()", "ai_suite('smok')", "ai_suite(name='smok')"]


@pytest.mark.parametrize("marker", sample_cases(MISSPELT, "ai_suite", "ai_suite('smok')"))
def test_a_misspelt_suite_does_not_drop_the_test(tmp_path: Path, reference: str, marker: str) -> None:
    (tmp_path / "test_mine.py").write_text(f"import pytest\n@pytest.mark.{marker}\ndef test_mine(ai_client): pass\n")
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}")
    assert outcome.status == 4, outcome.out + outcome.err
    assert "smoke" in outcome.err.partition("ai_suite")[2]


def test_a_skipped_or_xfailed_test_of_the_user_is_no_evidence(tmp_path: Path, reference: str) -> None:
    (tmp_path / "test_mine.py").write_text(
        "import pytest\npytestmark = pytest.mark.ai_suite(name='smoke')\n"
        "def test_skipped(ai_client): pytest.skip('not today')\n"
        "@pytest.mark.xfail\ndef test_expected(ai_client): assert 0\n"
        "@pytest.mark.ai_suite('smoke', level='warn')\ndef test_warned(ai_client): assert 0\n"
    )
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}")
    assert outcome.status == 20, outcome.out
    verdicts = outcome.verdicts()
    assert verdicts["test_mine.py::test_skipped"] == "INCONCLUSIVE"
    assert verdicts["test_mine.py::test_expected"] == "INCONCLUSIVE"
    assert verdicts["test_mine.py::test_warned"] == "FAIL"


def test_a_conftest_that_drops_items_leaves_a_hole(tmp_path: Path, reference: str) -> None:
    (tmp_path / "conftest.py").write_text("def pytest_collection_modifyitems(items):\n    del items[3:]\n")
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}")
    assert outcome.status == 20, outcome.out
    assert outcome.gate is not None
    assert outcome.gate["run"]["partial"]
