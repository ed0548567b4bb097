"""The plan's figure is true: a service is sent at most as many requests as the plan says, after the preflight.

The service itself counts, line by line, so that wrong bytes and repeats count as well.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.reference.digits import make_dataset
from tests.catalogues import sample_cases
from tests.conftest import GateOutcome, run_gate
from tests.services import Digits, QuietServer, make_handler, serving_handler

ROWS = 80
CONFIG = """
[endpoint]
protocol = "plain_json"
deadlines = { first_byte = 2, total = 4 }
sample = [SAMPLE]
[data]
file = "digits.csv"
golden = "golden.jsonl"
shape = [8, 8]
group = "half"
[adversarial]
eps = 0.5
high = 16.0
budget = 3
inputs = 20
[load]
rate = 25
duration = 2
warm_up = 0.4
[links.idle]
api = "PROXY"
listen = "127.0.0.1:0"
upstream = "127.0.0.1:9"
[[fault]]
link = "idle"
kind = "latency"
attributes = { latency = 10 }
duration = 2
name = "slow"
[chaos]
rate = 50
baseline = 0.5
recovery = 0.5
[[objective]]
suite = "smoke"
metric = "latency p50"
limit = "<= 2s"
margin = 1.5
[[objective]]
suite = "validation"
metric = "accuracy"
limit = ">= 0.5"
[[objective]]
suite = "validation"
metric = "accuracy"
slice = "low"
limit = ">= 0.4"
margin = 0.2
[[objective]]
suite = "load"
metric = "error_rate"
limit = "<= 30%"
[[objective]]
suite = "chaos"
metric = "error_rate"
limit = "<= 30%"
"""
ROBUST = '[[objective]]\nsuite = "adversarial"\nmetric = "robust_accuracy"\nlimit = ">= 0.5"\nmargin = 0.2\n'


class Counted(Digits):
    """A service that counts every request line it reads once the run's ledger is there; it may refuse batches."""

    def __init__(self, ledger: Path, *, refuses_batches: bool) -> None:
        super().__init__(_refuse_batches if refuses_batches else None)
        self.ledger, self.count, self.preflight = ledger, 0, 0

    def note_request(self) -> None:
        if self.ledger.exists():
            self.count += 1
        else:
            self.preflight += 1


def _refuse_batches(rows: np.ndarray, scores: np.ndarray) -> Any:
    return (422, {"error": "one row a request"}) if len(rows) > 1 else scores


@contextmanager
def counting(service: Counted) -> Iterator[str]:
    class Handler(make_handler(service)):  # type: ignore[misc]
        def parse_request(self) -> bool:
            service.note_request()
            return bool(super().parse_request())

    with serving_handler(Handler, QuietServer) as url:
        yield url


@pytest.fixture(scope="module")
def proxy() -> Iterator[str]:
    command = [sys.executable, "-m", "harness.chaos.proxy", "--port", "0", "--stop-with-stdin"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        yield json.loads(child.stdout.readline())["url"]
        child.terminate()


def configure(folder: Path, proxy: str) -> None:
    rows, labels = make_dataset(7, ROWS)
    lines = [",".join(["label", "half", *(f"p{i}" for i in range(64))])]
    for row, label in zip(rows, labels, strict=True):
        lines.append(",".join([str(label), "low" if label < 5 else "high", *(f"{value:g}" for value in row)]))
    (folder / "digits.csv").write_text("\n".join(lines) + "\n")
    golden = [json.dumps({"input": row.tolist(), "label": int(label)}) for row, label in zip(rows, labels, strict=True)]
    (folder / "golden.jsonl").write_text("\n".join(golden[:20]) + "\n")
    robust = "".join(f'{ROBUST}name = "robust {number}"\n' for number in range(7))
    text = CONFIG.replace("PROXY", proxy).replace("SAMPLE", json.dumps(rows[0].tolist()))
    (folder / "aiharness.toml").write_text(text + robust)


def planned_requests(outcome: GateOutcome) -> int:
    """The figure of the plan, summed from the file as a reader of it would."""
    plan = json.loads((outcome.run_dir / "plan.json").read_text())
    processes = plan.get("processes", 1)
    own: list[int] = [check["requests"] * (processes if check.get("shared") else 1) for check in plan["checks"]]
    measured: list[int] = [measurement["requests"] for measurement in plan["measurements"]]
    return sum(own) + sum(measured)


MEASURING = "smoke,validation,adversarial,load,chaos"


@pytest.mark.slow(seconds=40)
@pytest.mark.parametrize(
    ("suites", "refuses_batches", "options"),
    sample_cases(
        [("all", True, ()), ("all", False, ("-n", "2")), (MEASURING, True, ("-n", "2"))],
        ("all", True, ()),
    ),
    ids=["refusing", "n2", "refusing-n2"],
)
def test_no_suite_sends_more_than_the_plan_says(
    tmp_path: Path, proxy: str, suites: str, refuses_batches: bool, options: tuple[str, ...]
) -> None:
    ledger = tmp_path / "run" / ".requests"
    service = Counted(ledger, refuses_batches=refuses_batches)
    configure(tmp_path, proxy)
    with counting(service) as url:
        outcome = run_gate(tmp_path, f"--ai-endpoint={url}", "-q", *options, suite=suites, timeout=300)
    assert outcome.gate is not None, outcome.out + outcome.err
    assert not [check for check in outcome.gate["checks"] if check["verdict"] == "ERROR" or check["missing"]]
    assert len({check["suite"] for check in outcome.gate["checks"]}) == 6 - (suites == MEASURING)
    assert service.preflight > 0
    assert 250 < service.count <= planned_requests(outcome)
    assert 250 < ledger.stat().st_size <= planned_requests(outcome)


def test_the_dry_run_prints_the_figure_and_each_measurement_once(tmp_path: Path, proxy: str) -> None:
    configure(tmp_path, proxy)
    outcome = run_gate(tmp_path, "--ai-endpoint=http://127.0.0.1:1", "--ai-dry-run", "-n", "2", suite="all")
    assert outcome.status == 0, outcome.out + outcome.err
    for measurement in ("load/steady", "chaos/slow", "adversarial/square", "validation/accuracy", "validation/golden"):
        assert sum(line.startswith(f"  {measurement} (") for line in outcome.out.splitlines()) == 1
    assert "requests in 2 processes" in outcome.out
