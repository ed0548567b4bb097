"""Our Square attack beside that of the Adversarial Robustness Toolbox: same inputs, same model, same oracle.

The oracle counts each row as a query, records the first misclassified row inside the ball, and ends a search after
1000 rows. A lower robust accuracy after equally many rows means a stronger attack; no attack can go below the exact
bound, which can be computed for a linear model. CPU time includes the model.
"""

from __future__ import annotations

import contextlib
import sys
import time
import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from harness.attacks.square import Square
from harness.core.attack import Search, Task
from harness.core.threat import Distance
from harness.reference.digits import HIGH, make_dataset, train

INPUTS, BUDGET, POINTS = 100, 1000, (100, 500, 1000)
Floats = NDArray[np.float64]
Predict = Callable[[Floats], Floats]


class _SearchEnded(Exception):
    pass


class Oracle:
    """Counts the rows of each input, and how many of them were sent until the first success."""

    def __init__(self, predict: Predict, x: Floats, y: NDArray[np.int64], eps: float) -> None:
        self.predict, self.x, self.y, self.eps = predict, x, y, eps
        self.counts = np.zeros(len(x), dtype=int)
        self.successes = np.full(len(x), BUDGET + 1)

    def ask(self, rows: Floats, inputs: NDArray[np.int64]) -> Floats:
        """The scores of each row; `inputs` has the input of each row."""
        scores = self.predict(rows)
        away = np.abs(rows - self.x[inputs]).max(axis=1)
        wrong = (scores.argmax(axis=1) != self.y[inputs]) & (away <= self.eps * (1 + 1e-5))
        for index, changed, bad in zip(inputs.tolist(), away > 1e-4, wrong.tolist(), strict=True):
            self.counts[index] += int(changed)  # the unchanged row does not count
            if bad and self.counts[index] <= BUDGET:
                self.successes[index] = min(self.successes[index], self.counts[index])
        return scores

    def measure_robustness(self) -> list[float]:
        """Robust accuracy after the number of rows at each point."""
        return [float((self.successes > rows).mean()) for rows in POINTS]


def attack_with_ours(oracle: Oracle) -> None:
    """All inputs at the same time, as the suite does it."""
    distance = Distance(oracle.eps, 0, HIGH)
    searches: dict[int, Search] = {
        index: Square().search(Task(row, distance, (8, 8), BUDGET, (1, index))) for index, row in enumerate(oracle.x)
    }
    rows = {index: next(search)[0] for index, search in searches.items()}
    while rows:
        inputs = np.array(list(rows))
        scores = oracle.ask(np.array(list(rows.values())), inputs)
        right = scores[np.arange(len(inputs)), oracle.y[inputs]]
        scores[np.arange(len(inputs)), oracle.y[inputs]] = -1
        following = {}
        for index, margin in zip(inputs.tolist(), right - scores.max(axis=1), strict=True):
            if oracle.successes[index] > BUDGET:
                with contextlib.suppress(StopIteration):
                    following[index] = searches[index].send([float(margin)])[0]
        rows = following


def attack_with_art(oracle: Oracle) -> None:
    """One input at a time, so that each has its own window and the budget can end each search."""
    from art.attacks.evasion import SquareAttack
    from art.estimators.classification import BlackBoxClassifierNeuralNetwork

    for index in range(len(oracle.x)):

        def predict(rows: Floats, index: int = index) -> Floats:
            if oracle.successes[index] <= BUDGET or oracle.counts[index] >= BUDGET:
                raise _SearchEnded
            return oracle.ask(rows.reshape(len(rows), 64) * HIGH, np.full(len(rows), index))

        model = BlackBoxClassifierNeuralNetwork(predict, (8, 8, 1), 10, channels_first=False, clip_values=(0.0, 1.0))
        np.random.seed(index)
        attack = SquareAttack(
            model, norm=np.inf, max_iter=BUDGET // 3, eps=oracle.eps / HIGH, p_init=0.3, verbose=False
        )
        with contextlib.suppress(_SearchEnded):
            attack.generate(
                (oracle.x[index] / HIGH).reshape(1, 8, 8, 1).astype(np.float32), oracle.y[index : index + 1]
            )


def compute_exact_bound(x: Floats, y: NDArray[np.int64], eps: float) -> float:
    """The share of inputs without a misclassified row in the ball; for a linear model its worst corner decides."""
    model = train(0)
    low, high = np.maximum(x - eps, 0), np.minimum(x + eps, HIGH)
    robust = np.ones(len(x), dtype=bool)
    for other in range(10):
        lead = (model.weights[:, y] - model.weights[:, [other]]).T / HIGH
        worst = np.minimum(lead * low, lead * high).sum(axis=1) + model.bias[y] - model.bias[other]
        robust &= (worst >= 0) | (y == other)
    return float(robust.mean())


def main() -> int:
    warnings.simplefilter("ignore")
    predict = train(0).predict_proba
    x, y = make_dataset(99, 2 * INPUTS)
    right = predict(x).argmax(axis=1) == y
    x, y = x[right][:INPUTS], y[right][:INPUTS]
    weaker = False
    print(f"{INPUTS} digits, robust accuracy after {', '.join(map(str, POINTS))} rows; CPU per row")
    for eps in (0.75, 1.0, 1.5):
        accuracies, cost = [], []
        for name, attack in (("own", attack_with_ours), ("ART 1.20", attack_with_art)):
            oracle = Oracle(predict, x, y, eps)
            began = time.process_time()
            attack(oracle)
            cost.append((time.process_time() - began) / oracle.counts.sum() * 1e6)
            accuracies.append(oracle.measure_robustness())
            shares = "  ".join(f"{share:.2f}" for share in accuracies[-1])
            print(f"eps {eps:4g}/16  {name:9s}{shares}   {cost[-1]:6.1f} us")
        ratios = "  ".join(f"{ours / art:.2f}" if art else " -  " for ours, art in zip(*accuracies, strict=True))
        bound = compute_exact_bound(x, y, eps)
        print(f"              own/ART  {ratios}   {cost[0] / cost[1]:6.2f}      exact bound {bound:.2f}")
        weaker |= any(ours > art for ours, art in zip(*accuracies, strict=True))
    return int(weaker)


if __name__ == "__main__":
    sys.exit(main())
