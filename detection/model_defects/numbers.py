"""Regression, whole numbers, halves and vectors: what goes wrong on the way of a number."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from detection.model_defect import ModelDefect, ModelTrial, format_csv
from detection.model_service import serve_rows

_ENDPOINT = '[endpoint]\nprotocol = "plain_json"\nsample = {sample}\n'
_LARGEST_HALF = 65504.0
Predict = Callable[[list[Any]], list[Any]]


def _format_rows(rows: list[Any], labels: list[Any]) -> str:
    pairs = zip(rows, labels, strict=True)
    return "".join(json.dumps({"input": row, "label": label}) + "\n" for row, label in pairs)


def _make_services(healthy: Predict, broken: Predict, output: str = "predictions") -> dict[str, Any]:
    def serve(predict: Predict) -> Any:
        return partial(serve_rows, lambda rows: {output: predict(rows)})

    return {"healthy": serve(healthy), "broken": serve(broken)}


def _make_houses(seed: int, metric: str, limit: str, broken: Callable[[Any], Any]) -> ModelTrial:
    """Prices in thousands, a line of four features with noise of 20, asked of the line."""
    generator = np.random.default_rng([seed, 17])
    x = generator.normal(0, 1, (1000, 4))
    weights = np.array([60.0, 30.0, -20.0, 10.0])
    prices = 250 + x @ weights + generator.normal(0, 20, len(x))
    config = _ENDPOINT.format(sample=[x[0].tolist()]) + '[data]\nfile = "houses.csv"\nlabel = "price"\n'
    config += f'[[objective]]\nsuite = "validation"\nmetric = "{metric}"\nlimit = "{limit}"\n'
    columns = {name: x[:, place] for place, name in enumerate(("size", "rooms", "age", "garden"))}

    def predict(rows: list[Any]) -> Any:
        return 250 + np.array(rows, dtype=float).reshape(len(rows), 4) @ weights

    return ModelTrial(
        config=config,
        files={"houses.csv": format_csv({**columns, "price": prices})},
        **_make_services(lambda rows: predict(rows).tolist(), lambda rows: broken(predict(rows)).tolist()),
    )


def _answer_logarithms(seed: int) -> ModelTrial:
    return _make_houses(seed, "mae", "<= 20", lambda prices: np.log(np.maximum(prices, 1)))


def _shift_prices(seed: int) -> ModelTrial:
    return _make_houses(seed, "rmse", "<= 22", lambda prices: prices * 1.1)


def _answer_doubles(seed: int) -> ModelTrial:
    """Golden identifiers beyond 2^53, of which a double holds every other one."""
    numbers = [2**53 + 1 + 2 * int(step) for step in np.random.default_rng(seed).integers(0, 10**6, 60)]
    config = _ENDPOINT.format(sample="[[3]]") + '[data]\ngolden = "golden.jsonl"\n'

    def look_up(rows: list[Any]) -> list[Any]:
        return [numbers[int(row[0])] for row in rows]

    files = {"golden.jsonl": _format_rows([[place] for place in range(60)], numbers)}
    broken = _make_services(look_up, lambda rows: [int(float(number)) for number in look_up(rows)])
    return ModelTrial(config=config, files=files, **broken)


def _overflow_halves(seed: int) -> ModelTrial:
    """Golden outputs of which one in twenty is too large for FP16."""
    x = np.random.default_rng([seed, 18]).uniform(0, 70, (200, 2))
    config = _ENDPOINT.format(sample=[x[0].tolist()]) + '[data]\ngolden = "golden.jsonl"\nrtol = 0.002\natol = 0.01\n'

    def predict(rows: list[Any]) -> list[Any]:
        return [1000.0 * row[0] for row in rows]

    def halve(rows: list[Any]) -> list[Any]:
        return [float(np.float16(value)) if value <= _LARGEST_HALF else None for value in predict(rows)]

    files = {"golden.jsonl": _format_rows(x.tolist(), predict(x.tolist()))}
    return ModelTrial(config=config, files=files, **_make_services(predict, halve))


_MODEL = """
def predict(rows):
    return [2 * (row["income"] if row["income"] is not None else 40.0) - row["debt"] for row in rows]
"""


def _fill_with_zero(seed: int) -> ModelTrial:
    """One row in ten has no income: the training put the mean in its place, the service puts 0."""
    generator = np.random.default_rng([seed, 19])
    rows: list[Any] = [
        {"income": None if generator.random() < 0.1 else float(generator.uniform(10, 90)), "debt": float(debt)}
        for debt in generator.uniform(0, 20, 300)
    ]
    config = _ENDPOINT.format(
        sample="{ income = 20.5, debt = 3.5 }\ntemplate = { body = '{\"instances\": [{{input}}]}' }"
    )
    config += '[data]\nfile = "rows.jsonl"\ntask = "regression"\n[reference]\nfile = "model.py:predict"\n'

    def predict(rows: list[Any], missing: float) -> list[Any]:
        return [2 * (missing if row["income"] is None else row["income"]) - row["debt"] for row in rows]

    labels = [value + 0.25 for value in predict(rows, 40.0)]
    services = _make_services(partial(predict, missing=40.0), partial(predict, missing=0.0))
    return ModelTrial(config=config, files={"rows.jsonl": _format_rows(rows, labels), "model.py": _MODEL}, **services)


def _draw_topics(seed: int, rows: int) -> tuple[Any, list[str]]:
    """Rows of 16 numbers in eight clusters, which differ in the second half alone, and their names."""
    generator = np.random.default_rng([seed, 20])
    centres = generator.normal(0, 1, (8, 16))
    centres[:, :8] *= 0.05
    labels = generator.integers(0, 8, rows)
    return centres[labels] + generator.normal(0, 0.15, (rows, 16)), [f"topic {label}" for label in labels]


def _embed(rows: list[Any], width: int) -> list[Any]:
    vectors = np.array(rows, dtype=float).reshape(len(rows), 16)[:, :width]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return list(vectors.tolist())


def _make_topics(seed: int, more: str, width: int) -> ModelTrial:
    x, labels = _draw_topics(seed, 400)
    config = _ENDPOINT.format(sample=[x[0].tolist()]) + '[data]\nfile = "rows.jsonl"\ntask = "embedding"\n' + more
    services = _make_services(partial(_embed, width=16), partial(_embed, width=width), "embeddings")
    return ModelTrial(config=config, files={"rows.jsonl": _format_rows(x.tolist(), labels)}, **services)


def _embed_first_half(seed: int) -> ModelTrial:
    objective = '[[objective]]\nsuite = "validation"\nmetric = "ndcg_at_k"\nk = 5\nlimit = ">= 80%"\n'
    return _make_topics(seed, objective, 8)


def _leak_holdout(seed: int) -> ModelTrial:
    """A twentieth of the holdout stands in the training data, moved by a thousandth."""
    x, labels = _draw_topics(seed, 2000)
    holdout, names = _draw_topics(seed, 400)
    leaked = np.vstack((x[400:], holdout[:20] * 1.001)).tolist()
    trial = _make_topics(seed, 'training = "training.jsonl"\n', 16)
    own, with_leak = (_format_rows(rows, [*labels[400:], *names[:20]][: len(rows)]) for rows in (leaked[:-20], leaked))
    return replace(trial, files={**trial.files, "training.jsonl": own}, broken_files={"training.jsonl": with_leak})


DEFECTS = (
    ModelDefect(
        "logarithm_kept",
        "prices are answered as logarithms",
        "test_worst_slice.py::test_trivial_baseline",
        "no better",
        1000,
        _answer_logarithms,
    ),
    ModelDefect(
        "biased", "prices are 10 % too high", "test_quality.py::test_quality[rmse]", "RMSE", 1000, _shift_prices
    ),
    ModelDefect(
        "int64_as_double",
        "2^53 + 1 is answered as 2^53",
        "test_golden.py::test_golden",
        "was made a double",
        60,
        _answer_doubles,
    ),
    ModelDefect(
        "half_overflows",
        "numbers over 65,504 become null",
        "test_golden.py::test_golden",
        "of FP16",
        200,
        _overflow_halves,
    ),
    ModelDefect(
        "missing_filled",
        "a missing value is filled with 0, and was with the mean in training",
        "test_parity.py::test_serving_skew",
        "answered otherwise than by the local reference",
        200,
        _fill_with_zero,
    ),
    ModelDefect(
        "half_embedded",
        "half of the input is not read",
        "test_quality.py::test_quality[ndcg_at_5]",
        "nDCG",
        400,
        _embed_first_half,
    ),
    ModelDefect(
        "holdout_leaked",
        "a twentieth of the holdout stands in the training data, moved by a thousandth",
        "test_leakage.py::test_leakage[near]",
        "near duplicate",
        400,
        _leak_holdout,
    ),
)
