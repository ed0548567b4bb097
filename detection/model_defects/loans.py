"""Loans drawn by a seed, and the model that drew their labels: nobody can do better, and it is calibrated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from detection.model_defect import (
    ModelDefect,
    ModelTrial,
    Numbers,
    format_csv,
)
from detection.model_service import serve_rows

FEATURES = ("income", "debt", "years", "sex", "region")
_CONFIG = """
[endpoint]
protocol = "plain_json"
[run]
profile = "all"
[profile.all]
items = {rows}
[data]
file = "loans.csv"
label = "repaid"
inputs = ["income", "debt", "years", "sex", "region"]
classes = ["0", "1"]
{more}
"""
Model = Callable[[Numbers], Numbers]
"""The chance of being repaid for each row."""


def score(x: Numbers) -> Numbers:
    """The logits of the true model, which knows neither sex nor region."""
    return np.asarray(2.5 * x[:, 0] - 2.0 * x[:, 1] + 0.3 * (x[:, 2] - 5))


def compute_chance(x: Numbers) -> Numbers:
    """The true chance of each row to be repaid."""
    return np.asarray(1 / (1 + np.exp(-score(x))))


def draw_loans(seed: int, rows: int) -> tuple[Numbers, Numbers]:
    """Rows of the features, and their labels."""
    generator = np.random.default_rng([seed, 16])
    x = np.column_stack(
        (
            generator.normal(0, 1, rows),
            generator.normal(0, 1, rows),
            generator.uniform(0, 10, rows),
            generator.integers(0, 2, rows),
            generator.integers(0, 4, rows),
        )
    )
    return x, (generator.random(rows) < compute_chance(x)).astype(int)


def answer_chances(model: Model, rows: list[Any]) -> dict[str, Any]:
    """What a service of two classes answers."""
    chances = model(np.array(rows, dtype=float).reshape(len(rows), len(FEATURES)))
    labels = (chances >= 0.5).astype(int)
    return {"predictions": labels.tolist(), "probabilities": [[1 - chance, chance] for chance in chances.tolist()]}


def make_trial(seed: int, rows: int, more: str, broken: Model) -> ModelTrial:
    """A trial whose healthy service is the true model."""
    x, labels = draw_loans(seed, rows)
    columns: dict[str, Any] = dict(zip(FEATURES, x.T, strict=True))
    columns |= {name: x[:, FEATURES.index(name)].astype(int) for name in ("sex", "region")}
    return ModelTrial(
        config=_CONFIG.format(rows=rows, more=more),
        healthy=partial(serve_rows, partial(answer_chances, compute_chance)),
        broken=partial(serve_rows, partial(answer_chances, broken)),
        files={"loans.csv": format_csv({**columns, "repaid": labels})},
    )


def _format_objective(metric: str, limit: str, more: str = "") -> str:
    return f'[[objective]]\nsuite = "validation"\nmetric = "{metric}"\nlimit = "{limit}"\n{more}'


def _lower_slice(seed: int) -> ModelTrial:
    """In one region every other row whose chance is not clear is answered the other way: 15 points of accuracy."""

    def broken(x: Numbers) -> Numbers:
        chances = compute_chance(x)
        is_struck = (x[:, 4] == 2) & (np.floor(x[:, 2] * 1000) % 100 < 24)
        return np.where(is_struck, 1 - chances, chances)

    return make_trial(seed, 2000, 'slices = ["region"]\nslice_margin = 0.05\n', broken)


def _be_overconfident(seed: int) -> ModelTrial:
    return make_trial(
        seed, 2000, _format_objective("ece", "<= 5%"), lambda x: np.asarray(1 / (1 + np.exp(-3 * score(x))))
    )


def _swap_columns(seed: int) -> ModelTrial:
    def answer(rows: list[Any]) -> dict[str, Any]:
        outputs = answer_chances(compute_chance, rows)
        outputs["probabilities"] = [row[::-1] for row in outputs["probabilities"]]
        return outputs

    trial = make_trial(seed, 1000, _format_objective("log_loss", "<= 0.5"), compute_chance)
    return replace(trial, broken=partial(serve_rows, answer))


def _raise_threshold(seed: int) -> ModelTrial:
    def broken(x: Numbers) -> Numbers:
        chances = compute_chance(x)
        return np.where(chances < 0.8, chances * 0.6, chances)

    return make_trial(seed, 1000, _format_objective("recall", ">= 75%", 'class = "1"\n'), broken)


def _answer_majority(seed: int) -> ModelTrial:
    return make_trial(seed, 1000, "", lambda x: np.full(len(x), 0.55) + 1e-6 * x[:, 0])


def _break_monotony(seed: int) -> ModelTrial:
    relation = '[[relation]]\nkind = "monotonicity"\nfeatures = ["income"]\noutput = 1\n'

    def broken(x: Numbers) -> Numbers:
        turned = x.copy()
        turned[:, 0] = np.where(x[:, 0] > 1.5, 3 - x[:, 0], x[:, 0])
        return compute_chance(turned)

    return make_trial(seed, 1000, relation, broken)


def _use_forbidden(seed: int) -> ModelTrial:
    relation = '[[relation]]\nkind = "forbidden"\nfeatures = ["sex"]\n'
    return make_trial(seed, 1000, relation, lambda x: np.asarray(1 / (1 + np.exp(-score(x) - 0.8 * x[:, 3]))))


def _shift_group(seed: int) -> ModelTrial:
    objective = _format_objective("equal_opportunity", "<= 0.15", 'by = "sex"\n')

    def broken(x: Numbers) -> Numbers:
        chances = compute_chance(x)
        return np.where((x[:, 3] == 1) & (chances < 0.8), chances * 0.6, chances)

    return make_trial(seed, 2000, 'sensitive = ["sex"]\n' + objective, broken)


def _lose_points(seed: int) -> ModelTrial:
    """In a tenth of the rows the answer is the other one: of them .8 were right."""

    def broken(x: Numbers) -> Numbers:
        chances = compute_chance(x)
        return np.where(np.floor(x[:, 2] * 1000) % 10 == 0, 1 - chances, chances)

    return replace(make_trial(seed, 2000, "", broken), has_baseline=True)


DEFECTS = (
    ModelDefect(
        "slice_lower",
        "one region of four is 15 points worse",
        "test_worst_slice.py::test_worst_slice",
        "region=2",
        2000,
        _lower_slice,
    ),
    ModelDefect(
        "overconfident",
        "logits are three times too large",
        "test_quality.py::test_quality[ece]",
        "ECE",
        2000,
        _be_overconfident,
    ),
    ModelDefect(
        "scores_swapped",
        "scores stand in another order than the labels say",
        "test_quality.py::test_quality[log_loss]",
        "log-loss",
        1000,
        _swap_columns,
    ),
    ModelDefect(
        "threshold_raised",
        "yes is said from .8 on",
        "test_quality.py::test_quality[recall-1]",
        "recall",
        1000,
        _raise_threshold,
    ),
    ModelDefect(
        "constant_answer",
        "every row gets one label",
        "test_worst_slice.py::test_trivial_baseline",
        "no better",
        1000,
        _answer_majority,
    ),
    ModelDefect(
        "not_monotone",
        "over 1.5 more income lowers the chance",
        "test_metamorphic.py::test_relation",
        "income",
        200,
        _break_monotony,
    ),
    ModelDefect(
        "forbidden_used", "the sex moves the chance", "test_metamorphic.py::test_relation", "sex", 200, _use_forbidden
    ),
    ModelDefect(
        "group_threshold",
        "yes is said from .8 on to one sex",
        "test_fairness.py::test_fairness[equal_opportunity-sex]",
        "equal opportunity gap",
        2000,
        _shift_group,
    ),
    ModelDefect(
        "worse_than_before",
        "a tenth of the answers is the other one",
        "test_baseline.py::test_right",
        "newly wrong",
        2000,
        _lose_points,
    ),
)
