"""`python -m MODULE` as a user starts it, without the seconds that Python needs to import everything each time.

The program is forked from a process that has imported pytest, its plugins and the whole harness, and has done nothing
else. It is a process of its own, as a user's is: folder, environment, outputs, signals, exit status. What is decided
while Python itself starts (variables such as PYTHONPATH or LANG) cannot be given so; such a call starts Python anew.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

_READ_AT_START = ("PYTHON", "LANG", "LC_", "TZ")
_NOT_INHERITED = ("AIHARNESS_", "PYTEST_", "COV_")
_LEFT_OUT = (
    *("harness.reference", "harness.scenarios", "harness.load.child", "harness.io.grpc"),
    "harness.suites.adversarial.test_probes",
)
"""Packages that a gate leaves to child processes, or loads only for some protocols, because they start threads; and the
module that has a check for each probe that it finds when it is imported."""


def run_module(
    module: str,
    *arguments: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = 180,
    fresh: bool = False,
    forker: Forker | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run `python -m MODULE ARGUMENTS` to its end; `fresh`: in a Python that has imported nothing yet.

    `forker`: another one than that of this checkout. Raises `subprocess.TimeoutExpired` after killing it.
    """
    added = dict(env or {})
    environment = {key: value for key, value in os.environ.items() if not key.startswith(_NOT_INHERITED)} | added
    command = [sys.executable, "-m", module, *arguments]
    if fresh or any(key.startswith(_READ_AT_START) for key in added):
        return subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=timeout, check=False
        )
    with tempfile.NamedTemporaryFile() as out, tempfile.NamedTemporaryFile() as err:
        forker = forker or Forker.get_running()
        order = {
            "module": module,
            "arguments": arguments,
            "cwd": str(cwd or Path.cwd()),
            "env": environment | forker.environment,
            "out": out.name,
            "err": err.name,
        }
        status = forker.run(order, command, timeout)
        return subprocess.CompletedProcess(command, status, out.read().decode(), err.read().decode())


class Forker:
    """The process that imported everything, seen from the tests: one for each test process, started when first used.

    With a `path`, `harness` is imported from that folder, by the programs and by what they start.
    """

    _only: Forker | None = None

    def __init__(self, path: Path | None = None) -> None:
        self._channel, theirs = socket.socketpair()
        self._unread = b""
        self.environment = {"PYTHONPATH": str(path)} if path else {}
        environment = os.environ | self.environment
        environment |= {"OPENBLAS_NUM_THREADS": "1"}  # a thread pool would not survive the fork
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", __file__, str(theirs.fileno())],
                env={key: value for key, value in environment.items() if not key.startswith(_NOT_INHERITED)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    @classmethod
    def get_running(cls) -> Forker:
        """The one of this process."""
        if cls._only is None:
            cls._only = cls()
            atexit.register(cls._only.stop)
        return cls._only

    def run(self, order: Mapping[str, object], command: list[str], timeout: float) -> int:
        """The exit status of what was ordered, negative for a signal, as `subprocess` has it."""
        try:
            self._channel.sendall(json.dumps(order).encode() + b"\n")
            pid = self._read_number(300)
            try:
                return self._read_number(timeout)
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                self._read_number(20)
                raise subprocess.TimeoutExpired(command, timeout) from None
        except subprocess.TimeoutExpired:
            raise
        except BaseException:  # an answer may be left unread: the next order needs a new process
            self.stop()
            if type(self)._only is self:
                type(self)._only = None
            raise

    def stop(self) -> None:
        """End the process. It ends by itself, too, when this one is gone."""
        self._channel.close()
        self._process.kill()
        self._process.wait(20)

    def _read_number(self, patience: float) -> int:
        ends = time.monotonic() + patience
        while b"\n" not in self._unread:
            if not select.select([self._channel], [], [], max(0, ends - time.monotonic()))[0]:
                raise TimeoutError(f"no answer within {patience} s")
            received = self._channel.recv(100)
            if not received:
                raise ConnectionError("the process that forks programs has ended; its standard error says why")
            self._unread += received
        line, _, self._unread = self._unread.partition(b"\n")
        return int(line)


def _import_everything() -> None:
    """Import what a gate run imports; pytest's plugins by pytest itself, which rewrites their assertions."""
    import pytest

    with tempfile.TemporaryDirectory() as folder:
        pytest.main(["-q", "-p", "no:cacheprovider", "--rootdir", folder, "-c", os.devnull, folder])
    package = importlib.import_module("harness")
    for info in pkgutil.walk_packages(package.__path__, "harness.", onerror=lambda name: None):
        if not info.name.startswith(_LEFT_OUT) and not info.name.endswith(".__main__"):
            importlib.import_module(info.name)
    importlib.import_module("harness.reports.as_html")._template()  # compiled once, as every report needs it


def _serve(channel: socket.socket) -> None:
    """Fork and wait for one order after another, until the tests close the channel."""
    _import_everything()
    gc.collect()
    gc.freeze()
    with channel, channel.makefile("rb") as orders:
        for line in orders:
            pid = os.fork()
            if pid == 0:
                orders.close()
                channel.close()
                _become(json.loads(line))
            channel.sendall(b"%d\n" % pid)
            channel.sendall(b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def _become(order: dict[str, object]) -> None:
    """Turn this process into the program; ends with `SystemExit` as the program does."""
    for descriptor, name in ((1, "out"), (2, "err")):
        opened = os.open(str(order[name]), os.O_WRONLY)
        os.dup2(opened, descriptor)
        os.close(opened)
    os.chdir(str(order["cwd"]))
    os.environ.clear()
    os.environ.update(order["env"])  # type: ignore[call-overload]
    tempfile.tempdir = None
    arguments = order["arguments"]
    assert isinstance(arguments, list)
    sys.argv = ["-m", *arguments]
    sys.path.insert(0, str(order["cwd"]))
    runpy.run_module(str(order["module"]), run_name="__main__", alter_sys=True)
    raise SystemExit(0)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
