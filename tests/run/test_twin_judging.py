"""What a compression cost, in quality and latency together: three values, and error rates at the margin."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.core.local_model import LocalAnswers, LocalModel
from harness.core.verdict import Status, Verdict
from harness.run.twin_judging import judge_twin

MODEL = LocalModel("m:f", quantise="int8", margin=0.02, slowdown=1.0)


def judge(worse: int, better: int, n: int = 1000, ratio: float = 0.6, model: LocalModel = MODEL) -> Verdict:
    """A model that is right in all rows but the `better` ones, and a twin that is wrong in the `worse` ones."""
    own = [{"scores": [0.0, 1.0]} for _ in range(n - better)] + [{"scores": [1.0, 0.0]}] * better
    twin = [{"scores": [1.0, 0.0]}] * worse + [{"scores": [0.0, 1.0]} for _ in range(n - worse)]
    times = tuple(0.01 + 1e-5 * place for place in range(40))
    answers = LocalAnswers(tuple(own), tuple(twin), times, tuple(ratio * time for time in times))
    return judge_twin(answers, [1] * n, model)


@pytest.mark.parametrize(
    ("worse", "better", "ratio", "status"),
    [
        (3, 2, 0.6, Status.PASS),
        (60, 0, 0.6, Status.FAIL),
        (15, 0, 0.6, Status.INCONCLUSIVE),
        (0, 0, 1.5, Status.FAIL),
        (0, 0, 1.0, Status.PASS),
        (90, 90, 0.6, Status.INCONCLUSIVE),
    ],
)
def test_quality_and_latency_decide_together(worse: int, better: int, ratio: float, status: Status) -> None:
    verdict = judge(worse, better, ratio=ratio)
    assert verdict.status is status, verdict.reason
    assert verdict.n == 1000
    if worse == 60 and not better:
        assert "1000 and 940 of 1000 rows right, the loss is 6 points" in verdict.reason
        assert any(note.startswith("right in the model and wrong in the twin: rows 0, 1") for note in verdict.notes)


def test_an_allowed_slowdown_is_allowed() -> None:
    slow = LocalModel("m:f", quantise="int8", slowdown=2.0)
    assert judge(0, 0, ratio=1.5, model=slow).status is Status.PASS


@pytest.mark.parametrize("outputs", [(), ({"text": None},) * 3])
def test_outputs_without_a_label_show_nothing(outputs: Any) -> None:
    verdict = judge_twin(LocalAnswers(outputs, outputs), [1] * len(outputs), MODEL)
    assert verdict.status is Status.INCONCLUSIVE


@pytest.mark.simulation
def test_error_rates_at_the_margin() -> None:
    """A true loss of exactly the margin: at most 5 % PASS, and at most 5 % FAIL."""
    generator = np.random.default_rng(2)
    statuses = []
    for _ in range(200):
        worse, better, _ = map(int, generator.multinomial(200, [0.05, 0.03, 0.92]))
        statuses.append(judge(worse, better, 200).status)
    for status in (Status.PASS, Status.FAIL):
        assert statuses.count(status) <= 0.05 * 200 + 3 * (200 * 0.05 * 0.95) ** 0.5, status
