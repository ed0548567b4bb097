"""Loans whose distribution, or whose model's quality, changes with the time, and a model unsure of one group."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from detection.model_defect import ModelDefect, ModelTrial, Numbers, format_csv
from detection.model_defects.loans import FEATURES, compute_chance, draw_loans, make_trial, score

_NEWEST = 0.2
"""The share of rows that count as the newest."""
_REFERENCE = '[drift]\nreference = "before.csv"\n'
_RECORDED = _REFERENCE + 'prediction = "answered"\n'
Change = Callable[[Numbers, Numbers], tuple[Numbers, Numbers]]
"""Other rows and labels in place of the rows that came last."""


def _format_rows(x: Numbers, labels: Numbers, **more: Any) -> str:
    columns: dict[str, Any] = dict(zip(FEATURES, x.T, strict=True))
    columns |= {name: x[:, FEATURES.index(name)].astype(int) for name in ("sex", "region")}
    return format_csv({**columns, "repaid": labels, **more})


def _give_reference(trial: ModelTrial, seed: int, rows: int, **more: Any) -> ModelTrial:
    x, labels = draw_loans(seed + 50_000, rows)
    columns = {name: compute(x) for name, compute in more.items()}
    return replace(trial, files={**trial.files, "before.csv": _format_rows(x, labels, **columns)})


def _shift_inputs(seed: int) -> ModelTrial:
    """Debts are .7 standard deviations higher than they were."""
    x, labels = draw_loans(seed, 1000)
    moved = x + np.where(np.arange(len(FEATURES)) == FEATURES.index("debt"), 0.7, 0.0)
    trial = _give_reference(make_trial(seed, 1000, _REFERENCE, compute_chance), seed, 1000)
    return replace(trial, broken_files={"loans.csv": _format_rows(moved, labels)})


def _shift_answers(seed: int) -> ModelTrial:
    """The model says yes less often than its recorded answers did."""

    def broken(x: Numbers) -> Numbers:
        return np.asarray(1 / (1 + np.exp(-score(x) + 3)))

    trial = make_trial(seed, 1000, _RECORDED, broken)
    return _give_reference(trial, seed, 1000, answered=lambda x: (compute_chance(x) >= 0.5).astype(int))


def _change_newest(seed: int, rows: int, change: Change) -> ModelTrial:
    """Rows with a time, the newest of which are others in the broken trial."""
    x, labels = draw_loans(seed, rows)
    days, first = np.arange(rows), round(rows * (1 - _NEWEST))
    newest, newest_labels = change(x[first:], labels[first:])
    trial = make_trial(seed, rows, 'time = "day"\n', compute_chance)
    return replace(
        trial,
        files={"loans.csv": _format_rows(x, labels, day=days)},
        broken_files={
            "loans.csv": _format_rows(
                np.vstack((x[:first], newest)), np.append(labels[:first], newest_labels), day=days
            )
        },
    )


def _forget_newest(seed: int) -> ModelTrial:
    """Every other of the newest rows is labelled by another rule."""

    def change(x: Numbers, labels: Numbers) -> tuple[Numbers, Numbers]:
        is_struck = np.arange(len(x)) % 2 == 0
        return x, np.where(is_struck, 1 - (compute_chance(x) >= 0.5), labels)

    return _change_newest(seed, 2000, change)


def _lose_column(seed: int) -> ModelTrial:
    """The newest rows have months in the place of years, and the labels that the years made."""

    def change(x: Numbers, labels: Numbers) -> tuple[Numbers, Numbers]:
        months = x.copy()
        months[:, FEATURES.index("years")] *= 12
        return months, labels

    return _change_newest(seed, 2000, change)


def _be_overconfident_of_group(seed: int) -> ModelTrial:
    objective = '[[objective]]\nsuite = "validation"\nmetric = "group_calibration"\nlimit = "<= 5%"\nby = "sex"\n'

    def broken(x: Numbers) -> Numbers:
        return np.asarray(1 / (1 + np.exp(-score(x) * np.where(x[:, 3] == 1, 4, 1))))

    return make_trial(seed, 2000, 'sensitive = ["sex"]\n' + objective, broken)


DEFECTS = (
    ModelDefect(
        "inputs_drifted",
        "debts are .7 standard deviations higher than in the reference",
        "test_drift.py::test_inputs",
        "debt",
        1000,
        _shift_inputs,
    ),
    ModelDefect(
        "answers_drifted",
        "yes is said less often than in the recorded answers",
        "test_drift.py::test_answers",
        "answers have drifted",
        1000,
        _shift_answers,
    ),
    ModelDefect(
        "newest_wrong",
        "half of the newest fifth of the rows follow another rule",
        "test_degradation.py::test_decline",
        "newest",
        2000,
        _forget_newest,
    ),
    ModelDefect(
        "unit_changed",
        "years are given in months since the newest fifth of the rows",
        "test_degradation.py::test_newest_answers",
        "newest answers have drifted",
        2000,
        _lose_column,
    ),
    ModelDefect(
        "group_overconfident",
        "logits are four times too large for one sex",
        "test_fairness.py::test_fairness[group_calibration-sex]",
        "sex=1",
        2000,
        _be_overconfident_of_group,
    ),
)
