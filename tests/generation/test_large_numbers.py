"""Ordinary large numbers: what half precision does with them is found, where nothing announces a smaller range."""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.core.endpoint import Endpoint
from harness.core.settings import Settings
from harness.core.verdict import Status, Verdict
from tests.services import Answered, asking, serving

survive = import_module("harness.suites.integration.test_property").test_generated_requests_survive
own_rows = import_module("harness.suites.integration.test_cache").test_rows


def serve(compute: Callable[[list[float]], Any]) -> Callable[[str, Any], Answered]:
    def answer(path: str, body: Any) -> Answered:
        rows = body.get("instances") if isinstance(body, dict) else None
        try:
            assert rows
            assert all(len(row) == 3 and not set(map(type, row)) - {int, float} for row in rows)
            return 200, {"values": [compute(row) for row in rows]}
        except (AssertionError, TypeError, ArithmeticError):
            return 400, {"error": "rows of three numbers are expected"}

    return answer


def run_check(
    test: Callable[..., Verdict], compute: Callable[[list[float]], Any], folder: Path, sample: Any
) -> Verdict:
    with serving(serve(compute)) as url:
        settings = Settings(Endpoint(url, "plain_json", sample=sample), ("integration",), extras=("property",))
        with asking(settings, folder) as session:
            return test(session)


def in_half_precision(row: list[float]) -> float | None:
    with np.errstate(over="ignore"):
        value = float(np.float16(row[0]))
    return value if math.isfinite(value) else None


@pytest.mark.parametrize(
    ("compute", "status"),
    [
        (in_half_precision, Status.FAIL),
        (lambda row: [row[1], in_half_precision(row)], Status.FAIL),
        (lambda row: row[0] * 2, Status.PASS),
        (lambda row: math.exp(row[0]), Status.PASS),
        (lambda row: None, Status.PASS),
    ],
    ids=["null", "null among numbers", "right", "refused where it overflows", "always null"],
)
def test_numbers_that_half_precision_does_not_hold(tmp_path: Path, compute: Any, status: Status) -> None:
    verdict = run_check(survive, compute, tmp_path, [[0.5, 1.0, 2.0]])
    assert verdict.status is status, verdict.reason
    if status is Status.FAIL:
        assert "null" in verdict.reason


@pytest.mark.parametrize(
    ("compute", "reason"),
    [
        (lambda row: row[0], ""),
        (lambda row: int(float(row[0])), "9007199254740993, which a double takes for one"),
        (lambda row: int(np.float32(row[0])), "16777217, which a float of 32 bits takes for one"),
        (lambda row: float(row[0]), ""),
        (lambda row: row[0] % 7, ""),
    ],
    ids=["whole", "double", "float", "a model of fractions", "another number"],
)
def test_whole_numbers_that_come_back_stay_apart(tmp_path: Path, compute: Any, reason: str) -> None:
    verdict = run_check(own_rows, compute, tmp_path, [[5, 3, 2]])
    assert (verdict.status is Status.FAIL) is bool(reason), verdict.reason
    assert reason in verdict.reason
