"""Square beside the Adversarial Robustness Toolbox's: same inputs, same model, one oracle that counts every row.

The oracle counts a row as a query, notes the first row inside the ball that is misclassified, and ends the search at
1000 rows. Lower robust accuracy at equal rows is the stronger attack; none can get under the exact bound, which a
linear model lets be computed. CPU time includes the model.
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
from harness.core.attack import Distance, Search, Task
from harness.reference.digits import HIGH, make_dataset, train

INPUTS, BUDGET, POINTS = 100, 1000, (100, 500, 1000)
Floats = NDArray[np.float64]
Predict = Callable[[Floats], Floats]


class _Enough(Exception):
    pass


class Oracle:
    """Counts rows and remembers, for each input, how many were sent until the first success."""

    def __init__(self, predict: Predict, x: Floats, y: NDArray[np.int64], eps: float) -> None:
        self.predict, self.x, self.y, self.eps = predict, x, y, eps
        self.sent = np.zeros(len(x), dtype=int)
        self.found = np.full(len(x), BUDGET + 1)

    def ask(self, rows: Floats, inputs: NDArray[np.int64]) -> Floats:
        """The scores of each row; `inputs` says which input it belongs to."""
        scores = self.predict(rows)
        away = np.abs(rows - self.x[inputs]).max(axis=1)
        wrong = (scores.argmax(axis=1) != self.y[inputs]) & (away <= self.eps * (1 + 1e-5))
        for index, changed, bad in zip(inputs.tolist(), away > 1e-4, wrong.tolist(), strict=True):
            self.sent[index] += int(changed)  # the clean row is counted apart
            if bad and self.sent[index] <= BUDGET:
                self.found[index] = min(self.found[index], self.sent[index])
        return scores

    def robust(self) -> list[float]:
        """Robust accuracy at the points."""
        return [float((self.found > rows).mean()) for rows in POINTS]


def own(oracle: Oracle) -> None:
    """All inputs in lock-step, as the suite drives them."""
    distance = Distance(oracle.eps, 0, HIGH)
    searches: dict[int, Search] = {
        index: Square().search(Task(row, distance, (8, 8), BUDGET, (1, index))) for index, row in enumerate(oracle.x)
    }
    wanted = {index: next(search)[0] for index, search in searches.items()}
    while wanted:
        inputs = np.array(list(wanted))
        scores = oracle.ask(np.array([wanted[index] for index in wanted]), inputs)
        right = scores[np.arange(len(inputs)), oracle.y[inputs]]
        scores[np.arange(len(inputs)), oracle.y[inputs]] = -1
        following = {}
        for index, margin in zip(inputs.tolist(), right - scores.max(axis=1), strict=True):
            if oracle.found[index] > BUDGET:
                with contextlib.suppress(StopIteration):
                    following[index] = searches[index].send([float(margin)])[0]
        wanted = following


def peer(oracle: Oracle) -> None:
    """One input at a time, so that no input shares another's window and the budget can end each search."""
    from art.attacks.evasion import SquareAttack
    from art.estimators.classification import BlackBoxClassifierNeuralNetwork

    for index in range(len(oracle.x)):

        def predict(rows: Floats, index: int = index) -> Floats:
            if oracle.found[index] <= BUDGET or oracle.sent[index] >= BUDGET:
                raise _Enough
            return oracle.ask(rows.reshape(len(rows), 64) * HIGH, np.full(len(rows), index))

        model = BlackBoxClassifierNeuralNetwork(predict, (8, 8, 1), 10, channels_first=False, clip_values=(0.0, 1.0))
        np.random.seed(index)
        attack = SquareAttack(
            model, norm=np.inf, max_iter=BUDGET // 3, eps=oracle.eps / HIGH, p_init=0.3, verbose=False
        )
        with contextlib.suppress(_Enough):
            attack.generate(
                (oracle.x[index] / HIGH).reshape(1, 8, 8, 1).astype(np.float32), oracle.y[index : index + 1]
            )


def exact(x: Floats, y: NDArray[np.int64], eps: float) -> float:
    """The share of inputs that no row in the ball misclassifies: for a linear model the corner that is worst for it."""
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
        left, cost = [], []
        for name, attack in (("own", own), ("ART 1.20", peer)):
            oracle = Oracle(predict, x, y, eps)
            began = time.process_time()
            attack(oracle)
            cost.append((time.process_time() - began) / oracle.sent.sum() * 1e6)
            left.append(oracle.robust())
            print(f"eps {eps:4g}/16  {name:9s}{'  '.join(f'{each:.2f}' for each in left[-1])}   {cost[-1]:6.1f} us")
        ratios = "  ".join(f"{a / b:.2f}" if b else " -  " for a, b in zip(*left, strict=True))
        print(f"              own/ART  {ratios}   {cost[0] / cost[1]:6.2f}      exact bound {exact(x, y, eps):.2f}")
        weaker |= any(a > b for a, b in zip(*left, strict=True))
    return int(weaker)


if __name__ == "__main__":
    sys.exit(main())
