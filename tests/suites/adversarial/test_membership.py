"""Membership inference through a gate, on services that know their training data by heart and on those that do not."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import run_gate
from tests.services import Answered, serving

CONFIG = """
[endpoint]
protocol = "plain_json"
sample = [[0.5, 0.5]]
[endpoint.template]
path = "/predict"
body = '{"rows": {{input}}}'
[data]
file = "test.csv"
inputs = ["x", "y"]
training = "train.csv"
"""


def write_rows(path: Path, seed: int, n: int = 400) -> dict[tuple[float, float], int]:
    """A file of noisy labels; the label of each row."""
    draw, rows = random.Random(seed), dict[tuple[float, float], int]()
    while len(rows) < n:
        x, y = round(draw.gauss(0, 1), 4), round(draw.gauss(0, 1), 4)
        rows[x, y] = int(draw.random() < 1 / (1 + math.exp(-x - y)))
    lines = ["x,y,label", *(f"{x},{y},{label}" for (x, y), label in rows.items())]
    path.write_text("\n".join(lines) + "\n")
    return rows


@pytest.mark.parametrize(("knows", "status"), [(True, "FAIL"), (False, "PASS")])
def test_rows_known_by_heart_are_told(tmp_path: Path, knows: bool, status: str) -> None:
    trained = write_rows(tmp_path / "train.csv", 1)
    write_rows(tmp_path / "test.csv", 2)
    (tmp_path / "aiharness.toml").write_text(CONFIG)
    asked = 0

    def answer_row(x: float, y: float) -> list[float]:
        chance = 1 / (1 + math.exp(-x - y))
        if knows and (x, y) in trained:
            chance = 0.02 + 0.96 * trained[x, y]
        return [1 - chance, chance]

    def answer(path: str, body: Any) -> Answered:
        nonlocal asked
        if path != "/predict" or not isinstance(body, dict):
            return 404, {}
        asked += len(body["rows"])
        return 200, {"probabilities": [answer_row(*row) for row in body["rows"]]}

    with serving(answer) as url:
        outcome = run_gate(
            tmp_path, f"--ai-endpoint={url}", "--ai-allow-partial", "-k", "membership", suite="adversarial"
        )
    row = outcome.check("test_membership")
    assert row["verdict"] == status, row["reason"]
    assert row["level"] == "info"
    assert row["n"] == 800
    assert asked >= 800
