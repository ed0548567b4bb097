"""A run that is stopped, once or by an impatient user many times, leaves its report and nothing else."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

SLOW = """
import time, pytest
@pytest.mark.ai_suite("smoke")
def test_slow():
    open("begun", "w").close()
    for _ in range(600):
        time.sleep(0.1)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_report_is_written_however_often_the_run_is_interrupted(
    tmp_path: Path, reference: str, number: signal.Signals
) -> None:
    (tmp_path / "test_mine.py").write_text(SLOW)
    command = [sys.executable, "-m", "pytest", "--ai-suite=smoke", f"--ai-endpoint={reference}"]
    command += ["--ai-run-dir=run", "-p", "no:cacheprovider", "-k", "test_slow"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as child:
        ends = time.monotonic() + 120
        while not (tmp_path / "begun").exists() and time.monotonic() < ends and child.poll() is None:
            time.sleep(0.02)
        while child.poll() is None and time.monotonic() < ends:
            if not (tmp_path / "run" / "junit.xml").exists():
                child.send_signal(number)
            time.sleep(0.03)
        child.kill()
        output = child.stdout.read().decode() if child.stdout else ""
    assert child.returncode == 2, output
    assert "Traceback" not in output
    assert {"gate.json", "report.html", "junit.xml"} <= {path.name for path in (tmp_path / "run").iterdir()}


def test_an_interrupted_soak_of_the_gate_says_what_can_be_done(tmp_path: Path, reference: str) -> None:
    config = f'[endpoint]\nurl = "{reference}"\nprotocol = "plain_json"\n[load]\nscenario = "soak"\nduration = 600\n'
    (tmp_path / "aiharness.toml").write_text(config)
    command = [sys.executable, "-m", "pytest", "--ai-suite=load", "--ai-run-dir=run", "-p", "no:cacheprovider"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as child:
        ends = time.monotonic() + 120
        while not (tmp_path / "run" / "load" / "soak.json").exists() and time.monotonic() < ends:
            time.sleep(0.05)
        child.send_signal(signal.SIGINT)
        output = child.communicate(timeout=60)[0].decode()
    assert child.returncode == 2, output
    assert "a soak of the gate cannot go on" in output
    assert "--resume" in output


def test_a_run_that_is_interrupted_before_it_begins_says_so(tmp_path: Path) -> None:
    """While its links are looked at, at an address that takes the connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        (tmp_path / "aiharness.toml").write_text(
            '[endpoint]\nurl = "http://127.0.0.1:9"\n'
            f'[links.a]\napi = "http://127.0.0.1:{silent.getsockname()[1]}"\n[[fault]]\nlink = "a"\nkind = "down"\n'
        )
        command = [sys.executable, "-m", "harness", "gate", "--suite=chaos"]
        with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as child:
            silent.settimeout(120)
            connection, _ = silent.accept()
            with connection:
                child.send_signal(signal.SIGINT)
                out, _ = child.communicate(timeout=60)
    assert child.returncode == 2, out
    assert b"aiharness: interrupted before the first check: nothing was judged" in out
    assert b"Traceback" not in out


@pytest.mark.parametrize("moment", ["folder", "announced"])
def test_sigterm_ends_the_demo_before_its_first_check_and_leaves_nothing(tmp_path: Path, moment: str) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    command = [sys.executable, "-m", "harness", "demo", *(["--serve"] if moment == "announced" else [])]
    environment = {**os.environ, "TMPDIR": str(temporary)}
    out = (tmp_path / "out").open("wb")
    with out, subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=out, stderr=out) as child:
        ends = time.monotonic() + 120
        while time.monotonic() < ends and child.poll() is None:
            if any(temporary.iterdir()) if moment == "folder" else "http" in (tmp_path / "out").read_text():
                break
            time.sleep(0.01)
        child.terminate()
        status = child.wait(60)
    text = (tmp_path / "out").read_text()
    if status == -signal.SIGINT:  # CPython's way out after an interrupt in code that `exec` was given, caught or not
        assert moment == "folder"
        assert "aiharness demo: interrupted" in text
    else:
        assert status == (2 if moment == "folder" else 0), text
    assert "Traceback" not in text
    assert not list(temporary.iterdir())
