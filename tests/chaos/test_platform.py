"""Actions on replicas: real processes are killed, paused and started, and everything is undone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.chaos.platform import PlatformInjector
from harness.chaos.platform_undo import carry_out, read_state
from harness.core.errors import UsageError
from harness.core.experiment import Fault
from harness.core.fault import load_fault
from harness.core.platform_action import PlatformAction, Replica, find_gap
from harness.core.registry import list_plugins

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(SLEEP)
    yield process
    process.kill()
    process.wait()


def await_true(holds: Callable[[], bool], seconds: float = 20.0) -> bool:
    ends = time.monotonic() + seconds
    while not (is_so := holds()) and time.monotonic() < ends:
        time.sleep(0.02)
    return is_so


def act(kind: str, duration: float = 30.0) -> Fault:
    return Fault("", kind, name=kind, platform="a", duration=duration)


def touch(path: Path) -> tuple[str, ...]:
    return (sys.executable, "-c", f"open({str(path)!r}, 'a').write('x')")


def test_a_paused_process_goes_on_at_the_lift(child: subprocess.Popen[bytes]) -> None:
    with PlatformInjector(Replica("a", pid=child.pid)) as injector:
        active = injector.prepare(act("pause"))
        assert active.prove().confirmed == "none"
        active.apply()
        proof = active.prove()
        assert proof.confirmed == "probe"
        assert f"process {child.pid} stands still" in proof.detail
        active.lift()
        assert await_true(lambda: read_state(child.pid) not in ("T", ""))
        active.lift()


def test_the_guardian_undoes_what_a_dead_run_left(child: subprocess.Popen[bytes]) -> None:
    with PlatformInjector(Replica("a", pid=child.pid)) as injector:
        injector.prepare(act("pause")).apply()
        assert await_true(lambda: read_state(child.pid) == "T")
    assert await_true(lambda: read_state(child.pid) not in ("T", "")), "the end of its input is the end of the run"


def test_a_killed_process_is_started_at_the_lift(child: subprocess.Popen[bytes], tmp_path: Path) -> None:
    started, pid_file = tmp_path / "started", tmp_path / "a.pid"
    pid_file.write_text(f"{child.pid}\n")
    replica = Replica("a", {"start": touch(started)}, pid_file=str(pid_file))
    with PlatformInjector(replica) as injector:
        active = injector.prepare(act("kill"))
        active.apply()
        assert active.prove().confirmed == "probe"
        assert "is gone" in active.prove().detail
        assert child.wait(20) == -signal.SIGKILL
        assert not started.exists()
        active.lift()
    assert started.read_text() == "x", "once, and not by the guardian again"


def test_a_process_that_ignores_sigterm_is_late(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    code = f"import signal, time; signal.signal(15, signal.SIG_IGN); open({str(ready)!r}, 'w'); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code])
    try:
        assert await_true(ready.exists)
        with PlatformInjector(Replica("a", {"start": touch(tmp_path / "s")}, pid=process.pid)) as injector:
            active = injector.prepare(act("stop", duration=0.2))
            active.apply()
            assert active.prove().exit == "late"
            assert "goes on" in active.prove().detail
            active.lift()
    finally:
        process.kill()
        process.wait()


def test_commands_run_without_a_shell_and_say_why_they_fail(tmp_path: Path) -> None:
    done = tmp_path / "done"
    odd = (*touch(done), "; exit 3", "$HOME")
    with PlatformInjector(Replica("a", {"restart": odd})) as injector:
        active = injector.prepare(act("restart"))
        active.apply()
        assert active.prove().confirmed == "probe"
        active.lift()
    assert done.read_text() == "x"
    failing = (sys.executable, "-c", "import sys; sys.exit('no such unit, key sk-secret')")
    with PlatformInjector(Replica("a", {"restart": failing}), ["sk-secret"]) as injector:
        active = injector.prepare(act("restart"))
        with pytest.raises(UsageError, match=r"ended with 1: no such unit, key \*\*\*"):
            active.apply()
        assert active.prove().confirmed == "none"


def test_a_command_has_a_deadline_and_its_children_end_with_it(tmp_path: Path) -> None:
    pids = tmp_path / "pid"
    code = f"import os, time; open({str(pids)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    problem = carry_out({"argv": [sys.executable, "-c", code], "deadline": 3.0})
    assert "did not end within 3 s" in problem
    assert not pids.exists() or await_true(lambda: read_state(int(pids.read_text())) == "")
    assert "No such file" in carry_out({"argv": [str(tmp_path / "none")], "deadline": 1.0})


NO_REPLICAS = {"0": 0, "1": 1, "-1": -1, "own": os.getpid(), "parent": os.getppid(), "too large": 2**22 + 5}
"""Process ids by names that are the same in every worker of pytest-xdist."""


@pytest.mark.parametrize("name", NO_REPLICAS)
def test_what_is_no_replica_is_never_touched(name: str) -> None:
    pid = NO_REPLICAS[name]
    with PlatformInjector(Replica("a", pid=pid)) as injector, pytest.raises(UsageError, match="process"):
        injector.prepare(act("pause")).apply()


def test_every_action_needs_its_way_and_its_undo() -> None:
    actions = {name: load_fault(name) for name in list_plugins("platform_actions")}
    assert set(actions) == {"kill", "stop", "pause", "drain", "restart"}
    for name, action in actions.items():
        assert isinstance(action, PlatformAction)
        assert f"says not how to {name}" in find_gap(action, Replica("a"))
        only = Replica("a", {name: ("x",)})
        assert bool(find_gap(action, only)) == bool(action.undo), name
        assert find_gap(action, Replica("a", {name: ("x",), "start": ("y",), "resume": ("y",)})) == ""
    assert find_gap(actions["pause"], Replica("a", pid=5)) == ""  # type: ignore[arg-type]
    assert "undo kill" in find_gap(actions["kill"], Replica("a", pid=5))  # type: ignore[arg-type]
