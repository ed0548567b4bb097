"""A part of the deployment as a child process, which is always stopped in the end."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import IO, Any, Self

from harness.core.errors import HarnessError

_STOP_S = 3.0
_TAIL = 4000


class StartError(HarnessError):
    """A part did not become ready; the text has what it wrote to standard error."""


class Child:
    """`python -m MODULE ARGUMENTS` in a process group of its own, which announces itself with one line of JSON.

    The module must print `{"url": ..., "pid": ...}` when it is ready, and end when its standard input closes: so it
    ends by itself when this process dies, whatever kills it. `what` names it in errors. `environment` is added to this
    process's own; `files` are descriptors that it inherits. POSIX only.
    """

    def __init__(
        self,
        what: str,
        module: str,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        files: Sequence[int] = (),
        deadline_s: float = 20.0,
    ) -> None:
        self.what = what
        self.url = ""
        # -P: a file called harness.py in the working directory must not be taken for this package.
        self._command = [sys.executable, "-P", "-m", module, *arguments]
        self._environment = environment or {}
        self._files = files
        self._deadline_s = deadline_s
        self._ends = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self._asked_to_stop = False

    @property
    def pid(self) -> int:
        """The process id, for a test that pauses or kills it. Raises `RuntimeError` when it was not started."""
        if self._process is None:
            raise RuntimeError(f"{self.what} was not started")
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it is running."""
        return self._process is not None and self._process.poll() is None

    def launch(self) -> Self:
        """Start without waiting, so that several can become ready at once."""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed in stop(), which may come much later
        self._ends = time.monotonic() + self._deadline_s
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, **self._environment},
            start_new_session=True,
            pass_fds=tuple(self._files),
        )
        return self

    def await_ready(self) -> Self:
        """Wait until it announces itself. Raises `StartError`, and stops it, when it ended or the deadline passed."""
        try:
            self.url = str(self._read_announcement()["url"])
        except BaseException:
            self.stop()
            raise
        return self

    def terminate(self) -> None:
        """Ask it to stop, without waiting."""
        if self.is_alive and not self._asked_to_stop:
            self._asked_to_stop = True
            self._signal(signal.SIGTERM)

    def stop(self) -> None:
        """Stop and reap it: SIGTERM to the group, SIGKILL after 3 seconds. A second call does nothing."""
        process = self._process
        if process is not None and process.poll() is None:
            self.terminate()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self._signal(signal.SIGKILL)
                process.wait()
        pipes = (process.stdin, process.stdout) if process is not None else ()
        for stream in (*pipes, self._errors):
            if stream is not None:
                stream.close()

    def __enter__(self) -> Self:
        return self.launch().await_ready()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def _read_announcement(self) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        pipe = self._process.stdout.fileno()
        line = b""
        while not line.endswith(b"\n"):
            readable, _, _ = select.select([pipe], [], [], max(0.0, self._ends - time.monotonic()))
            if not readable:
                raise StartError(f"{self.what} was not ready after {self._deadline_s:g} s: {self._read_errors()}")
            if not (read := os.read(pipe, 4096)):
                raise StartError(f"{self.what} ended before it was ready: {self._read_errors()}")
            line += read
        announcement: dict[str, Any] = json.loads(line)
        return announcement

    def _read_errors(self) -> str:
        assert self._errors is not None
        self._errors.seek(0)
        return self._errors.read()[-_TAIL:].decode(errors="replace").strip() or "it wrote nothing to standard error"
