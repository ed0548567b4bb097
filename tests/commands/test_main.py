"""The `aiharness` command, as a user types it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.commands.main import main
from tests.catalogues import sample_cases
from tests.conftest import run_gate
from tests.programs import run_module
from tests.run.saved import GOOD, make_plan, save_and_report


def aiharness(*args: str, cwd: Path | None = None, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    return run_module("harness", *args, cwd=cwd, timeout=timeout)


def test_detect_explains_itself(reference: str) -> None:
    done = aiharness("detect", reference)
    assert done.returncode == 0, done.stderr
    assert "speaks openai_chat" in done.stdout
    for protocol in ("openai_chat", "v2", "plain_json"):
        assert protocol in done.stdout
    assert "tiny-chat" in done.stdout


def test_detect_never_reached_and_wrong_url() -> None:
    assert aiharness("detect", "http://127.0.0.1:9").returncode == 21
    wrong = aiharness("detect", "nonsense")
    assert wrong.returncode == 4
    assert "write http://nonsense" in wrong.stderr


def test_list() -> None:
    assert {"smoke", "integration", "chaos"} <= set(aiharness("list", "suites").stdout.split())
    paths = aiharness("list", "scenarios").stdout.splitlines()
    steady = aiharness("list", "scenarios", "steady").stdout.strip()
    assert steady in paths
    assert all(path.endswith(".py") and Path(path).exists() for path in paths)
    assert "Did you mean 'steady'" in aiharness("list", "scenarios", "stedy").stderr
    assert {"openai_chat", "anthropic", "v2", "v2_grpc", "plain_json"} <= set(
        aiharness("list", "protocols").stdout.split()
    )
    assert "html" in aiharness("list", "reports").stdout.split()
    assert "ai-suite/smoke/test_health.py::test_predicts" in aiharness("list", "checks").stdout


def test_report_in_every_format_and_its_exit_status(tmp_path: Path, reference: str) -> None:
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}", "-k", "test_valid")
    assert outcome.status == 20
    for name in ("terminal", "json", "html", "junit", "markdown"):
        done = aiharness("report", str(outcome.run_dir), "--format", name)
        assert done.returncode == 20, done.stderr
        assert "INCONCLUSIVE" in done.stdout
    assert json.loads(aiharness("report", str(outcome.run_dir / "gate.json"), "--format=json").stdout) == outcome.gate
    written = aiharness("report", str(outcome.run_dir), "--format=html", "-o", str(tmp_path / "again.html"))
    assert written.returncode == 20
    assert (tmp_path / "again.html").read_text() == (outcome.run_dir / "report.html").read_text()


@pytest.mark.parametrize("args", [("report", "nowhere"), ("report", ".", "--format=htm"), ("report", "/dev/null")])
def test_report_of_nothing_is_one_clear_line(tmp_path: Path, args: tuple[str, ...]) -> None:
    done = aiharness(*args, cwd=tmp_path)
    assert done.returncode == 4
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_gate_runs_the_configured_suites(tmp_path: Path, reference: str) -> None:
    (tmp_path / "aiharness.toml").write_text(f'[endpoint]\nurl = "{reference}"\n[run]\nsuites = ["smoke"]\n')
    done = aiharness("gate", "--ai-run-dir=run", cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "run" / "gate.json").exists()


@contextlib.contextmanager
def closed_pipe() -> Iterator[int]:
    """A pipe whose reader has left."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


WRITING = ["list checks", "list suites", "detect http://127.0.0.1:9", "report run"]


@contextlib.contextmanager
def full_device() -> Iterator[int]:
    with open("/dev/full", "wb") as device:
        yield device.fileno()


@pytest.mark.parametrize("command", sample_cases(WRITING, "list checks", "report run"))
@pytest.mark.parametrize(("output", "words"), [(closed_pipe, "Broken pipe"), (full_device, "No space left on device")])
def test_an_output_that_cannot_be_written_is_one_line(
    tmp_path: Path, command: str, output: Callable[[], contextlib.AbstractContextManager[int]], words: str
) -> None:
    save_and_report(tmp_path, make_plan(1), ("c0", GOOD))
    arguments = [sys.executable, "-P", "-m", "harness", *command.split()]
    with output() as stdout:
        done = subprocess.run(
            arguments, cwd=tmp_path, stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )
    assert done.returncode == (20 if command == "report run" else 4), done.stderr
    assert done.stderr == f"aiharness {command.split()[0]}: the output cannot be written: {words}\n"


@pytest.mark.parametrize("name", ["demo", "gate", "compare", "lift", "history"])
def test_the_help_of_a_command_says_what_it_does(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    listed = " ".join(capsys.readouterr().out.split())
    with pytest.raises(SystemExit):
        main([name, "--help"])
    what = capsys.readouterr().out.split("\n\n")[1]
    assert " ".join(what.split()).rstrip(".").lower() in listed.lower()
