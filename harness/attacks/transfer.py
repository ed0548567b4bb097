"""Transfer: gradients of a surrogate that is distilled from the endpoint's own answers; each candidate is verified.

Papernot et al. (AsiaCCS 2017) distil the surrogate, Dong et al. (CVPR 2018) climb with momentum (MI-FGSM). Few
rows are sent for an input, after some hundred for the surrogate. Needs torch.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.core.attack import AttackKind, Prediction, Row, Search, Task
from harness.core.errors import UsageError

_STEPS, _MOMENTUM, _EPOCHS, _WIDTH = 40, 0.9, 150, 128
_UNSEEN = 5
"""One row in so many is kept from the surrogate, to see how well it agrees."""


@dataclass(frozen=True, slots=True)
class Surrogate:
    """A torch module, the labels in the order of its outputs, and the scale of its inputs."""

    module: Any
    labels: tuple[str, ...]
    center: NDArray[np.float64]
    spread: NDArray[np.float64]

    def predict(self, rows: NDArray[np.float64]) -> NDArray[np.int64]:
        """The places of the surrogate's labels."""
        torch = _import_torch()
        with torch.no_grad():
            outputs = self.module(self.scale(torch.tensor(rows, dtype=torch.float32)))
        return np.asarray(outputs.argmax(1).numpy())

    def scale(self, rows: Any) -> Any:
        """The rows as the module takes them."""
        torch = _import_torch()
        center, spread = torch.tensor(np.stack([self.center, self.spread]), dtype=torch.float32)
        return (rows - center) / spread


def prepare(rows: Sequence[Row], replies: Sequence[Prediction | None], seed: int) -> tuple[Surrogate | None, float]:
    """Distil a surrogate from the answers; returns it with the share of unseen rows on which it agrees.

    None where fewer than two labels were answered. Raises `UsageError` without torch.
    """
    answers = [None if reply is None else str(reply.label).strip() for reply in replies]
    answered = [place for place, answer in enumerate(answers) if answer is not None]
    x = np.array([list(rows[place]) for place in answered], dtype=np.float64)
    y = np.array([answers[place] for place in answered], dtype=np.str_)
    unseen = np.arange(len(x)) % _UNSEEN == 0
    surrogate = distil(x[~unseen], y[~unseen], seed)
    if surrogate is None:
        return None, 0.0
    return surrogate, float(np.mean(np.array(surrogate.labels)[surrogate.predict(x[unseen])] == y[unseen]))


def distil(rows: NDArray[np.float64], answers: NDArray[np.str_], seed: int) -> Surrogate | None:
    """A surrogate of these rows, shape (n, width), and their answers; None where there are fewer than two answers.

    Raises `UsageError` without torch.
    """
    torch = _import_torch()
    names, codes = np.unique(answers, return_inverse=True)
    labels = tuple(map(str, names))
    if len(labels) < 2:
        return None
    # Threads that wait for one another take thirty times as long on a busy machine, and gain little on such a network.
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    layers = torch.nn
    module = layers.Sequential(
        layers.Linear(rows.shape[1], _WIDTH),
        layers.ReLU(),
        layers.Linear(_WIDTH, _WIDTH),
        layers.ReLU(),
        layers.Linear(_WIDTH, len(labels)),
    )
    torch.set_rng_state(state)
    surrogate = Surrogate(module, labels, rows.mean(axis=0), rows.std(axis=0) + 1e-2 * (np.ptp(rows) or 1.0))
    inputs, targets = surrogate.scale(torch.tensor(rows, dtype=torch.float32)), torch.tensor(codes)
    optimizer = torch.optim.Adam(module.parameters(), lr=3e-3, weight_decay=1e-4)
    for _ in range(_EPOCHS):
        optimizer.zero_grad()
        layers.functional.cross_entropy(module(inputs), targets).backward()
        optimizer.step()
    torch.set_num_threads(threads)
    return surrogate


class Transfer:
    """The attack."""

    name = "transfer"
    title = "transfer from a torch surrogate (L-infinity, from labels)"
    kind = AttackKind(reads="labels", prepares=True)

    def search(self, task: Task) -> Search:
        """One row for each random start of the climb; the first starts at the input itself."""
        surrogate: Surrogate | None = task.model
        if surrogate is None:
            return
        random = np.random.default_rng(task.seed)
        original = np.asarray(task.row, dtype=np.float64)
        eps, low, high = task.distance.eps, task.distance.low, task.distance.high
        for turn in range(task.budget):
            start = original + (random.uniform(-eps, eps, original.size) if turn else 0.0)
            yield (_climb(surrogate, original, start, (eps, low, high)),)


def _climb(
    surrogate: Surrogate, original: NDArray[np.float64], start: NDArray[np.float64], box: tuple[float, float, float]
) -> NDArray[np.float64]:
    """The row in the ball at which the surrogate's margin of its own label is least, by ascent with momentum."""
    torch = _import_torch()
    eps, low, high = box
    label = int(surrogate.predict(original[None])[0])
    least, most = np.maximum(original - eps, low), np.minimum(original + eps, high)
    row, speed = np.clip(start, least, most), np.zeros_like(original)
    for _ in range(_STEPS):
        leaf = torch.tensor(row[None], dtype=torch.float32, requires_grad=True)
        outputs = surrogate.module(surrogate.scale(leaf))[0]
        others = torch.cat((outputs[:label], outputs[label + 1 :]))
        (gradient,) = torch.autograd.grad(others.max() - outputs[label], leaf)
        slope = gradient[0].double().numpy()
        speed = _MOMENTUM * speed + slope / (np.abs(slope).mean() + 1e-12)
        row = np.clip(row + 2.5 * eps / _STEPS * np.sign(speed), least, most)
    return row


def _import_torch() -> Any:
    try:
        return importlib.import_module("torch")
    except ImportError:
        raise UsageError("attack 'transfer' needs torch: pip install 'aiharness[torch]'") from None


ATTACK = Transfer()
