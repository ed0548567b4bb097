from __future__ import annotations

import numpy as np
import pytest

from harness.reference.digits import FEATURES, HIGH, LOW, make_dataset, train


def test_data_have_the_form_of_load_digits() -> None:
    features, labels = make_dataset(3, 500)
    assert features.shape == (500, FEATURES)
    assert labels.shape == (500,)
    assert features.min() >= LOW
    assert features.max() <= HIGH
    assert np.array_equal(features, np.round(features))
    assert np.bincount(labels).tolist() == [50] * 10


def test_data_are_those_of_the_seed() -> None:
    first, second, other = make_dataset(3, 50), make_dataset(3, 50), make_dataset(4, 50)
    assert np.array_equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])
    assert not np.array_equal(first[0], other[0])


def test_training_is_repeatable() -> None:
    again = train.__wrapped__(0)
    assert np.array_equal(train(0).weights, again.weights)


@pytest.mark.parametrize("seed", [0, 1])
def test_held_out_accuracy_and_calibration(seed: int) -> None:
    features, labels = make_dataset(seed + 1000, 4000)
    probabilities = train(seed).predict_proba(features)
    assert probabilities.sum(axis=1) == pytest.approx(1)
    right = probabilities.argmax(axis=1) == labels
    assert 0.95 < right.mean() < 0.985
    assert abs(probabilities.max(axis=1).mean() - right.mean()) < 0.02
    assert min(right[labels == digit].mean() for digit in range(10)) > 0.9
