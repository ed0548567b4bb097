"""The guardian: a process in a session of its own that lifts the faults of a runner that died.

It reads JSON lines: `{"key", "base", "calls": [[method, path, body], ...]}` is how to lift a fault that is about to be
applied, `{"key"}` alone a fault that is lifted. When its input ends, or its parent is gone, it lifts the remaining
faults, and only those.

Tested in tests/chaos/test_own_proxy.py.
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
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from harness.chaos.platform_undo import carry_out
from harness.core.errors import HarnessError

_PATIENCE, _TRY, _START = 10.0, 3.0, 30.0
"""Seconds: how long a proxy that does not answer is tried, one try, and the wait for the guardian's start."""

ApiCall = tuple[str, str, dict[str, Any] | None]
"""One call to a Toxiproxy API: method, path, and the body (JSON) or None."""


@dataclass(frozen=True, slots=True)
class LiftRecord:
    """A line (JSON) that the guardian appends to the file at `path` when it has lifted the fault of a dead runner.

    It does so only where the file says that the fault is on: a line with the same `name` and `applied_at`.
    `started` is the start of the run on the system's monotonic clock: the line gets `lifted_at`, in seconds of the run.
    """

    path: str
    started: float
    line: Mapping[str, Any]


def do_nothing() -> None:
    """What is called before a fault without a record is applied."""


class Guardian:
    """The runner's side; the process starts with the first fault and is ready before `watch` returns."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process, which takes a moment, if it does not run yet. Raises as `watch`."""
        if self._process is None:
            self._process = _start_guardian()

    def watch(
        self,
        key: str,
        base: str,
        calls: Sequence[ApiCall],
        record: LiftRecord | None = None,
        undo: dict[str, Any] | None = None,
    ) -> None:
        """Say how to lift a fault before it is applied: by calls, or by a step of `platform_undo.carry_out`.

        Raises `HarnessError` when the guardian is not ready.
        """
        self.start()
        line = {"key": key, "base": base, "calls": calls, "record": asdict(record) if record else None, "undo": undo}
        self._write(line)

    def forget(self, key: str) -> None:
        """The fault is lifted: leave it alone."""
        with contextlib.suppress(HarnessError):
            if self._process is not None:
                self._write({"key": key})

    def close(self) -> None:
        """End the process; it lifts the remaining faults first."""
        if self._process is None:
            return
        try:
            self._process.communicate(timeout=_PATIENCE + 2 * _TRY)
        except subprocess.TimeoutExpired:
            _kill(self._process)

    def _write(self, line: dict[str, Any]) -> None:
        assert self._process
        assert self._process.stdin
        try:
            os.write(self._process.stdin.fileno(), json.dumps(line).encode() + b"\n")
        except OSError:
            raise HarnessError("the guardian that lifts faults has ended: no fault is applied without it") from None


def _start_guardian() -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", __name__, str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # a Ctrl-C in the terminal must not reach it
    )
    assert process.stdout is not None
    with process.stdout as out:
        is_ready = select.select([out], [], [], _START)[0] and out.read(1)
    if not is_ready:
        _kill(process)
        raise HarnessError("the guardian that lifts faults did not start: no fault is applied without it")
    return process


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


def main(parent: int) -> None:
    """Keep the list of faults until the input ends or the parent is gone, then lift the remaining ones."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    os.write(1, b".")
    os.close(1)
    faults: dict[str, dict[str, Any]] = {}
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
            faults[line["key"]] = line
    ends = time.monotonic() + _PATIENCE
    while faults := {key: fault for key, fault in faults.items() if not _lift_and_record(fault)}:
        if time.monotonic() > ends:
            return
        time.sleep(0.2)


def _lift_and_record(fault: dict[str, Any]) -> bool:
    """Whether the fault is over now; a line in the record of the run says when it was lifted."""
    outcome = _lift(fault)
    record = fault.get("record")
    if outcome == "lifted" and record and _is_recorded(record):
        line = {**record["line"], "lifted_at": round(time.monotonic() - record["started"], 4)}
        with contextlib.suppress(OSError), open(record["path"], "ab") as file:  # the folder may be gone
            file.write(json.dumps(line).encode() + b"\n")
    return outcome != "on"


def _is_recorded(record: dict[str, Any]) -> bool:
    """Whether the record says that the fault is on: a run that died before that has applied nothing of it."""
    try:
        with open(record["path"], "rb") as file:
            rows = [json.loads(line) for line in file]
    except (OSError, ValueError):
        return False
    keys = ("name", "applied_at")
    return any(all(row.get(key) == record["line"][key] for key in keys) for row in rows)


def _lift(fault: dict[str, Any]) -> Literal["lifted", "gone", "on"]:
    """Lift the fault. A proxy that has died has taken its faults with it."""
    if fault.get("undo"):
        return "on" if carry_out(fault["undo"]) else "lifted"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for method, path, content in fault.get("calls", ()):
        body = None if content is None else json.dumps(content).encode()
        try:
            opener.open(urllib.request.Request(fault["base"] + path, data=body, method=method), timeout=_TRY).close()
        except urllib.error.HTTPError as error:
            error.close()
            if error.code != 404:
                return "on"
        except OSError as error:
            return "gone" if isinstance(getattr(error, "reason", error), ConnectionRefusedError) else "on"
    return "lifted"


if __name__ == "__main__":
    main(int(sys.argv[1]))
