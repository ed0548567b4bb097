"""A scenario of an outside package is listed and run like a packaged one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.core.errors import UsageError
from harness.load.locust_process import find_locustfile
from tests.conftest import run_gate
from tests.load.loads import configure, environment

SCENARIO = '''"""A load as an outside package adds it."""

from harness.load.child.open_loop import ArrivalUser


class Burst(ArrivalUser):
    """Sends the configured sample."""
'''

STUCK = (
    SCENARIO
    + """

from gevent.monkey import get_original

from harness.load.child import open_loop

open_loop._join_load = lambda **_: get_original("time", "sleep")(60)
open_loop.runners.HEARTBEAT_LIVENESS = 3
"""
)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of installed packages that holds one, which announces the scenario `burst`."""
    package, info = tmp_path / "site" / "their_loads", tmp_path / "site" / "their_loads-1.0.dist-info"
    package.mkdir(parents=True)
    info.mkdir()
    (package / "__init__.py").write_text("")
    (package / "burst.py").write_text(SCENARIO)
    (package / "stuck.py").write_text(STUCK)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-loads\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[harness.scenarios]\nburst = their_loads.burst\nstuck = their_loads.stuck\nmissing = their_loads.missing\n"
    )
    return tmp_path / "site"


def test_an_outside_scenario_is_listed_with_its_path(site: Path) -> None:
    command = [sys.executable, "-m", "harness", "list", "scenarios", "burst"]
    env = {**environment(), "PYTHONPATH": str(site)}
    listed = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=True)
    assert listed.stdout.split() == [str(site / "their_loads" / "burst.py")]


def test_an_outside_scenario_runs_in_a_gate(site: Path, reference: str, tmp_path: Path) -> None:
    folder = configure(tmp_path)
    config = folder / "aiharness.toml"
    config.write_text(config.read_text().replace("[load]\n", '[load]\nscenario = "burst"\n'))
    outcome = run_gate(folder, f"--ai-endpoint={reference}", suite="load", env={"PYTHONPATH": str(site)})
    result = json.loads((outcome.run_dir / "load" / "burst.json").read_text())
    assert result["sent"] == result["completed"] == 80, outcome.out
    assert outcome.status == (20 if result["client_bound"] else 0), outcome.out


@pytest.mark.slow
def test_workers_that_stand_still_before_the_load_begins_end_it(site: Path, reference: str, tmp_path: Path) -> None:
    """Locust ends a test whose workers send no heartbeat, and would then wait for the next one."""
    folder = configure(tmp_path, processes=2)
    config = folder / "aiharness.toml"
    config.write_text(config.read_text().replace("[load]\n", '[load]\nscenario = "stuck"\n'))
    outcome = run_gate(folder, f"--ai-endpoint={reference}", suite="load", env={"PYTHONPATH": str(site)})
    assert outcome.status == 21, outcome.out
    reason = outcome.check("test_generator.py::test_kept_up")["reason"]
    assert "died or stood still" in reason


def test_a_scenario_without_a_module_is_refused(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(site)
    with pytest.raises(UsageError, match=r"'missing' is announced as their_loads\.missing"):
        find_locustfile("missing")
    with pytest.raises(UsageError, match=r"unknown scenario 'brust'.*Did you mean 'burst'"):
        find_locustfile("brust")
