"""A locust child: started in a process group of its own, watched, stopped on every way out, reaped."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.core.errors import HarnessError, UsageError
from harness.core.registry import find_module
from harness.io.clock import read_monotonic

JOB_VARIABLE = "AIHARNESS_LOAD_JOB"
"""Environment variable: the number of the open file that holds the child's job, a colon, and our process's number."""
_GRACE, _LOOK = 3.0, 0.05
"""Seconds that a child has to end by itself once it is asked to, and seconds between two looks at it."""
_INHERITED = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "VIRTUAL_ENV",
    "PYTHONPATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
)
"""The environment variables that a child inherits."""


@dataclass(frozen=True, slots=True)
class LocustExit:
    """How the child ended: its exit status (negative: the signal that killed it), and the end of its output."""

    status: int
    output: str
    overran: bool = False

    @property
    def description(self) -> str:
        """How the child ended, as the second half of a sentence."""
        if self.overran:
            return "it did not end within its deadline and was stopped"
        if self.status < 0:
            return f"it was killed by {signal.Signals(-self.status).name}"
        last_line = self.output.strip().rpartition("\n")[2][:300]
        return f"it ended with status {self.status}: {last_line}".removesuffix(": ")


def find_locustfile(scenario: str) -> Path:
    """The file of a scenario, found without importing it. Raises `UsageError` for an unknown one, or without locust."""
    if importlib.util.find_spec("locust") is None:
        raise UsageError("the load suite needs locust: pip install 'aiharness[load]'")
    module = find_module("scenarios", scenario)
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise UsageError(f"scenario {scenario!r} is announced as {module}, and there is no such module")
    return Path(spec.origin)


def find_free_port() -> int:
    """A port on which nothing listens, for locust's master and workers of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def run_locust(file: Path, options: Sequence[str], job: bytes, log: Path, deadline: float) -> LocustExit:
    """Run `locust -f FILE OPTIONS` until it ends, or `deadline` seconds are over.

    The child reads `job` from an unnamed file and writes its output to `log`. It ends when this process does, however
    that ends. An interrupt stops it and is raised on. Raises `HarnessError` when it cannot be started.
    """
    environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    with tempfile.TemporaryFile() as job_file, log.open("wb") as output:
        job_file.write(job)
        job_file.flush()
        try:
            child = subprocess.Popen(
                [sys.executable, "-m", "locust", "-f", str(file), *options],
                cwd=log.parent,
                env=environment | {JOB_VARIABLE: f"{job_file.fileno()}:{os.getpid()}", "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=(job_file.fileno(),),
                start_new_session=True,
            )
        except OSError as problem:
            raise HarnessError(f"the load generator cannot be started: {problem.strerror}") from None
        try:
            overran = not _wait(child, deadline)
        finally:
            _stop_group(child)
    return LocustExit(child.returncode, log.read_bytes()[-4000:].decode("utf-8", "replace"), overran)


def _wait(child: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether the child ended in time. Waits in short turns, so that an interrupt comes through at once."""
    deadline = read_monotonic() + seconds
    while read_monotonic() < deadline:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_LOOK)
            return True
    return False


def _stop_group(child: subprocess.Popen[bytes]) -> None:
    """End the child's whole process group, first with SIGTERM, then with SIGKILL, and reap the child."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, number)  # after the child's own end too: its workers may outlive it
        if child.poll() is None:
            _wait(child, _GRACE)
