"""`--ai-baseline` on labelled rows as a user runs it: a second endpoint and a saved run, on small real services."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import GateOutcome, run_gate
from tests.services import Answered, serving

N = 400
GENERATOR = np.random.default_rng(11)
ROWS = GENERATOR.normal(0, 1, (N, 3))
LABELS = (ROWS[:, 0] + 0.5 * ROWS[:, 1] > 0).astype(int)
RIGHT = "test_baseline.py::test_right"
CHANGED = "test_baseline.py::test_changed"
BALANCED = "test_baseline.py::test_objective[balanced_accuracy]"
CONFIG = """
[endpoint]
protocol = "plain_json"
sample = [[0.1, 0.2, 0.3]]
[data]
file = "rows.csv"
{data}
[[objective]]
suite = "validation"
metric = "balanced_accuracy"
limit = ">= 0.8"
"""


def serve_linear(weights: tuple[float, float, float], seen: list[int] | None = None) -> Any:
    def answer(path: str, body: Any) -> Answered:
        if path != "/predict" or body is None:
            return 404, {"error": "not found"}
        if not isinstance(body, dict) or not isinstance(body.get("instances"), list):
            return 400, {"error": "instances must be a list of rows"}
        rows = np.asarray(body["instances"], float)
        if rows.ndim != 2 or rows.shape[1] != 3:
            return 400, {"error": "a row has three numbers"}
        if seen is not None:
            seen.append(len(rows))
        return 200, {"predictions": (rows @ weights > 0).astype(int).tolist()}

    return serving(answer)


@pytest.fixture(scope="module")
def services() -> Iterator[dict[str, str]]:
    """The old model, one that is trained again and as good, and one that has lost a feature."""
    with serve_linear((1, 0.5, 0)) as old, serve_linear((1, 0.49, 0.01)) as new, serve_linear((1, 0, 0)) as broken:
        yield {"old": old, "new": new, "broken": broken}


def run(folder: Path, url: str, *args: str, data: str = "", name: str = "run") -> GateOutcome:
    lines = [[f"{value:.6f}" for value in row] + [str(label)] for row, label in zip(ROWS, LABELS, strict=True)]
    with (folder / "rows.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["a", "b", "c", "label"], *lines])
    (folder / "aiharness.toml").write_text(CONFIG.format(data=data))
    chosen = "test_baseline or test_quality"
    return run_gate(
        folder, f"--ai-endpoint={url}", "-k", chosen, "--ai-allow-partial", *args, suite="validation", run=name
    )


@pytest.mark.slow
def test_a_second_endpoint_is_asked_the_same_rows(services: dict[str, str], tmp_path: Path) -> None:
    same = run(
        tmp_path,
        services["new"],
        f"--ai-baseline={services['old']}",
        "-k",
        "test_baseline",
        data="changed_limit = 0.05",
    )
    assert {same.check(name)["verdict"] for name in (RIGHT, BALANCED, CHANGED)} == {"PASS"}, same.out
    assert (same.run_dir / "validation/baseline-answers.jsonl").exists()
    worse = run(
        tmp_path,
        services["broken"],
        f"--ai-baseline={services['old']}",
        "-k",
        "test_baseline",
        data="changed_limit = 0.05",
        name="b",
    )
    assert {worse.check(name)["verdict"] for name in (RIGHT, BALANCED, CHANGED)} == {"FAIL"}, worse.out
    row = worse.check(RIGHT)
    assert row["baseline"]["run"] == services["old"]
    flips = (worse.run_dir / "validation/flips.csv").read_text().splitlines()
    wrong = int(((ROWS[:, 0] > 0).astype(int) != LABELS).sum())
    assert len(flips) == wrong + 1
    assert f"of {N} rows {wrong} are newly wrong and 0 newly right" in row["reason"]
    assert row["counterexamples"][0]["summary"].startswith("row ")


@pytest.mark.slow
def test_a_saved_run_is_a_baseline_where_data_labels_and_parameters_are_the_same(
    services: dict[str, str], tmp_path: Path
) -> None:
    saved = run(tmp_path, services["old"], name="saved")
    assert saved.gate is not None
    assert saved.gate["run"]["verdict"] == "PASS", saved.out
    baseline = f"--ai-baseline={saved.run_dir}"
    chosen = "-k", "test_baseline"
    gate = run(tmp_path, services["broken"], f"--ai-baseline={saved.run_dir}/gate.json", *chosen, name="broken")
    assert {gate.check(name)["verdict"] for name in (RIGHT, BALANCED)} == {"FAIL"}, gate.out
    row = run(tmp_path, services["new"], baseline, *chosen, data="labels = { 0 = 1, 1 = 0 }", name="renamed").check(
        RIGHT
    )
    assert (row["verdict"], row["n"]) == ("INCONCLUSIVE", 0)
    assert "judged by other labels" in row["reason"]


def test_without_a_baseline_the_first_run_is_accepted_by_consent_alone(
    services: dict[str, str], tmp_path: Path
) -> None:
    missing = f"--ai-baseline={tmp_path / 'yet'}"
    assert run(tmp_path, services["old"], missing).status == 4
    row = run(tmp_path, services["old"], missing, "--ai-accept-first", "-k", "test_baseline", name="first").check(RIGHT)
    assert (row["verdict"], "first run, accepted" in row["reason"]) == ("PASS", True), row["reason"]
