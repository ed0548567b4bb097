"""PlatformAction: a fault that the platform of the service makes: a replica is killed, paused, drained, ...

Each file of `harness.platform_actions` offers one. Only what the configuration writes is ever run.

Tested in tests/chaos/test_platform.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from harness.core.experiment import Fault
from harness.core.fault import FaultKind, FaultParameters, load_fault

_Parameters = TypeVar("_Parameters", bound=FaultParameters)


@dataclass(frozen=True, slots=True)
class PlatformAction(FaultKind[_Parameters]):
    """A kind of fault that the platform makes.

    `signal` is what a replica with a pid gets where no command of the action's name is configured, `undo_signal` what
    ends that. `undo` names the command that ends it otherwise; empty: nothing has to be undone.
    `in_order`: the replica is asked to end, or to take no more, so that no answer has to be lost.
    """

    signal: str = ""
    undo_signal: str = ""
    undo: str = ""
    in_order: bool = False


@dataclass(frozen=True, slots=True)
class Replica:
    """`[platform.NAME]`: a process of the service, and the commands that act on it.

    `commands` are argument lists by the name of the action, or of its undo (`start`, `resume`); they are run without a
    shell and may take `deadline` seconds. `pid` or `pid_file` names the process. `serves` is the share of our requests
    that it answers, as far as the user knows it.
    """

    name: str
    commands: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    pid: int | None = None
    pid_file: str | None = None
    deadline: float = 30.0
    serves: float = 0.0

    @property
    def has_pid(self) -> bool:
        """Whether its process is known."""
        return self.pid is not None or self.pid_file is not None


def find_gap(action: PlatformAction[FaultParameters], replica: Replica) -> str:
    """What the configuration of a replica lacks for an action, or for its undo; empty for nothing."""
    by_signal = bool(action.signal) and replica.has_pid
    if action.name not in replica.commands and not by_signal:
        ways = f'{action.name} = ["COMMAND", "ARGUMENT"]'
        if action.signal:
            ways += " or pid_file"
        return f"[platform.{replica.name}] says not how to {action.name}: write {ways}"
    if not action.undo or action.undo in replica.commands:
        return ""
    if by_signal and action.name not in replica.commands and action.undo_signal:
        return ""
    lack = f"[platform.{replica.name}] says not how to undo {action.name}"
    return f'{lack}: write {action.undo} = ["COMMAND", "ARGUMENT"]'


def is_in_order(faults: Sequence[Fault]) -> bool:
    """Whether all of these faults let replicas end in order: a rolling restart."""
    kinds = [load_fault(fault.kind) for fault in faults]
    return all(isinstance(kind, PlatformAction) and kind.in_order for kind in kinds)
