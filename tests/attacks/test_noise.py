from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.attacks.noise import ATTACK
from harness.core.threat import Norm
from harness.core.verdict import Status
from tests.attacks.linear import drive, make_linear, make_task
from tests.services import Digits, asking, digits, judge_attack, objective, serving, settings


def test_the_whole_budget_is_one_batch_that_fills_the_ball() -> None:
    model = make_linear(1)
    task = make_task(model, 0.2, Norm.LINF, 300)
    batch = np.array(next(ATTACK.search(task)))
    away = batch - model.row
    assert batch.shape == (300, model.row.size)
    assert 0.19 < np.abs(away).max() <= 0.2
    assert abs(away.mean()) < 0.01


def test_it_breaks_less_than_a_search() -> None:
    model = make_linear(2, margin=1.0)
    _, wrong = drive(ATTACK, make_task(model, 1.2 * model.linf, Norm.LINF, 500), model)
    assert not any(wrong), "a random direction is never as bad as the worst"


def test_kept_labels_are_told_with_their_bound(tmp_path: Path) -> None:
    with serving(Digits()) as url, asking(settings(url, digits(20), eps=0.2, budget=30), tmp_path) as session:
        verdict = judge_attack(session, ATTACK, *objective())
    assert verdict.status is Status.PASS, verdict.reason
    (note,) = [note for note in verdict.notes if "random draws" in note]
    assert "kept their label in every one of 30 random draws" in note
    assert "at least 90.5% of draws" in note or "of draws (95 %" in note


def test_labels_that_no_input_changes_are_no_proof(tmp_path: Path) -> None:
    constant = Digits(lambda rows, scores: np.tile(np.eye(10)[3] * 0.9 + 0.01, (len(scores), 1)))
    data = digits(20, label=3)
    with serving(constant) as url, asking(settings(url, data, eps=0.2, budget=30), tmp_path) as session:
        verdict = judge_attack(session, ATTACK, *objective())
    assert verdict.status is Status.INCONCLUSIVE
    assert "proves nothing" in verdict.reason
