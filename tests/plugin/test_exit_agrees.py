"""The exit status of the process is the one in gate.json, whatever another hook makes of it; or gate.json says what
happened, where nothing in the process could."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.plugin.kept_status import is_interrupt
from tests.catalogues import sample_cases
from tests.conftest import GateOutcome, run_gate
from tests.programs import run_module

GREEN = ("-k", "test_valid or mine", "--ai-allow-partial")
"""Options with which the healthy reference deployment PASSes after one check."""
TEST = "import os, sys, pytest\n@pytest.mark.ai_suite('smoke')\ndef test_mine():\n    "
HOOKS = {
    "nothing is fine": "def pytest_sessionfinish(session, exitstatus):\n    session.exitstatus = 0\n",
    "last": "import pytest\n@pytest.hookimpl(trylast=True)\ndef pytest_sessionfinish():\n    pytest.exit('', 0)\n",
    "at the start": "import pytest\ndef pytest_sessionstart(session):\n    pytest.exit('no', returncode=0)\n",
    "at the very end": (
        "def pytest_unconfigure(config):\n    config.pluginmanager.getplugin('session').exitstatus = 0\n"
    ),
    "as pytest-custom-exit-code does": (
        "import pytest\n@pytest.hookimpl(trylast=True)\ndef pytest_sessionfinish(session, exitstatus):\n"
        "    if exitstatus in (1, 5):\n        session.exitstatus = 0\n"
    ),
    "by SystemExit": "import sys\ndef pytest_sessionfinish():\n    sys.exit(0)\n",
    "by SystemExit at the very end": "import sys\ndef pytest_unconfigure():\n    sys.exit(0)\n",
}
BEFORE = {
    "pytest.exit in pytest_configure": "import pytest\ndef pytest_configure():\n    pytest.exit('', returncode=0)\n",
    "pytest.exit at import": "import pytest\npytest.exit('', returncode=0)\n",
    "SystemExit at import": "import sys\nsys.exit(0)\n",
}
LOSSES = {
    "the folder is removed": "import shutil\n    shutil.rmtree('run', ignore_errors=True)",
    "evidence.jsonl": "import os\n    os.path.isdir('run/evidence.jsonl') or (os.unlink('run/evidence.jsonl'), "
    "os.mkdir('run/evidence.jsonl'))",
    "gate.json": "import os\n    part = f'run/.gate.json.{os.getpid()}.part'\n"
    "    os.path.lexists(part) or os.symlink('/dev/full', part)",
}


ENDINGS = ["os._exit(0)", "os.kill(os.getpid(), 9)"]
LAST_HOOKS = ["pytest_sessionfinish", "pytest_unconfigure", "pytest_terminal_summary"]
COMMANDS = ["pytest --ai-suite=smoke", "harness gate --suite=smoke"]


@pytest.mark.parametrize(
    "hook", sample_cases(HOOKS, "nothing is fine", "at the start", "by SystemExit at the very end")
)
def test_the_exit_status_is_that_of_the_gate(tmp_path: Path, reference: str, hook: str) -> None:
    (tmp_path / "conftest.py").write_text(HOOKS[hook])
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}", "-k", "no_such_check", timeout=200)
    assert outcome.gate is not None
    assert outcome.status == outcome.gate["run"]["exit_status"] != 0, outcome.out + outcome.err
    assert outcome.gate["run"]["final"]


@pytest.mark.parametrize("hook", sample_cases(LAST_HOOKS, "pytest_sessionfinish", "pytest_unconfigure"))
def test_a_hook_that_raises_at_the_end_changes_no_decision(tmp_path: Path, reference: str, hook: str) -> None:
    (tmp_path / "conftest.py").write_text(f"def {hook}():\n    raise RuntimeError('boom')\n")
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}", *GREEN)
    assert outcome.gate is not None
    assert outcome.status == outcome.gate["run"]["exit_status"] == 0, outcome.out + outcome.err
    assert "RuntimeError: boom at conftest.py:2" in outcome.err
    assert "all 1 judged blockers hold" in " ".join(outcome.out.split())


@pytest.mark.parametrize("ending", BEFORE)
def test_pytest_that_ends_before_the_gate_begins_is_not_green(tmp_path: Path, reference: str, ending: str) -> None:
    (tmp_path / "conftest.py").write_text(BEFORE[ending])
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}")
    assert outcome.status in (4, 21), outcome.out + outcome.err
    assert "before the gate began" in outcome.err or "ImportError while loading conftest" in outcome.err
    assert outcome.gate is None


@pytest.mark.parametrize("ending", sample_cases([*ENDINGS, "os.kill(os.getpid(), 11)"], *ENDINGS))
def test_a_process_that_ends_itself_leaves_a_gate_json_that_says_so(
    tmp_path: Path, reference: str, ending: str
) -> None:
    (tmp_path / "test_mine.py").write_text(f"{TEST}{ending}\n")
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}", *GREEN)
    _assert_unended(outcome)
    again = run_gate(tmp_path, f"--ai-endpoint={reference}", f"--ai-baseline={outcome.run_dir}", run="again")
    assert again.status == 4
    assert "is a run that did not end" in again.err
    for path in (outcome.run_dir, outcome.run_dir / "gate.json"):
        report = run_module("harness", "report", str(path), "--format=json")
        assert report.returncode == 20, report.stderr
        assert "ended before its decision was written" in json.loads(report.stdout)["run"]["reason"]


@pytest.mark.parametrize("ending", sample_cases(ENDINGS, ENDINGS[0]))
def test_aiharness_gate_ends_in_error_when_the_process_of_the_tests_ends_itself(
    tmp_path: Path, reference: str, ending: str
) -> None:
    (tmp_path / "test_mine.py").write_text(f"{TEST}{ending}\n")
    options = ("--suite=smoke", f"--ai-endpoint={reference}", "--ai-run-dir=run", *GREEN)
    done = run_module("harness", "gate", *options, cwd=tmp_path)
    assert done.returncode == 21, done.stdout + done.stderr
    assert "before the run had ended" in done.stderr
    assert json.loads((tmp_path / "run" / "gate.json").read_text())["run"]["final"] is False


def test_forked_is_refused_before_the_first_request(tmp_path: Path, reference: str) -> None:
    """pytest-forked runs every test in a process of its own, where the connections of the run do not work."""
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}", "--forked")
    assert outcome.status == 4, outcome.out
    assert "--forked cannot be used with --ai-suite" in outcome.err
    assert outcome.gate is None


def test_a_test_marked_forked_is_an_error_and_the_others_are_judged(tmp_path: Path, reference: str) -> None:
    (tmp_path / "test_mine.py").write_text(
        TEST.replace("@pytest.mark.ai", "@pytest.mark.forked\n@pytest.mark.ai") + "pass\n"
    )
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}", *GREEN)
    assert outcome.status == 21, outcome.out
    assert "remove the mark" in outcome.check("test_mine")["reason"]
    assert outcome.check("test_valid")["verdict"] == "PASS"


@pytest.mark.parametrize("loss", LOSSES)
def test_a_run_that_cannot_be_written_is_an_error_everywhere(tmp_path: Path, reference: str, loss: str) -> None:
    (tmp_path / "plug.py").write_text(f"def pytest_runtest_teardown():\n    {LOSSES[loss]}\n")
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}", *GREEN, "-p", "plug")
    assert outcome.status == 21, outcome.out + outcome.err
    text = " ".join(outcome.out.split())
    assert "cannot be written" in text or "Is a directory" in text
    assert "Traceback" not in outcome.out + outcome.err
    assert "INTERNALERROR" not in outcome.out + outcome.err
    if outcome.gate is not None:
        assert outcome.gate["run"]["exit_status"] == 21
        assert outcome.gate["run"]["verdict"] == "ERROR"


def test_a_report_that_cannot_be_written_at_the_end_is_a_note(tmp_path: Path, reference: str) -> None:
    (tmp_path / "plug.py").write_text(
        "import os, shutil\nos.makedirs('o', exist_ok=True)\n"
        "def pytest_runtest_teardown():\n    shutil.rmtree('o', ignore_errors=True)\n"
    )
    outcome = run_gate(
        tmp_path, f"--ai-endpoint={reference}", *GREEN, "-p", "plug", "--ai-report=markdown:o/r.md,junit:j.xml"
    )
    assert outcome.gate is not None
    assert outcome.status == outcome.gate["run"]["exit_status"] == 0, outcome.out + outcome.err
    assert "the report markdown is missing: o/r.md cannot be written" in " ".join(outcome.gate["notes"])
    assert (tmp_path / "j.xml").exists()
    assert "o/r.md cannot be written" in (outcome.run_dir / "report.html").read_text()


@pytest.mark.parametrize("path", ["nowhere/r.md", ".", "/proc/r.md", "/dev/full"])
def test_a_report_that_cannot_be_written_is_refused_before_the_first_request(tmp_path: Path, path: str) -> None:
    outcome = run_gate(tmp_path, "--ai-endpoint=http://127.0.0.1:9", f"--ai-report=markdown:{path}")
    assert outcome.status == 4, outcome.out + outcome.err
    assert f"--ai-report=markdown:{path}: {path} cannot be written" in outcome.err
    assert not outcome.run_dir.exists()


@pytest.fixture(params=["closed", "closed pipe", "full device"])
def output(request: pytest.FixtureRequest) -> Iterator[int]:
    """A standard output that cannot be written; -1 for none."""
    reader, writer = os.pipe()
    os.close(reader)
    full = os.open("/dev/full", os.O_WRONLY)
    yield {"closed": -1, "closed pipe": writer, "full device": full}[request.param]
    os.close(writer)
    os.close(full)


@pytest.mark.parametrize("command", sample_cases(COMMANDS, COMMANDS[1]))
def test_an_output_that_cannot_be_written_changes_no_exit_status(
    tmp_path: Path, reference: str, output: int, command: str
) -> None:
    arguments = (f"--ai-endpoint={reference}", "--ai-run-dir=run", "-p", "no:cacheprovider", *GREEN)
    words = [sys.executable, "-m", *command.split(), *arguments]
    shell = ["sh", "-c", 'exec "$@" >&-', "sh", *words] if output < 0 else words
    done = subprocess.run(
        shell,
        cwd=tmp_path,
        stdout=None if output < 0 else output,
        stderr=subprocess.PIPE,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "run" / "gate.json").read_text())["run"]["verdict"] == "PASS"
    assert "Traceback" not in done.stderr


def _assert_unended(outcome: GateOutcome) -> None:
    assert outcome.gate is not None
    run = outcome.gate["run"]
    assert (run["final"], run["verdict"], run["exit_status"]) == (False, "ERROR", 21), run
    assert "the run has not ended" in run["reason"]


def test_an_error_over_an_interrupt_is_an_interrupt() -> None:
    """pytest 9 cannot word the place of an interrupt that came between two lines."""
    problem = TypeError()
    assert not is_interrupt(problem)
    problem.__context__ = KeyboardInterrupt()
    assert is_interrupt(problem)
