"""Transfer from a surrogate: needs torch (`make test-torch` puts it on the path), but for what is said without it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from harness.attacks.transfer import ATTACK, prepare
from harness.core.attack import Prediction, Task
from harness.core.errors import UsageError
from harness.core.threat import Distance
from harness.robustness.attack_inputs import attack_inputs
from tests.attacks.linear import SIZE, make_linear
from tests.services import Digits, asking, digits, serving, settings

HAS_TORCH = importlib.util.find_spec("torch") is not None


@pytest.mark.skipif(HAS_TORCH, reason="torch is installed")
def test_without_torch_it_says_what_to_install() -> None:
    with pytest.raises(UsageError, match=r"pip install 'aiharness\[torch\]'"):
        prepare([[0.0]], [Prediction(1)], 0)


def test_without_a_surrogate_nothing_is_sent() -> None:
    task = Task([0.5] * 4, Distance(0.1), (2, 2), 5, (1, 2))
    assert list(ATTACK.search(task)) == []


@pytest.mark.torch
@pytest.mark.skipif(not HAS_TORCH, reason="needs torch")
def test_the_surrogate_of_a_linear_model_leads_across_its_boundary() -> None:
    model = make_linear(1, margin=0.4)
    rows = np.random.default_rng(0).uniform(0, 1, (500, SIZE))
    replies = [Prediction(int(model.ask(row) >= 0)) for row in rows]
    surrogate, agreement = prepare(list(rows), replies, 3)
    assert agreement > 0.85
    eps = 1.6 * model.linf
    task = Task(model.row.tolist(), Distance(eps), (6, 6), 3, (1, 2), model=surrogate)
    rows_sent = [np.asarray(batch[0]) for batch in ATTACK.search(task)]
    assert len(rows_sent) == 3
    assert all(task.distance.allows(task.row, row.tolist()) for row in rows_sent)
    assert any(model.ask(row) < 0 for row in rows_sent)
    again, _ = prepare(list(rows), replies, 3)
    repeated = Task(model.row.tolist(), Distance(eps), (6, 6), 3, (1, 2), model=again)
    assert np.allclose(next(ATTACK.search(repeated))[0], rows_sent[0])  # type: ignore[arg-type]


@pytest.mark.torch
@pytest.mark.skipif(not HAS_TORCH, reason="needs torch")
def test_candidates_are_verified_at_the_endpoint(tmp_path: Path) -> None:
    with serving(Digits()) as url, asking(settings(url, digits(150), eps=2.0, budget=3), tmp_path) as session:
        result = attack_inputs(session, ATTACK)
    assert result.rows["surrogate"] == 150
    assert result.count()["confirmed"] > 20
    assert any(note.startswith("the surrogate agrees with the endpoint on ") for note in result.notes)
