"""The service as a child process that is always stopped again."""

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
from types import TracebackType
from typing import IO, Any

from harness.core.errors import HarnessError
from harness.reference.settings import Settings

_KEY_VARIABLE = "AIHARNESS_REFERENCE_KEY"
_STOP_S = 3.0
_TAIL = 4000


class StartError(HarnessError):
    """The service did not become ready; the text holds what it wrote to standard error."""


class ReferenceProcess:
    """A context manager around `python -m harness.reference` in a process group of its own, on a loopback port.

    `url` is its address once it is entered. It is stopped on every way out: SIGTERM to the group, SIGKILL after 3
    seconds; and it ends by itself when this process dies, whatever kills it. POSIX only.
    """

    def __init__(self, settings: Settings | None = None, *, port: int = 0, deadline_s: float = 20.0) -> None:
        self.settings = settings if settings is not None else Settings()
        self.url = ""
        self._port = port
        self._deadline_s = deadline_s
        self._child: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None

    @property
    def pid(self) -> int:
        """The child's process id, for those who pause or kill it. Raises `RuntimeError` when it was not started."""
        if self._child is None:
            raise RuntimeError("the reference service was not started")
        return self._child.pid

    @property
    def alive(self) -> bool:
        """Whether the child is running."""
        return self._child is not None and self._child.poll() is None

    def start(self) -> ReferenceProcess:
        """Start and wait until it is ready. Raises `StartError` when it ends or the deadline passes before that."""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed in stop(), which may come much later
        environment = {**os.environ, _KEY_VARIABLE: self.settings.api_key or ""}
        self._child = subprocess.Popen(
            # -P: a file called harness.py in the working directory must not be taken for this package.
            [sys.executable, "-P", "-m", "harness.reference", *self._arguments()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environment,
            start_new_session=True,
        )
        try:
            self.url = self._announced(self._child)["url"]
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop the child and reap it; a second call does nothing."""
        child = self._child
        if child is not None and child.poll() is None:
            _signal_group(child, signal.SIGTERM)
            try:
                child.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                _signal_group(child, signal.SIGKILL)
                child.wait()
        pipes = (child.stdin, child.stdout) if child is not None else ()
        for stream in (*pipes, self._errors):
            if stream is not None:
                stream.close()

    def __enter__(self) -> ReferenceProcess:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _arguments(self) -> list[str]:
        settings = self.settings
        pairs: list[tuple[str, object]] = [
            ("--port", self._port),
            ("--seed", settings.seed),
            ("--latency-ms", settings.latency_ms),
            ("--token-ms", settings.token_ms),
            ("--max-body", settings.max_body),
            ("--max-depth", settings.max_depth),
            ("--max-rows", settings.max_rows),
            ("--body-timeout", settings.body_timeout_s),
            *(("--defect", name) for name in settings.defects),
        ]
        if settings.api_key is not None:
            pairs.append(("--api-key-env", _KEY_VARIABLE))
        return ["--stop-with-stdin", *(f"{option}={value}" for option, value in pairs)]

    def _announced(self, child: subprocess.Popen[bytes]) -> dict[str, Any]:
        assert child.stdout is not None
        pipe = child.stdout.fileno()
        ends = time.monotonic() + self._deadline_s
        line = b""
        while not line.endswith(b"\n"):
            readable, _, _ = select.select([pipe], [], [], max(0.0, ends - time.monotonic()))
            if not readable:
                raise StartError(f"the reference service was not ready after {self._deadline_s:g} s: {self._tail()}")
            if not (read := os.read(pipe, 4096)):
                raise StartError(f"the reference service ended before it was ready: {self._tail()}")
            line += read
        announced: dict[str, Any] = json.loads(line)
        return announced

    def _tail(self) -> str:
        assert self._errors is not None
        self._errors.seek(0)
        return self._errors.read()[-_TAIL:].decode(errors="replace").strip() or "it wrote nothing to standard error"


def _signal_group(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, number)
