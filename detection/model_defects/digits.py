"""scikit-learn's handwritten digits (1,797 pictures of 64 numbers) behind logistic regression: half is held out."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

import joblib  # type: ignore[import-untyped]
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from detection.model_defect import (
    ModelDefect,
    ModelTrial,
    Numbers,
    pack_arrays,
    softmax,
)
from detection.model_service import serve_rows

_CONFIG = """
[endpoint]
protocol = "plain_json"
sample = [{sample}]
[data]
file = "rows.npz"
{more}
"""
_REFERENCE = '[reference]\nfile = "model.joblib"\ntrust = true\n'
_RECALL = '[[objective]]\nsuite = "validation"\nmetric = "recall"\nclass = "3"\nlimit = ">= 80%"\n'
_PROMISED = "[promises]\ndeterministic = true\n"
_GOLDEN_ROWS = 200
Logits = Callable[[Numbers], Numbers]


class _Split(NamedTuple):
    """A model, the rows it was trained on and those that were held out, drawn by a seed."""

    model: Pipeline
    x_train: Numbers
    y_train: Numbers
    x: Numbers
    y: Numbers

    def score(self, x: Numbers) -> Numbers:
        """The model's logits."""
        return np.asarray(self.model.decision_function(x))


def _fit(x: Numbers, y: Numbers) -> Pipeline:
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.05, max_iter=200)).fit(x, y)


@lru_cache(maxsize=2)
def _split(seed: int) -> _Split:
    x_train, x, y_train, y = train_test_split(*load_digits(return_X_y=True), test_size=0.5, random_state=seed)
    return _Split(_fit(x_train, y_train), x_train, y_train, x, y)


def _answer(logits: Logits, rows: list[Any]) -> dict[str, Any]:
    scores = softmax(logits(np.array(rows, dtype=float).reshape(len(rows), 64)))
    return {"predictions": scores.argmax(axis=1).tolist(), "probabilities": scores.tolist()}


def _make_trial(
    seed: int, more: str, broken: Logits, healthy: Logits | None = None, *, golden: bool = False
) -> ModelTrial:
    """A trial with the held-out rows; `golden`: and with what the model answers to some of them."""
    split = _split(seed)
    files: dict[str, str | bytes] = {"rows.npz": pack_arrays(x=split.x, y=split.y)}
    if "[reference]" in more:
        file = io.BytesIO()
        joblib.dump(split.model, file)
        files["model.joblib"] = file.getvalue()
    if golden:
        rows = split.x[:_GOLDEN_ROWS]
        files["golden.npz"] = pack_arrays(x=rows, y=softmax(split.score(rows)))
        more = f'golden = "golden.npz"\n{more}'
    return ModelTrial(
        config=_CONFIG.format(sample=split.x[0].tolist(), more=more),
        healthy=partial(serve_rows, partial(_answer, healthy or split.score)),
        broken=partial(serve_rows, partial(_answer, broken)),
        files=files,
    )


def _permute_labels(seed: int) -> ModelTrial:
    def broken(x: Numbers) -> Numbers:
        logits = _split(seed).score(x)
        threes = logits.argmax(axis=1) == 3
        logits[threes] = logits[threes][:, [0, 1, 2, 8, 4, 5, 6, 7, 3, 9]]
        return logits

    return _make_trial(seed, _RECALL, broken)


def _swap_features(seed: int) -> ModelTrial:
    return _make_trial(
        seed, _REFERENCE, lambda x: _split(seed).score(x.reshape(-1, 8, 8).swapaxes(1, 2).reshape(-1, 64))
    )


def _forget_scaler(seed: int) -> ModelTrial:
    return _make_trial(seed, _REFERENCE, lambda x: np.asarray(_split(seed).model[-1].decision_function(x)))


def _serve_stale(seed: int) -> ModelTrial:
    split = _split(seed)
    stale = _fit(split.x_train[:600], split.y_train[:600])
    return _make_trial(seed, "", stale.decision_function, golden=True)


def _quantise(seed: int) -> ModelTrial:
    def round_weights(levels: int) -> Logits:
        split = _split(seed)
        regression = split.model[-1]
        step = np.abs(regression.coef_).max() / levels
        weights = np.round(regression.coef_ / step) * step
        return lambda x: np.asarray(split.model[0].transform(x) @ weights.T + regression.intercept_)

    reference = _REFERENCE + "limit = 0.02\natol = 0.05\nrtol = 0\n"
    return _make_trial(seed, reference, round_weights(3), round_weights(127))


def _normalise_by_batch(seed: int) -> ModelTrial:
    def broken(x: Numbers) -> Numbers:
        spread = x.std(axis=0) if len(x) > 1 else _split(seed).model[0].scale_
        centre = x.mean(axis=0) if len(x) > 1 else _split(seed).model[0].mean_
        return np.asarray(_split(seed).model[-1].decision_function((x - centre) / np.maximum(spread, 1e-3)))

    return _make_trial(seed, "", broken)


def _leave_dropout_on(seed: int) -> ModelTrial:
    generator = np.random.default_rng(seed)

    def broken(x: Numbers) -> Numbers:
        return _split(seed).score(np.where(generator.random(x.shape) < 0.1, 0, x / 0.9))

    return _make_trial(seed, _PROMISED, broken)


def _keep_old_replica(seed: int) -> ModelTrial:
    split = _split(seed)
    stale, turns = _fit(split.x_train[:600], split.y_train[:600]), iter(range(10**9))

    def broken(x: Numbers) -> Numbers:
        return np.asarray(stale.decision_function(x)) if next(turns) % 3 == 0 else split.score(x)

    return _make_trial(seed, _PROMISED, broken)


_SKEW = "answered otherwise than by the local reference"
DEFECTS = (
    ModelDefect(
        "labels_permuted",
        "two classes have each other's names",
        "test_quality.py::test_quality[recall-3]",
        "recall",
        899,
        _permute_labels,
    ),
    ModelDefect(
        "features_swapped",
        "the features come in another order",
        "test_parity.py::test_serving_skew",
        _SKEW,
        200,
        _swap_features,
    ),
    ModelDefect(
        "scaler_missing",
        "the scaler of the training is not applied",
        "test_parity.py::test_serving_skew",
        _SKEW,
        200,
        _forget_scaler,
    ),
    ModelDefect(
        "stale_model",
        "the model of an earlier training is served",
        "test_golden.py::test_golden",
        "golden",
        _GOLDEN_ROWS,
        _serve_stale,
    ),
    ModelDefect(
        "quantised_too_hard",
        "weights of 7 levels in place of 255",
        "test_parity.py::test_serving_skew",
        _SKEW,
        200,
        _quantise,
    ),
    ModelDefect(
        "batch_normalised",
        "rows are scaled by their own batch",
        "test_batch_invariance.py::test_any_batch",
        "the batch",
        16,
        _normalise_by_batch,
    ),
    ModelDefect(
        "dropout_on",
        "dropout of a tenth is left on",
        "test_determinism.py::test_one_answer",
        "another answer",
        8,
        _leave_dropout_on,
    ),
    ModelDefect(
        "stale_replica",
        "one of three replicas has an older model",
        "test_determinism.py::test_one_model",
        "of another version",
        5,
        _keep_old_replica,
    ),
)
