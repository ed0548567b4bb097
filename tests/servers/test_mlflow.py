"""MLflow answers real predictions: what the smoke suite judges is a model, not an error page."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.servers.processes import ServerProcess

pytestmark = pytest.mark.servers
CONFIG = tomllib.loads((Path(__file__).parents[2] / "examples" / "mlflow.toml").read_text())


def _invoke(server: ServerProcess, rows: list[list[float]]) -> httpx.Response:
    with httpx.Client(trust_env=False, timeout=30) as client:
        return client.post(server.url + "/invocations", json={"inputs": rows})


def test_the_example_s_sample_is_a_zero(mlflow_server: ServerProcess) -> None:
    """The sample is the first row of load_digits, whose label is 0; a blank picture with one stroke is a 1."""
    (zero,) = CONFIG["endpoint"]["sample"]
    stroke = [16.0 if column in (3, 4) else 0.0 for _ in range(8) for column in range(8)]
    answer = _invoke(mlflow_server, [zero, stroke])
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"predictions": [0, 1]}


def test_a_row_of_63_is_refused(mlflow_server: ServerProcess) -> None:
    (row,) = CONFIG["endpoint"]["sample"]
    answer = _invoke(mlflow_server, [row[1:]])
    body: dict[str, Any] = answer.json()
    assert answer.status_code == 400
    assert body["error_code"] == "INVALID_PARAMETER_VALUE"
    assert "Shape of input (1, 63) does not match expected shape (-1, 64)" in body["message"]
