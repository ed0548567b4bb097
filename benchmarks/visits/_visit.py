"""One visit: a service in a process of its own, and the commands that a new user types in an empty folder."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.core.gate import Exit

SERVICES = Path(__file__).parent / "services"
SERVICE_KEY = "visit-key-0123456789"
REQUIREMENTS = ("fastapi", "uvicorn", "flask", "numpy", "scikit-learn", "python-multipart", "pillow")
TIMED_OUT = 124
_LONGEST = 900
"""Seconds that a command may take."""
_FORBIDDEN = re.compile(r'"POST /(?:train|feedback)\b|"(?:DELETE|PUT|PATCH) /(?:users|train|feedback)')
_POST = re.compile(r'"POST (\S+)')


@dataclass(frozen=True, slots=True)
class VisitOutcome:
    """What a visit showed.

    `status` is the exit status of the gate; `failures` the reasons of its failed blockers, the gate's own headline
    first; `undecided` those of other blockers that did not pass; `trouble` what the probes did without consent, or why
    there was no gate.
    """

    status: int
    seconds: float
    failures: tuple[str, ...]
    undecided: tuple[str, ...]
    trouble: str = ""


def make_services_python(folder: Path) -> Path:
    """The Python that runs the services, in an environment of its own; made by the first call."""
    python = folder / "bin" / "python"
    if not (folder / ".complete").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *REQUIREMENTS], check=True)
        (folder / ".complete").touch()
    return python


def visit_service(
    python: Path, name: str, source: str, folder: Path, *, configuration: str | None, suites: Sequence[str] = ()
) -> VisitOutcome:
    """Start the service from its source, then `init` (unless there is a configuration already) and `gate`.

    `{{URL}}` in the configuration stands for the service. With `suites` the gate runs one after another, until one
    fails. Folder is emptied first, and keeps what the visit wrote.
    """
    shutil.rmtree(folder, ignore_errors=True)
    place = folder / "empty"
    place.mkdir(parents=True)
    env = _make_environment(source)
    started, trouble = time.monotonic(), ""
    with _start_service(python, name, source, folder) as (url, log):
        if configuration is None:
            trouble = _initialise(place, url, log, env)
        else:
            (place / "aiharness.toml").write_text(configuration.replace("{{URL}}", url))
        status, output, gate = _run_gates(place, env, suites)
        if _FORBIDDEN.search(log.read_text()):
            trouble = "a request was sent that writes or trains"
    (folder / "gate.txt").write_text(output)
    toml = place / "aiharness.toml"
    if toml.exists():
        (folder / "aiharness.toml").write_text(toml.read_text().replace(url, "{{URL}}"))
    return _read_outcome(status, output, gate, time.monotonic() - started, trouble)


def _run_gates(place: Path, env: Mapping[str, str], suites: Sequence[str]) -> tuple[int, str, Path]:
    """The gate as configured, or suite by suite until one fails: exit status, output and gate.json of the last."""
    status, output, gate = 4, "init wrote no aiharness.toml", place / "run" / "gate.json"
    if not (place / "aiharness.toml").exists():
        return status, output, gate
    for suite in suites or ("",):
        run = f"run-{suite}".rstrip("-")
        status, output = _call(["gate", f"--ai-run-dir={run}", *([f"--suite={suite}"] * bool(suite))], place, env)
        gate = place / run / "gate.json"
        if status == int(Exit.FAIL):
            break
    return status, output, gate


def _initialise(place: Path, url: str, log: Path, env: Mapping[str, str]) -> str:
    """`aiharness init` without and with consent; returns what was sent without it."""
    _, output = _call(["init", url, "--output=unasked.toml"], place, env)
    unasked = _POST.findall(log.read_text())
    _, with_consent = _call(["init", url, "--yes"], place, env)
    (place.parent / "init.txt").write_text(f"{output}\n--- with --yes\n{with_consent}")
    return f"sent without consent: {', '.join(unasked)}" if unasked else ""


def _make_environment(source: str) -> Mapping[str, str]:
    """The user's environment: with a key only for a service that asks for one."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("AIHARNESS_", "PYTEST_", "COV_"))}
    return {**clean, "AIHARNESS_API_KEY": SERVICE_KEY} if "APIKeyHeader" in source else clean


def _call(words: Sequence[str], place: Path, env: Mapping[str, str]) -> tuple[int, str]:
    command = [os.environ.get("VISITS_COMMAND") or str(Path(sys.executable).with_name("aiharness")), *words]
    try:
        process = subprocess.run(
            command,
            cwd=place,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LONGEST,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return TIMED_OUT, f"not ended after {_LONGEST} s: {' '.join(words)}"
    return process.returncode, process.stdout + process.stderr


def _read_outcome(status: int, output: str, gate: Path, seconds: float, trouble: str) -> VisitOutcome:
    if not gate.exists():
        return VisitOutcome(status, round(seconds, 1), (), (), trouble or output.strip()[-300:])
    blockers = [check for check in json.loads(gate.read_text())["checks"] if check["level"] == "blocker"]
    failures = [f"{check['id']}: {check['reason']}" for check in blockers if check["verdict"] == "FAIL"]
    undecided = [
        f"{check['id']}: {check['reason']}" for check in blockers if check["verdict"] in ("INCONCLUSIVE", "ERROR")
    ]
    return VisitOutcome(status, round(seconds, 1), tuple(failures), tuple(undecided), trouble)


@contextmanager
def _start_service(python: Path, name: str, source: str, folder: Path) -> Iterator[tuple[str, Path]]:
    """The URL of the running service and the file of its output, which has a line for each request."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / f"{name}.py").write_text(source)
    if "FastAPI(" in source:
        words = ["-m", "uvicorn", f"{name}:app", "--port", str(port)]
    else:
        words = ["-m", "flask", "--app", name, "run", "--port", str(port)]
    env: Mapping[str, str] = {**os.environ, "API_KEY": SERVICE_KEY, "PYTHONDONTWRITEBYTECODE": "1"}
    log = folder / "service.log"
    with log.open("w") as file:
        process = subprocess.Popen([str(python), *words], cwd=folder, env=env, stdout=file, stderr=file)
    try:
        _wait_for_port(process, port)
        yield f"http://127.0.0.1:{port}", log
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for_port(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError(f"the service did not listen at port {port}: see service.log")
