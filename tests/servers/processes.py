"""A real server as a child: in a process group of its own, ready within a deadline, always stopped whole."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

import httpx

STOP_SECONDS = 10.0


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert isinstance(port, int)
    return port


class ServerProcess:
    """Starts `command`, waits until a GET of `health` succeeds, and stops the whole process group on the way out."""

    def __init__(
        self,
        command: Sequence[str],
        port: int,
        log: Path,
        *,
        health: str,
        env: dict[str, str],
        seconds: float = 120,
        cwd: Path | None = None,
    ) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._command = command
        self._log = log
        self._health = health
        self._env = env
        self._seconds = seconds
        self._cwd = cwd
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> ServerProcess:
        with open(self._log, "wb") as log:
            self._child = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._env,
                cwd=self._cwd,
                start_new_session=True,
            )
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """SIGTERM to the group, SIGKILL after a grace; then nobody of the group may be left."""
        child = self._child
        if child is None:
            return
        for number, grace in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, number)
            ends = time.monotonic() + grace
            while time.monotonic() < ends:
                child.poll()
                if not self.group_alive():
                    child.wait(STOP_SECONDS)
                    return
                time.sleep(0.05)
        raise AssertionError(f"a process of the group of {self._command[0]} survived SIGKILL")

    def group_alive(self) -> bool:
        """Whether any process of the group is left; a zombie is none, for not every container reaps its orphans."""
        assert self._child is not None
        if Path("/proc/self/stat").exists():
            return any(group == self._child.pid and state not in "ZX" for state, group in _states())
        try:
            os.killpg(self._child.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def _wait(self) -> None:
        assert self._child is not None
        ends = time.monotonic() + self._seconds
        while time.monotonic() < ends:
            if self._child.poll() is not None:
                break
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(self.url + self._health, timeout=2, trust_env=False).is_success:
                    return
            time.sleep(0.1)
        tail = self._log.read_bytes()[-3000:].decode("utf-8", "replace")
        raise AssertionError(f"{self._command[0]} was not ready within {self._seconds:g} s:\n{tail}")


def _states() -> Iterator[tuple[str, int]]:
    """State and process group of every process (proc_pid_stat(5): the name in brackets may hold blanks)."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, group = stat.read_text(errors="replace").rpartition(") ")[2].split(maxsplit=3)[:3]
            yield state, int(group)
