"""The guardian: a process in a session of its own that ends the faults of a runner that died.

It reads JSON lines: `{"key", "base", "calls": [[method, path, body], ...]}` is how to lift a fault that is about to be
put on, `{"key"}` alone one that is lifted. When its input ends, or its parent is gone, it lifts what is left, and
only that.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any

from harness.core.errors import HarnessError

_PATIENCE, TRY, _START = 10.0, 3.0, 10.0
"""Seconds: how long a proxy that does not answer is tried, one try of it, and the wait for the guardian's start."""

Call = tuple[str, str, dict[str, Any] | None]
"""One call to a Toxiproxy API: method, path, and body as JSON or None."""


class Guardian:
    """The runner's side; the child starts with the first fault and stands before `watch` returns."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None

    def watch(self, key: str, base: str, calls: Sequence[Call]) -> None:
        """Say how to lift a fault. Raises `HarnessError` when the guardian does not stand: put nothing on then."""
        if self._child is None:
            self._child = _started()
        self._say({"key": key, "base": base, "calls": calls})

    def done(self, key: str) -> None:
        """The fault is lifted: leave it alone."""
        with contextlib.suppress(HarnessError):
            if self._child is not None:
                self._say({"key": key})

    def close(self) -> None:
        """End the child; it lifts what is not done first."""
        if self._child is None:
            return
        try:
            self._child.communicate(timeout=_PATIENCE + 2 * TRY)
        except subprocess.TimeoutExpired:
            _killed(self._child)

    def _say(self, line: dict[str, Any]) -> None:
        assert self._child
        assert self._child.stdin
        try:
            os.write(self._child.stdin.fileno(), json.dumps(line).encode() + b"\n")
        except OSError:
            raise HarnessError("the guardian that lifts faults has ended: no fault is put on without it") from None


def _started() -> subprocess.Popen[bytes]:
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", __name__, str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # a Ctrl-C in the terminal must not reach it
    )
    assert child.stdout is not None
    with child.stdout as out:
        ready = select.select([out], [], [], _START)[0] and out.read(1)
    if not ready:
        _killed(child)
        raise HarnessError("the guardian that lifts faults did not start: no fault is put on without it")
    return child


def _killed(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.communicate()


def main(parent: int) -> None:
    """Keep the list until the input ends or the parent is gone, then lift what is left on it."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    os.write(1, b".")
    os.close(1)
    left: dict[str, dict[str, Any]] = {}
    buffer = b""
    while True:
        if not select.select([0], [], [], 0.5)[0]:
            if os.getppid() == parent:
                continue
            break  # a forked sibling may hold the pipe open for longer than the parent lives
        if not (data := os.read(0, 65536)):
            break
        *lines, buffer = (buffer + data).split(b"\n")
        for line in map(json.loads, lines):
            left[line["key"]] = line
    ends = time.monotonic() + _PATIENCE
    while (left := {key: line for key, line in left.items() if not _lifted(line)}) and time.monotonic() < ends:
        time.sleep(0.2)


def _lifted(line: dict[str, Any]) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for method, path, content in line.get("calls", ()):
        body = None if content is None else json.dumps(content).encode()
        try:
            opener.open(urllib.request.Request(line["base"] + path, data=body, method=method), timeout=TRY).close()
        except urllib.error.HTTPError as error:
            error.close()
            if error.code != 404:
                return False
        except OSError as error:
            # A proxy that has died has taken its faults with it.
            return isinstance(getattr(error, "reason", error), ConnectionRefusedError)
    return True


if __name__ == "__main__":
    main(int(sys.argv[1]))
