"""A program forked for a test is what a user starts: folder, environment, outputs, exit status, an end."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.programs import run_module

PROGRAM = """
import os, sys, tests_of_a_user
print(os.getcwd(), sys.argv[1:], os.environ.get("GIVEN"), os.environ.get("AIHARNESS_LEFT_OUT"), __name__)
print("said", file=sys.stderr)
sys.exit(7)
"""


@pytest.mark.parametrize("fresh", [False, True])
def test_a_program_is_as_if_started_by_its_user(tmp_path: Path, fresh: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIHARNESS_LEFT_OUT", "here")
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "tests_of_a_user.py").touch()
    done = run_module("program", "--an", "argument", cwd=tmp_path, env={"GIVEN": "value"}, fresh=fresh)
    assert done.returncode == 7
    assert done.stdout == f"{tmp_path} ['--an', 'argument'] value None __main__\n"
    assert done.stderr == "said\n"


def test_a_forked_program_says_what_a_fresh_one_says() -> None:
    forked, fresh = (run_module("harness", "list", "checks", fresh=fresh) for fresh in (False, True))
    assert (forked.stdout, forked.stderr, forked.returncode) == (fresh.stdout, fresh.stderr, fresh.returncode)
    assert "ai-suite/smoke/test_health.py::test_predicts" in forked.stdout


def test_a_program_that_does_not_end_is_killed_and_the_next_one_runs(tmp_path: Path) -> None:
    (tmp_path / "endless.py").write_text("import time\ntime.sleep(60)\n")
    with pytest.raises(subprocess.TimeoutExpired):
        run_module("endless", cwd=tmp_path, timeout=0.3)
    (tmp_path / "killed.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    assert run_module("killed", cwd=tmp_path).returncode == -9
