"""`--ai-wait-ready` waits for one real prediction; health endpoints do not count."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from pathlib import Path

from harness.reference.process import ReferenceProcess
from harness.reference.settings import ServiceSettings
from tests.conftest import run_gate
from tests.services import serving


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert isinstance(port, int)
    return port


def test_waits_for_a_service_that_starts_late(tmp_path: Path) -> None:
    port = _free_port()
    children: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        command = [sys.executable, "-P", "-m", "harness.reference", f"--port={port}", "--stop-with-stdin"]
        children.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL))

    later = threading.Timer(2.0, start)
    later.start()
    try:
        outcome = run_gate(tmp_path, f"--ai-endpoint=http://127.0.0.1:{port}", "--ai-wait-ready=30")
    finally:
        later.join()
        for child in children:
            child.communicate(timeout=10)
    assert outcome.status == 0, outcome.out + outcome.err
    assert "waiting up to 30 s" in outcome.out
    assert "connect" in outcome.out


def test_gives_up_at_its_deadline(tmp_path: Path) -> None:
    outcome = run_gate(tmp_path, f"--ai-endpoint=http://127.0.0.1:{_free_port()}", "--ai-wait-ready=1")
    assert outcome.status == 21, outcome.out
    assert outcome.gate is not None


def test_ready_but_dead_is_not_ready(tmp_path: Path) -> None:
    with ReferenceProcess(ServiceSettings(defects=("ready_but_dead",))) as server:
        args = [f"--ai-endpoint={server.url}", "--ai-protocol=openai_chat", "--ai-wait-ready=1"]
        outcome = run_gate(tmp_path, *args)
    assert outcome.status == 1, outcome.out
    assert outcome.verdicts()["test_health.py::test_predicts"] == "FAIL"


def test_names_at_once_what_waiting_cannot_mend(tmp_path: Path) -> None:
    """No sample: the service answers, and nothing that it could still say helps. No run is left behind."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").write_text("kept")
    with serving(lambda path, body: (405 if path == "/predict" else 404, {"error": "no"})) as url:
        args = (f"--ai-endpoint={url}", "--ai-protocol=plain_json", "--ai-wait-ready=3600")
        outcome = run_gate(tmp_path, *args, timeout=120)
    assert outcome.status == 4, outcome.out
    assert "no sample of a valid input" in outcome.out + outcome.err
    assert "no answer for" not in outcome.out
    assert [path.name for path in outcome.run_dir.iterdir()] == ["mine.txt"]


def test_leaves_no_folder_of_a_run_that_was_refused(tmp_path: Path) -> None:
    with serving(lambda path, body: (405 if path == "/predict" else 404, {"error": "no"})) as url:
        outcome = run_gate(tmp_path, f"--ai-endpoint={url}", "--ai-protocol=plain_json")
    assert outcome.status == 4, outcome.out
    assert not outcome.run_dir.exists()
