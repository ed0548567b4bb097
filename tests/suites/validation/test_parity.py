"""A whole gate with a local reference: the same model passes, a skewed one fails, an untrusted pickle is refused."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import GateOutcome, run_gate
from tests.services import Answered, serving

MODEL = """
def predict(rows):
    return [[row[0] - row[1], row[1] * row[2]] for row in rows]
"""
ROWS = [[number / 7, (number * 3 % 11) / 5, number % 4 + 0.5] for number in range(60)]


def run(folder: Path, factor: float, reference: str, *, fails: int = 0) -> GateOutcome:
    """`fails`: so many requests, from the tenth on, are answered with 503."""
    counter = itertools.count()

    def answer(path: str, body: Any) -> Answered:
        if path != "/predict" or not isinstance(body, dict):
            return 404, {"error": "no"}
        if 10 <= next(counter) < 10 + fails:
            return 503, {"error": "busy"}
        rows = [[value * factor for value in row] for row in body["instances"]]
        return 200, {"scores": [[row[0] - row[1], row[1] * row[2]] for row in rows]}

    (folder / "model.py").write_text(MODEL)
    (folder / "model.pkl").write_bytes(b"never loaded")
    lines = [json.dumps({"input": row, "label": number % 2}) for number, row in enumerate(ROWS)]
    (folder / "rows.jsonl").write_text("\n".join(lines) + "\n")
    with serving(answer) as url:
        endpoint = f'[endpoint]\nurl = "{url}"\nprotocol = "plain_json"\nsample = [[0.5, 0.5, 0.5]]\n'
        (folder / "aiharness.toml").write_text(f'{endpoint}[data]\nfile = "rows.jsonl"\n[reference]\n{reference}\n')
        return run_gate(folder, "-k", "test_serving_skew", "--ai-allow-partial", suite="validation")


@pytest.mark.parametrize(
    ("factor", "more", "status"),
    [
        (1.0, "", 0),
        (1.0 + 1e-3, "", 1),
        (1.0 + 1e-3, "rtol = 0.01", 0),
        (1.0, "limit = 0.1", 0),
        (2.0, "limit = 0.1", 1),
    ],
)
def test_the_reference_decides(tmp_path: Path, factor: float, more: str, status: int) -> None:
    outcome = run(tmp_path, factor, f'file = "model.py:predict"\n{more}')
    row = outcome.check("test_serving_skew")
    assert row["verdict"] == ("FAIL" if status else "PASS"), outcome.out
    assert row["n"] == 60
    if status:
        assert "of 60 rows are answered otherwise than by the local reference" in row["reason"]
        assert row["counterexamples"][0]["curl"]


@pytest.mark.parametrize(("fails", "status"), [(3, 0), (10**6, 1)])
def test_rows_that_fail_once_are_asked_again(tmp_path: Path, fails: int, status: int) -> None:
    outcome = run(tmp_path, 1.0, 'file = "model.py:predict"', fails=fails)
    row = outcome.check("test_serving_skew")
    assert row["verdict"] == ("FAIL" if status else "PASS"), outcome.out


def test_an_untrusted_pickle_is_an_error_of_the_configuration(tmp_path: Path) -> None:
    outcome = run(tmp_path, 1.0, 'file = "model.pkl"')
    assert outcome.status == 4
    assert "reference.file: model.pkl is a pickle" in outcome.out + outcome.err


def test_a_model_that_cannot_be_asked_is_an_error(tmp_path: Path) -> None:
    outcome = run(tmp_path, 1.0, 'file = "model.py:nothing"')
    row = outcome.check("test_serving_skew")
    assert row["verdict"] == "ERROR"
    assert "has no function nothing" in row["reason"]
