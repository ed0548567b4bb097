"""A real server as a child: in a process group of its own, ready within a deadline, always stopped whole.

A server may start processes in groups of their own (Ray does): its descendants, as /proc shows them, are stopped too.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
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
        self._descendants: set[tuple[int, int]] = set()

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
        """SIGTERM to the group and to descendants that left it, SIGKILL after a grace; then nobody may be left."""
        child = self._child
        if child is None:
            return
        self._descendants |= _descendants(child.pid)
        for number, grace in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, number)
            for process in _living():
                if process.name in self._descendants and process.group != child.pid:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(process.pid, number)
            ends = time.monotonic() + grace
            while time.monotonic() < ends:
                child.poll()
                if not self.group_alive():
                    child.wait(STOP_SECONDS)
                    return
                time.sleep(0.05)
        raise AssertionError(f"a process of the group of {self._command[0]} survived SIGKILL")

    def group_alive(self) -> bool:
        """Whether any process of the group, or one that left it, is there; a zombie is none: it waits to be reaped."""
        own = self._child
        assert own is not None
        if Path("/proc/self/stat").exists():
            return any(process.group == own.pid or process.name in self._descendants for process in _living())
        try:
            os.killpg(own.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def _wait(self) -> None:
        assert self._child is not None
        ends = time.monotonic() + self._seconds
        while time.monotonic() < ends:
            self._descendants |= _descendants(self._child.pid)  # one that ends by itself may leave others behind
            if self._child.poll() is not None:
                break
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(self.url + self._health, timeout=2, trust_env=False).is_success:
                    return
            time.sleep(0.1)
        tail = self._log.read_bytes()[-3000:].decode("utf-8", "replace")
        raise AssertionError(f"{self._command[0]} was not ready within {self._seconds:g} s:\n{tail}")


@dataclass(frozen=True)
class _Process:
    """A process that is no zombie; `name` tells it from a later one with the same number."""

    pid: int
    parent: int
    group: int
    born: int

    @property
    def name(self) -> tuple[int, int]:
        return self.pid, self.born


def _living() -> list[_Process]:
    """Every process (proc_pid_stat(5): the name in brackets may hold blanks); none where there is no /proc."""
    living = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text(errors="replace").rpartition(") ")[2].split()
            if fields and fields[0] not in "ZX":
                living.append(_Process(int(stat.parent.name), int(fields[1]), int(fields[2]), int(fields[19])))
    return living


def _descendants(pid: int) -> set[tuple[int, int]]:
    """The children of a process, theirs, and so on."""
    every, descendants, parents = _living(), set(), {pid}
    while parents:
        children = [process for process in every if process.parent in parents and process.name not in descendants]
        descendants |= {process.name for process in children}
        parents = {process.pid for process in children}
    return descendants
