"""Run one command of the configuration, or send one signal: by the run, and by the guardian of a run that died.

It imports nothing of the harness: the guardian must start at once.

Tested in tests/chaos/test_platform.py.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from typing import Any

_MOST_OUTPUT = 300
"""Characters of a failed command's output that are shown."""


def carry_out(step: dict[str, Any]) -> str:
    """Run `argv` for at most `deadline` seconds, or send `signal` (its name) to `pid`. Returns why it failed, or "".

    A process that is gone already needs no signal.
    """
    if step.get("argv"):
        return _run_command(step["argv"], step["deadline"])
    try:
        os.kill(step["pid"], signal.Signals[step["signal"]])
    except ProcessLookupError:
        return "" if step["signal"] == "SIGCONT" else f"there is no process {step['pid']}"
    except OSError as problem:
        return f"{step['signal']} to process {step['pid']}: {problem.strerror}"
    return ""


def _run_command(argv: list[str], deadline: float) -> str:
    with tempfile.TemporaryFile() as errors:  # no pipe: what the command leaves running may keep one open
        quiet = subprocess.DEVNULL
        try:
            # A Ctrl-C in the terminal must not reach it.
            process = subprocess.Popen(argv, stdin=quiet, stdout=quiet, stderr=errors, start_new_session=True)
        except OSError as problem:
            return f"{argv[0]}: {problem.strerror}"
        try:
            status = process.wait(deadline)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return f"{argv[0]} did not end within {deadline:g} s"
        errors.seek(0)
        output = errors.read().decode(errors="replace").strip()[-_MOST_OUTPUT:]
    return f"{argv[0]} ended with {status}: {output}" if status else ""


def read_state(pid: int) -> str:
    """The state of a process as `ps` names it (R, S, D, T, ...); empty for one that is gone, or a zombie."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            state = file.read().rpartition(b")")[2].split()[0].decode()
        return "" if state in ("Z", "X") else state
    except FileNotFoundError:
        if os.path.isdir("/proc/self"):
            return ""
    except (OSError, IndexError):
        pass
    try:  # a system without /proc
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except OSError:
        pass
    return "S"
