"""What the platform does to a replica: a command of the configuration or a signal, proved, and undone on every way out.

The interface is that of `harness.chaos.injector`. The guardian undoes it when the runner dies.

Tested in tests/chaos/test_platform.py.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from harness.chaos.guardian import Guardian, LiftRecord, do_nothing
from harness.chaos.platform_undo import carry_out, read_state
from harness.core.errors import UsageError
from harness.core.experiment import Fault, Proof
from harness.core.fault import load_fault
from harness.core.platform_action import PlatformAction, Replica, find_gap
from harness.core.redaction import redact_text
from harness.io.clock import read_monotonic, sleep_real

_LOOK = 0.02
"""Seconds between two looks at a process."""

_EXITS: dict[bool, Literal["late", "in time"]] = {False: "late", True: "in time"}
"""`Proof.exit` of a process that was asked to end, by whether it is gone."""


class PlatformInjector:
    """Acts on one replica; a `with` block, after which everything is undone. Raises `UsageError`.

    `secrets` are kept out of what a failed command says.
    """

    is_own_proxy = False
    api_url = ""

    def __init__(self, replica: Replica, secrets: Sequence[str] = ()) -> None:
        self.replica, self.secrets = replica, secrets
        self.notes: list[str] = []
        self.guardian = Guardian()

    def carries_url(self, url: str) -> bool:
        """Whether every request to this URL meets the replica: nobody knows."""
        return False

    def count_marked(self) -> int:
        """No link counts our requests."""
        return 0

    def find_pid(self) -> int | None:
        """The replica's process, None where the configuration names none. Raises `UsageError`."""
        replica, pid = self.replica, self.replica.pid
        if replica.pid_file is not None:
            try:
                pid = int(Path(replica.pid_file).read_text("utf-8").split()[0])
            except (OSError, ValueError, IndexError):
                raise UsageError(f"[platform.{replica.name}] {replica.pid_file} holds no process id") from None
        if pid is None:
            return None
        if pid <= 1 or pid in (os.getpid(), os.getppid()):
            raise UsageError(f"[platform.{replica.name}] process {pid} is not a replica: it is never touched")
        if not read_state(pid):
            raise UsageError(f"[platform.{replica.name}] there is no process {pid}")
        return pid

    def prepare(self, fault: Fault) -> ActiveAction:
        """The action, ready. Raises `UsageError` for one that the configuration does not say how to do or undo."""
        kind = load_fault(fault.kind)
        assert isinstance(kind, PlatformAction)
        if gap := find_gap(kind, self.replica):
            raise UsageError(gap)
        return ActiveAction(self, fault, kind)

    def __enter__(self) -> PlatformInjector:
        self.guardian.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.guardian.close()


class ActiveAction:
    """One action of a fault: about to happen, done, or undone."""

    is_counted = False

    def __init__(self, injector: PlatformInjector, fault: Fault, kind: PlatformAction[Any]) -> None:
        self._injector, self._fault, self._kind = injector, fault, kind
        self._pid: int | None = None
        self._undo: dict[str, Any] | None = None
        self._detail = ""

    def apply(self, record: LiftRecord | None = None, begin: Callable[[], None] = do_nothing) -> None:
        """Run the command, or send the signal; the arguments are those of `ActiveFault.apply`.

        Raises `UsageError` when it fails.
        """
        self._pid = self._injector.find_pid() if self._injector.replica.has_pid else None
        self._undo = self._make_step(self._kind.undo, self._kind.undo_signal)
        self._injector.guardian.watch(self._fault.name, "", (), record, self._undo)
        begin()
        begun = read_monotonic()
        self._carry_out(self._make_step(self._kind.name, self._kind.signal))
        self._detail = f"{self._kind.name} of {self._injector.replica.name} took {read_monotonic() - begun:.2f} s"

    def renew(self) -> None:
        """It lasts by itself."""

    def change(self, fault: Fault) -> None:
        """It has no steps."""

    def prove(self) -> Proof:
        """That the command ended with 0; and of a signal, what has become of the process."""
        if not self._detail:
            return Proof()
        if self._pid is None or self._kind.name in self._injector.replica.commands:
            return Proof("probe", None, self._detail)
        ends = read_monotonic() + min(1.0, self._fault.duration / 2)
        while (state := read_state(self._pid)) not in self._aims and read_monotonic() < ends:
            sleep_real(_LOOK)
        words = {"": "is gone", "T": "stands still"}.get(state, "goes on")
        if self._kind.in_order:
            is_gone = not state
            return Proof("probe", None, f"{self._detail}; process {self._pid} {words}", exit=_EXITS[is_gone])
        confirmed = "probe" if state in self._aims else "none"
        return Proof(confirmed, None, f"{self._detail}; process {self._pid} {words}")

    @property
    def _aims(self) -> tuple[str, ...]:
        return ("T",) if self._kind.undo_signal else ("",)

    def lift(self) -> None:
        """Undo it. Raises `UsageError` when that fails; the guardian then tries again."""
        if self._undo is not None:
            self._carry_out(self._undo)
            self._undo = None
        self._injector.guardian.forget(self._fault.name)

    def _make_step(self, name: str, signal_name: str) -> dict[str, Any] | None:
        replica = self._injector.replica
        if name in replica.commands:
            return {"argv": list(replica.commands[name]), "deadline": replica.deadline}
        if signal_name and self._pid is not None:
            return {"pid": self._pid, "signal": signal_name}
        return None

    def _carry_out(self, step: dict[str, Any] | None) -> None:
        assert step is not None
        if problem := carry_out(step):
            raise UsageError(f"fault {self._fault.name!r}: {redact_text(problem, self._injector.secrets)}")
