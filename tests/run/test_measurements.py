"""A measurement is made at most once a run, whoever asks; its end, good or bad, is the same for all who judge it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.core.endpoint import Credentials, Endpoint, Secret
from harness.core.errors import BudgetExhausted, HarnessError, UsageError
from harness.core.measurement import Measurement, Scope
from harness.core.plan import Cost, PlannedCheck
from harness.core.settings import Ceilings, Settings
from harness.core.verdict import Level
from harness.io.ledger import REQUESTS_FILE, Ledger
from harness.io.rundir import RunDir
from harness.run.measurements import Measurements, are_begun
from harness.run.progress import Progress

CHECK = PlannedCheck("x", "smoke", Level.BLOCKER, "x", measures=("smoke/count",))
KEY = "a-secret-0123456789"


@dataclass(frozen=True)
class Counted:
    answers: int
    note: str = ""


@pytest.fixture
def run(tmp_path: Path) -> Any:
    endpoint = Endpoint("http://127.0.0.1:1", credentials=Credentials("bearer", Secret(KEY)))
    run_dir = RunDir.create(tmp_path / "run", endpoint.list_secrets())
    ledger = Ledger(run_dir.path, Ceilings(), 0.0)
    return SimpleNamespace(settings=Settings(endpoint, ("smoke",)), run_dir=run_dir, ledger=ledger, progress=Progress())


def measuring(make: Callable[..., Counted], requests: int = 3) -> Measurement[Counted]:
    return Measurement(Counted, lambda scope: Cost(requests), lambda scope: f"{scope.suite}/count", make)


def ask(run: Any, measurement: Measurement[Counted], check: PlannedCheck = CHECK) -> Counted:
    session: Any = None
    return Measurements(session, run, check)(measurement)


def test_it_is_made_once_and_read_by_all(run: Any) -> None:
    scopes: list[Scope] = []

    def make(scope: Scope, session: Any, run: Any) -> Counted:
        scopes.append(scope)
        return Counted(len(scopes), f"the key is {KEY}")

    assert not are_begun(run, CHECK.measures)
    measurement = measuring(make)
    first = ask(run, measurement)
    assert ask(run, measurement, replace(CHECK, id="y")) == first == Counted(1, "the key is ***"), "read back, cleaned"
    assert [scope.suite for scope in scopes] == ["smoke"]
    assert are_begun(run, CHECK.measures)
    assert json.loads((run.run_dir.path / "smoke" / "count.state").read_text())["state"] == "done"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (BudgetExhausted("--ai-max-requests=1 is reached"), BudgetExhausted),
        (UsageError("the load suite cannot send through a proxy"), UsageError),
        (HarnessError("the endpoint was not reached"), HarnessError),
    ],
)
def test_a_failure_is_not_repeated_and_is_told_to_all(run: Any, error: HarnessError, kind: type[HarnessError]) -> None:
    calls = []

    def make(*_: Any) -> Counted:
        calls.append(1)
        raise error

    for _ in range(3):
        with pytest.raises(kind, match=str(error)) as raised:
            ask(run, measuring(make))
        assert type(raised.value) is kind
    assert calls == [1]


def test_a_mistake_in_the_making_is_named_to_those_who_ask_later(run: Any) -> None:
    def make(*_: Any) -> Counted:
        raise ZeroDivisionError("by nothing")

    with pytest.raises(ZeroDivisionError):
        ask(run, measuring(make))
    with pytest.raises(HarnessError, match="making smoke/count broke: ZeroDivisionError: by nothing"):
        ask(run, measuring(make))


CHILD = """
import os, sys
from pathlib import Path
from types import SimpleNamespace
from tests.run.test_measurements import Counted, ask, measuring
from harness.core.endpoint import Endpoint
from harness.core.settings import Ceilings, Settings
from harness.io.ledger import Ledger
from harness.io.rundir import RunDir
from harness.run.progress import Progress
folder = Path(sys.argv[1])
settings = Settings(Endpoint("http://127.0.0.1:1"), ("smoke",))
run = SimpleNamespace(
    settings=settings, run_dir=RunDir(folder), ledger=Ledger(folder, Ceilings(), 0.0), progress=Progress()
)
def die(*_):
    os._exit(7)
def count(*_):
    run.ledger.before_request()
    return Counted(os.getpid())
"""


def spawn(run: Any, last_line: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILD + last_line, str(run.run_dir.path)]
    return subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True)


def test_a_maker_that_died_is_not_replaced(run: Any) -> None:
    child = spawn(run, "ask(run, measuring(die))")
    child.communicate(timeout=60)
    assert child.returncode == 7
    for _ in range(2):
        with pytest.raises(HarnessError, match="smoke/count was begun and not finished: the process that measured"):
            ask(run, measuring(lambda *_: Counted(1)))


@pytest.mark.slow
def test_processes_that_ask_at_once_make_it_once(run: Any) -> None:
    children = [spawn(run, "print(ask(run, measuring(count)).answers)") for _ in range(3)]
    answers = {child.communicate(timeout=60)[0].strip() for child in children}
    assert len(answers) == 1
    assert answers <= {str(child.pid) for child in children}
    assert (run.run_dir.path / REQUESTS_FILE).stat().st_size == 1


def test_a_request_beyond_the_planned_cost_is_refused_and_names_the_measurement(run: Any) -> None:
    def make(*scope: Any) -> Counted:
        for _ in range(4):
            run.ledger.before_request()
        return Counted(4)

    with pytest.raises(HarnessError, match="smoke/count needs more than the 3 requests that the plan allows it"):
        ask(run, measuring(make))
    assert run.ledger.requests == 3
    run.ledger.before_request()
    assert run.ledger.requests == 4, "what is sent afterwards is not the measurement's"


def test_a_check_that_does_not_name_its_measurement_is_told(run: Any) -> None:
    with pytest.raises(HarnessError, match="x judges smoke/count but does not name it"):
        ask(run, measuring(lambda *_: Counted(1)), replace(CHECK, measures=()))
    assert not os.path.exists(run.run_dir.path / "smoke")
