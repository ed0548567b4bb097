"""What every test may use: the reference deployment as a child process, and a runner of pytest in a user's folder."""

from __future__ import annotations

import gc
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from harness.reference.process import ReferenceProcess
from harness.reference.settings import ServiceSettings
from tests.programs import Forker, run_module

pytest_plugins = ["pytester"]

# A run that a script put into the background ignores Ctrl-C, and so would every child that the tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parents[1]
KEY = "test-key-0123456789"
SLOW_SECONDS = 5.0
"""What a test marked `slow` takes, unless the mark says how many `seconds`."""
IDLE = "idle = 0.2"
"""The pause of one check of the integration suite, which is 6 s for users: nearly all that a run of it would take."""

hypothesis.settings.register_profile(
    "aiharness",
    hypothesis.settings.get_profile("ci" if "CI" in os.environ else "default"),
    deadline=None,
    max_examples=1000 if "AIHARNESS_FUZZ" in os.environ else 40,
)
hypothesis.settings.load_profile("aiharness")


gc.disable()  # a third of the time that collecting the tests takes; all of it stays to the end


def pytest_collection_finish() -> None:
    """From now on, rubbish is collected, but what was collected before is never looked at again."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """How many workers `-n auto` starts: up to four more than there are cores, because half of the time is waiting."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores + min(2 * cores, 4)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first and spread them among the short ones: most of a long one is waiting.

    With `--dist=worksteal` a worker begins with a stretch of this order, so that most fixtures are made once.
    """
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    seconds = {path: sum(map(estimate_seconds, files[path])) for path in files}
    long = sorted((path for path in files if seconds[path] >= SLOW_SECONDS), key=lambda path: -seconds[path])
    short = [path for path in files if path not in long]
    between = 2 * len(short) // (3 * len(long)) if long else 0  # so that the last third is short ones
    order: list[Path] = []
    for number, path in enumerate(long):
        order += [path, *short[number * between : (number + 1) * between]]
    order += short[len(long) * between :]
    items[:] = [item for path in order for item in files[path]]


def estimate_seconds(item: pytest.Item) -> float:
    """What a test takes by its marks."""
    if item.get_closest_marker("servers"):
        return 60.0
    slow = item.get_closest_marker("slow")
    return float(slow.kwargs.get("seconds", SLOW_SECONDS)) if slow else 0.0


@pytest.fixture(scope="session")
def reference() -> Iterator[str]:
    """The URL of a healthy reference deployment without credentials."""
    with ReferenceProcess(ServiceSettings()) as server:
        yield server.url


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy so that nothing is left in the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    ignore = shutil.ignore_patterns("__pycache__", ".*", "build", "dist", "*.egg-info", "tests", "benchmarks")
    shutil.copytree(ROOT, folder / "source", ignore=ignore)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    subprocess.run([*command, str(folder / "source")], check=True, capture_output=True, timeout=120)
    return next(folder.glob("*.whl"))


@dataclass(frozen=True)
class GateOutcome:
    """A finished run: exit status, both outputs, and the parsed gate.json (None when there is none)."""

    status: int
    out: str
    err: str
    gate: dict[str, Any] | None
    run_dir: Path

    def verdicts(self) -> dict[str, str]:
        """Verdict by check id, without the common prefix."""
        assert self.gate is not None, self.out + self.err
        return {check["id"].removeprefix("ai-suite/smoke/"): check["verdict"] for check in self.gate["checks"]}

    def check(self, id_: str) -> dict[str, Any]:
        """One check's row."""
        assert self.gate is not None, self.out + self.err
        row = next(c for c in self.gate["checks"] if c["id"].endswith(id_))
        assert isinstance(row, dict)
        return row


def run_gate(
    folder: Path,
    *args: str,
    env: dict[str, str] | None = None,
    timeout: float = 240,
    run: str = "run",
    suite: str = "smoke",
    fresh: bool = False,
    forker: Forker | None = None,
) -> GateOutcome:
    """Run `pytest --ai-suite=SUITE ...` in a folder as a user would, in a process of its own.

    A `fresh` one has imported nothing yet: for tests of what is imported. `forker`: another than this checkout's.
    """
    run_dir = folder / run
    if suite == "all" or "integration" in suite:
        shorten_pause(folder / "aiharness.toml")
    options = (f"--ai-suite={suite}", f"--ai-run-dir={run_dir}", "-p", "no:cacheprovider")
    done = run_module("pytest", *options, *args, cwd=folder, env=env, timeout=timeout, fresh=fresh, forker=forker)
    gate_file = run_dir / "gate.json"
    gate = json.loads(gate_file.read_text()) if gate_file.exists() else None
    return GateOutcome(done.returncode, done.stdout, done.stderr, gate, run_dir)


def shorten_pause(file: Path) -> None:
    """Add the promise of a short pause to a configuration, which may not exist yet, unless it has one."""
    text = file.read_text() if file.exists() else ""
    if not re.search(r"^idle *=", text, re.MULTILINE):
        section = re.compile(r"^\[promises\]$", re.MULTILINE)
        added = section.sub(f"[promises]\n{IDLE}", text) if section.search(text) else f"{text}\n[promises]\n{IDLE}\n"
        file.write_text(added)
