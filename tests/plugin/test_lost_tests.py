"""Tests of the user's own that pytest does not collect are named, and a module that skips itself is no PASS."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.catalogues import sample_cases
from tests.conftest import run_gate

MARKED = "import pytest\n@pytest.mark.ai_suite('smoke')\ndef test_mine():\n    assert 0\n"
SKIPS = {
    "importorskip": "import pytest\npytest.importorskip('no_such_module')\n" + MARKED,
    "SkipTest": "import unittest\nraise unittest.SkipTest('not here')\n" + MARKED,
    "class": "import pytest\n@pytest.mark.ai_suite('smoke')\nclass TestMine:\n"
    "    pytest.skip('x', allow_module_level=True)\n",
    "indirect": "import pytest\npytest.importorskip('no_such_module')\nfrom marks import SMOKE\n"
    "@SMOKE\ndef test_mine():\n    assert 0\n",
}


@pytest.mark.parametrize("kind", sample_cases(SKIPS, "importorskip", "class"))
def test_a_module_that_skips_itself(tmp_path: Path, reference: str, kind: str) -> None:
    (tmp_path / "marks.py").write_text("import pytest\nSMOKE = pytest.mark.ai_suite('smoke')\n")
    (tmp_path / "test_mine.py").write_text(SKIPS[kind])
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}")
    assert outcome.status == 20, outcome.out + outcome.err
    assert outcome.gate is not None
    (row,) = [check for check in outcome.gate["checks"] if check["id"].startswith("test_mine.py")]
    assert row["verdict"] == "INCONCLUSIVE"
    assert "it skips itself with all its checks" in row["reason"]


def test_under_xdist_and_in_a_package(tmp_path: Path, reference: str) -> None:
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").write_text("import pytest\npytest.skip('x', allow_module_level=True)\n")
    (tmp_path / "pack" / "test_mine.py").write_text(MARKED)
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}", "-n2", "--ai-allow-partial", timeout=300)
    assert outcome.status == 0, outcome.out + outcome.err
    assert outcome.gate is not None
    (row,) = [check for check in outcome.gate["checks"] if check["id"].startswith("pack")]
    assert row["verdict"] == "INCONCLUSIVE", "it was let through, by name"
    assert any(row["id"] in line for line in outcome.gate["run"]["loosened"])


@pytest.mark.parametrize("content", ["def test_x():\n    pass\n", MARKED.replace("'smoke'", "'load'")])
def test_a_skipped_module_without_wanted_checks_is_nobodys_business(
    tmp_path: Path, reference: str, content: str
) -> None:
    (tmp_path / "test_other.py").write_text(f"import pytest\npytest.importorskip('no_such_module')\n{content}")
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}")
    assert outcome.status == 0, outcome.out + outcome.err
    assert outcome.gate is not None
    assert not any("test_other" in text for text in (*outcome.verdicts(), *outcome.gate["notes"]))


@pytest.mark.parametrize("processes", sample_cases(["-n0", "-n2"], "-n2"))
def test_files_left_out_are_named(tmp_path: Path, reference: str, processes: str) -> None:
    (tmp_path / "conftest.py").write_text("collect_ignore = ['test_ignored.py']\n")
    for name in ("test_ignored", "test_option"):
        (tmp_path / f"{name}.py").write_text(MARKED)
    (tmp_path / "test_plain.py").write_text("def test_x():\n    pass\n")
    (tmp_path / "test_class.py").write_text(
        "import pytest\n@pytest.mark.ai_suite('smoke')\nclass TestMine:\n    def __init__(self): pass\n"
        "    def test_mine(self): assert 0\n"
    )
    ignored = ("--ignore=test_option.py", "--ignore=test_plain.py")
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}", processes, *ignored, timeout=300)
    assert outcome.gate is not None
    for name in ("test_ignored.py", "test_option.py", "test_class.py"):
        (note,) = [note for note in outcome.gate["notes"] if note.startswith(name)]
        assert note in outcome.out.replace("\n", "")
    assert "test_plain.py" not in str(outcome.gate["notes"])


@pytest.mark.parametrize("processes", sample_cases(["-n0", "-n2"], "-n0"))
@pytest.mark.parametrize(("written", "message"), [("ai_siute('smoke')", "'ai_suite'"), ("ai_suite('smok')", "'smoke'")])
def test_misspelt_markers_are_refused(
    tmp_path: Path, reference: str, processes: str, written: str, message: str
) -> None:
    (tmp_path / "test_mine.py").write_text(MARKED.replace("ai_suite('smoke')", written))
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}", processes, timeout=300)
    assert outcome.status == 4, outcome.out + outcome.err
    assert f"Did you mean {message}" in outcome.out + outcome.err
    assert "INTERNALERROR" not in outcome.out + outcome.err


def test_a_registered_marker_that_resembles_ours_is_the_users_own(tmp_path: Path, reference: str) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = api_suite: mine\n")
    (tmp_path / "test_mine.py").write_text(MARKED.replace("ai_suite('smoke')", "api_suite"))
    assert run_gate(tmp_path, f"--ai-endpoint={reference}").status == 0
