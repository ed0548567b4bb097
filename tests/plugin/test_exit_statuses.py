"""Exit statuses and one clear line for everything that can be given wrongly; a report on every way out."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.catalogues import sample_cases
from tests.conftest import GateOutcome, run_gate
from tests.programs import run_module


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert isinstance(port, int)
    return port


@contextmanager
def raw_server(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server on loopback that treats every connection with `answer`, for answers that no framework would give."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.1)
    ended = threading.Event()

    def serve() -> None:
        connections = []
        while not ended.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            connection.settimeout(5)
            connections.append(connection)
            threading.Thread(target=_answer_and_close, args=(answer, connection), daemon=True).start()
        for connection in connections:
            connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        ended.set()
        thread.join(2)
        listener.close()


def _answer_and_close(answer: Callable[[socket.socket], None], connection: socket.socket) -> None:
    try:
        answer(connection)
    except OSError:
        pass
    finally:
        connection.close()


def _read_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            break
        data += piece
    return data


def html(connection: socket.socket) -> None:
    _read_request(connection)
    body = b"<html><body>It works!</body></html>"
    connection.sendall(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
    )


def silent(connection: socket.socket) -> None:
    _read_request(connection)
    connection.recv(1)


def endless(connection: socket.socket) -> None:
    _read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
    event = b'data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n' * 200
    for _ in range(20_000):
        connection.sendall(event)
        time.sleep(0.01)  # without an end, but not at the price of every core


def closes_in_mid_body(connection: socket.socket) -> None:
    _read_request(connection)
    connection.sendall(b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{"choices": [')


def garbage(connection: socket.socket) -> None:
    _read_request(connection)
    connection.sendall(b"\x16\x03\x01 what is this\r\n\r\n")


SHORT = "[endpoint.deadlines]\nconnect = 1.0\nfirst_byte = 0.3\ninter_token = 0.3\ntotal = 0.4\n"


def _short(folder: Path, url: str, *args: str) -> GateOutcome:
    (folder / "aiharness.toml").write_text(SHORT)
    return run_gate(folder, f"--ai-endpoint={url}", "--ai-only-packaged", *args)


def _no_traceback(outcome: GateOutcome) -> None:
    assert "Traceback" not in outcome.out + outcome.err
    assert "INTERNALERROR" not in outcome.out + outcome.err


HOSTILE = [html, silent, endless, closes_in_mid_body, garbage]


@pytest.mark.parametrize("answer", sample_cases(HOSTILE, html, endless, garbage), ids=lambda f: f.__name__)
def test_hostile_endpoint_fails_when_the_protocol_is_named(tmp_path: Path, answer: Callable[..., None]) -> None:
    """Reached: every failure counts against the service, a target that never once answers validly included."""
    with raw_server(answer) as url:
        outcome = _short(tmp_path, url, "--ai-protocol=openai_chat", "--ai-model=m")
    assert outcome.status == 1, outcome.out + outcome.err
    assert outcome.verdicts()["test_health.py::test_predicts"] == "FAIL"
    _no_traceback(outcome)


def test_v2_without_metadata_fails(tmp_path: Path) -> None:
    """No valid request can be made of what a page of HTML says, and that is the service's failure, not the user's."""
    with raw_server(html) as url:
        outcome = _short(tmp_path, url, "--ai-protocol=v2", "--ai-model=m")
    assert outcome.status == 1, outcome.out + outcome.err
    _no_traceback(outcome)


@pytest.mark.parametrize(
    "answer", sample_cases([html, silent, closes_in_mid_body, garbage], html, silent), ids=lambda f: f.__name__
)
def test_no_protocol_recognised_is_an_error(tmp_path: Path, answer: Callable[..., None]) -> None:
    with raw_server(answer) as url:
        outcome = _short(tmp_path, url)
    assert outcome.status == 21, outcome.out + outcome.err
    assert "no protocol recognised" in outcome.out
    assert outcome.verdicts()["test_connection.py::test_reachable"] == "PASS"
    _no_traceback(outcome)


def test_refused_connection_is_an_error(tmp_path: Path) -> None:
    outcome = run_gate(tmp_path, f"--ai-endpoint=http://127.0.0.1:{_free_port()}")
    assert outcome.status == 21, outcome.out + outcome.err
    assert set(outcome.verdicts().values()) <= {"ERROR", "PASS"}
    assert outcome.verdicts()["test_connection.py::test_name"] == "PASS"
    assert outcome.verdicts()["test_connection.py::test_reachable"] == "ERROR"
    assert "refused" in outcome.check("test_reachable")["reason"]
    assert outcome.gate is not None
    assert outcome.gate["run"]["verdict"] == "ERROR"
    _no_traceback(outcome)


def test_unknown_name_is_an_error(tmp_path: Path) -> None:
    outcome = run_gate(tmp_path, "--ai-endpoint=http://nowhere.invalid:8000", "--ai-protocol=openai_chat")
    assert outcome.status == 21, outcome.out + outcome.err
    assert outcome.verdicts()["test_connection.py::test_name"] == "ERROR"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((), "AIHARNESS_ENDPOINT"),
        (("--ai-endpoint=ftp://x",), "scheme"),
        (("--ai-endpoint=127.0.0.1:80",), "write http://127.0.0.1:80"),
        (("--ai-endpoint=http://x", "--ai-baseline=localhost:1"), "write http://localhost:1"),
        (("--ai-endpoint=http://",), "host"),
        (("--ai-endpoint=http://x:99999",), "has the port 99999"),
        (("--ai-endpoint=http://x", "--ai-protocol=openai"), "Did you mean 'openai_chat'"),
        (("--ai-endpoint=http://x", "--ai-report=htm"), "Did you mean 'html'"),
        (("--ai-endpoint=http://x", "--ai-profile=relase"), "Did you mean 'release'"),
        (("--ai-endpoint=http://x", "--ai-max-requests=0"), "--ai-max-requests must be over 0"),
        (("--ai-endpoint=http://x", "--ai-max-time=-1"), "--ai-max-time"),
        (("--ai-endpoint=http://x", "--ai-config=nowhere.toml"), "nowhere.toml"),
        (("--ai-endpoint=http://x", "--ai-baseline=nowhere"), "nowhere"),
        (("--ai-endpoint=http://x", "--ai-run-dir=/proc/nowhere"), "cannot be written"),
    ],
)
def test_wrong_usage_is_one_clear_line(tmp_path: Path, args: tuple[str, ...], words: str) -> None:
    outcome = run_gate(tmp_path, *args)
    assert outcome.status == 4, outcome.out + outcome.err
    assert words in outcome.out + outcome.err
    _no_traceback(outcome)


def test_an_objective_that_cannot_be_judged_is_refused(tmp_path: Path, reference: str) -> None:
    ttft = '[[objective]]\nsuite = "smoke"\nmetric = "ttft"\nlimit = "<= 1s"\n'
    (tmp_path / "aiharness.toml").write_text(ttft)
    without_streams = run_gate(tmp_path, f"--ai-endpoint={reference}", "--ai-protocol=plain_json")
    assert without_streams.status == 4
    assert "there is no first token" in without_streams.out + without_streams.err
    (tmp_path / "aiharness.toml").write_text(ttft + "[profile.release]\ncap = 100\n")
    too_few = run_gate(tmp_path, f"--ai-endpoint={reference}", "--ai-protocol=openai_chat", run="second")
    assert too_few.status == 4
    assert "cannot PASS" in too_few.out + too_few.err
    assert not too_few.run_dir.exists()


def test_unknown_suite_lists_the_known_ones(tmp_path: Path) -> None:
    outcome = run_gate(tmp_path, "--ai-endpoint=http://x", suite="smok")
    assert outcome.status == 4
    assert "Did you mean 'smoke'" in outcome.out + outcome.err


def test_run_dir_of_another_run_is_refused(tmp_path: Path, reference: str) -> None:
    first = run_gate(tmp_path, f"--ai-endpoint={reference}")
    before = (first.run_dir / "gate.json").read_bytes()
    second = run_gate(tmp_path, f"--ai-endpoint={reference}")
    assert second.status == 4
    assert "already holds a run" in second.out + second.err
    assert (first.run_dir / "gate.json").read_bytes() == before


def test_ceiling_of_requests_ends_the_run_in_order(tmp_path: Path, reference: str) -> None:
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}", "--ai-max-requests=10")
    assert outcome.status == 20, outcome.out
    missing = [c for c in outcome.gate["checks"] if c["missing"]] if outcome.gate else []
    assert missing
    assert "--ai-max-requests=10 is reached" in missing[-1]["reason"]
    assert (outcome.run_dir / ".requests").stat().st_size <= 11


def test_ceiling_of_time(tmp_path: Path, reference: str) -> None:
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}", "--ai-max-time=0.001")
    assert outcome.status == 20, outcome.out
    assert outcome.gate is not None
    assert outcome.gate["run"]["partial"]


@pytest.mark.parametrize(("choice", "status"), [("pass", 0), ("fail", 1)])
def test_inconclusive_option_changes_only_the_exit_status(
    tmp_path: Path, reference: str, choice: str, status: int
) -> None:
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}", "-k", "test_valid", f"--ai-inconclusive={choice}")
    assert outcome.status == status
    assert outcome.gate is not None
    assert outcome.gate["run"]["verdict"] == "INCONCLUSIVE"
    assert f"--ai-inconclusive={choice}" in outcome.out


def test_no_suite_and_nothing_ran_is_five(tmp_path: Path) -> None:
    assert run_module("pytest", cwd=tmp_path).returncode == 5


@pytest.mark.parametrize("number", sample_cases([signal.SIGINT, signal.SIGTERM], signal.SIGTERM))
def test_interrupt_writes_the_report(tmp_path: Path, number: signal.Signals) -> None:
    """A stuck service, an impatient user: exit status 2, every file there."""
    with raw_server(silent) as url:
        run_dir = tmp_path / "run"
        command = [
            sys.executable,
            "-m",
            "pytest",
            "--ai-suite=smoke",
            f"--ai-endpoint={url}",
            f"--ai-run-dir={run_dir}",
        ]
        child = subprocess.Popen(
            [*command, "--ai-protocol=openai_chat", "--ai-model=m"], cwd=tmp_path, stdout=subprocess.PIPE, text=True
        )
        _wait_for(lambda: (run_dir / "plan.json").exists())
        child.send_signal(number)
        out, _ = child.communicate(timeout=120)
    assert child.returncode == 2, out
    gate = json.loads((run_dir / "gate.json").read_text())
    assert gate["run"]["verdict"] == "INCONCLUSIVE"
    assert gate["run"]["exit_status"] == 2
    assert gate["run"]["interrupted"]
    assert (run_dir / "report.html").exists()


def test_killed_run_is_reported_as_inconclusive(tmp_path: Path, reference: str) -> None:
    run_dir = tmp_path / "run"
    (tmp_path / "test_mine.py").write_text(
        "import time, pytest\n@pytest.mark.ai_suite('smoke')\ndef test_slow(ai_client):\n    time.sleep(30)\n"
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--ai-suite=smoke",
        f"--ai-endpoint={reference}",
        f"--ai-run-dir={run_dir}",
    ]
    child = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, start_new_session=True)
    _wait_for(lambda: (run_dir / "plan.json").exists() and b"test_slow" in (run_dir / "plan.json").read_bytes())
    os.killpg(child.pid, signal.SIGKILL)
    child.wait(10)
    done = run_module("harness", "report", str(run_dir), "--format", "json")
    assert done.returncode == 20, done.stderr
    assert json.loads(done.stdout)["run"]["verdict"] == "INCONCLUSIVE"


def _wait_for(holds: Callable[[], bool], seconds: float = 120) -> None:
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, "waited in vain"
        time.sleep(0.05)
