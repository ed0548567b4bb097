"""Attacks beside the Adversarial Robustness Toolbox: scikit-learn's digits, a small CNN, equal rows for everybody.

Every attack sees the model through one oracle, which counts rows, records the first misclassified row within the limit
and the nearest one, and ends the search at the budget. With torch the model is a CNN of two convolutions, else a
perceptron of scikit-learn. `python -m benchmarks.attacks gate` times a whole gate on the reference deployment instead.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.core.attack import Attack, Task, find_kind
from harness.core.registry import load_plugin
from harness.core.threat import Distance, Norm
from harness.reference.process import ReferenceProcess

Floats = NDArray[np.float64]
Predict = Callable[[Floats], Floats]
BUDGET = 500


class _SearchEnded(Exception):
    """The budget of an input is spent."""


class Trace:
    """One input's oracle: rows asked so far, rows until the first success within eps, and the nearest success."""

    def __init__(self, predict: Predict, row: Floats, label: int, budget: int, eps: float, norm: Norm) -> None:
        self.predict, self.row, self.label, self.budget = predict, row, label, budget
        self.eps, self.norm = eps, norm
        self.rows, self.success, self.nearest = 0, budget + 1, np.inf
        self.curve: list[tuple[int, float]] = []

    def ask(self, rows: Floats) -> Floats:
        """The scores of these rows; raises when the budget is spent."""
        if self.rows >= self.budget:
            raise _SearchEnded
        scores = self.predict(rows)
        order = {Norm.LINF: np.inf, Norm.L2: 2}[self.norm]
        away = np.linalg.norm(rows - self.row, ord=order, axis=1)
        for number, (wrong, distance) in enumerate(zip(scores.argmax(1) != self.label, away, strict=True), 1):
            place = self.rows + number
            if wrong and place <= self.budget:
                if distance <= self.eps + 1e-5:
                    self.success = min(self.success, place)
                if distance < self.nearest:
                    self.nearest = float(distance)
                    self.curve.append((place, self.nearest))
        self.rows += len(rows)
        return scores

    def measure_at(self, rows: int) -> float:
        """The nearest success among the first rows."""
        return min((distance for place, distance in self.curve if place <= rows), default=np.inf)


def run_ours(attack: Attack, trace: Trace, seed: int, donors: Floats | None = None) -> None:
    """One input; `donors` are real rows that the model answers otherwise."""
    labels = find_kind(attack).reads == "labels"
    distance, rows_to_start = Distance(trace.eps, norm=trace.norm), () if donors is None else tuple(donors)
    task = Task(trace.row.tolist(), distance, (8, 8), trace.budget, (1, seed), donors=rows_to_start)
    search = attack.search(task)
    batch = next(search)
    with contextlib.suppress(StopIteration, _SearchEnded):
        while trace.success > trace.budget:
            rows = np.array([np.asarray(row) for row in batch])[: trace.budget - trace.rows]
            scores = trace.ask(rows)
            if len(rows) < len(batch):
                return
            own = scores[:, trace.label].copy()
            wrong = scores.argmax(1) != trace.label
            scores[:, trace.label] = -1
            margins = np.where(wrong, -1.0, 1.0) if labels else own - scores.max(1)
            batch = search.send(margins.tolist())


def choose_donors(trace: Trace, x: Floats, y: NDArray[np.int64]) -> Floats:
    """The five nearest rows of another label, as the driver gives them."""
    others = x[y != trace.label]
    nearest: Floats = others[np.linalg.norm(others - trace.row, axis=1).argsort()[:5]]
    return nearest


def run_published_rays(trace: Trace) -> None:
    """The authors' code in plain steps: blocks of signs, and bisection to 1e-3 in L2 along the unit ray."""
    size = trace.row.size
    signs, best = np.ones(size), np.inf
    level = block = 0

    def is_wrong(ray: Floats, length: float) -> bool:
        moved = np.clip(trace.row + ray / np.linalg.norm(ray) * min(length, 1e4), 0, 1)
        return bool(trace.ask(moved[None]).argmax(1)[0] != trace.label)

    with contextlib.suppress(_SearchEnded):
        while trace.success > trace.budget:
            length = int(np.ceil(size / 2**level))
            ray = signs.copy()
            ray[block * length : (block + 1) * length] *= -1
            if is_wrong(ray, best):
                near, far = 0.0, min(best, float(np.linalg.norm(ray)))
                while far - near > 1e-3:
                    middle = (near + far) / 2
                    near, far = (near, middle) if is_wrong(ray, middle) else (middle, far)
                if far < best:
                    signs, best = ray, far
            block += 1
            if block * length >= size or block == 2**level:
                block, level = 0, level + 1


def run_art(name: str, trace: Trace, seed: int) -> None:
    """ART's attack on one input."""
    from art.attacks.evasion import HopSkipJump, SquareAttack
    from art.estimators.classification import BlackBoxClassifierNeuralNetwork

    def predict(rows: Floats) -> Floats:
        if trace.success <= trace.budget:
            raise _SearchEnded
        return trace.ask(np.asarray(rows, dtype=np.float64).reshape(len(rows), 64))

    model = BlackBoxClassifierNeuralNetwork(predict, (1, 8, 8), 10, channels_first=True, clip_values=(0.0, 1.0))
    np.random.seed(seed)
    if name == "square":
        attack: Any = SquareAttack(model, norm=np.inf, max_iter=trace.budget, eps=trace.eps, p_init=0.3, verbose=False)
    else:
        attack = HopSkipJump(model, max_iter=60, init_eval=20, verbose=False)
    with contextlib.suppress(_SearchEnded):
        attack.generate(trace.row.reshape(1, 1, 8, 8).astype(np.float32), np.eye(10)[[trace.label]])


def make_model() -> tuple[str, Predict, Floats, NDArray[np.int64]]:
    """The model's name, its scores, and the test rows that it classifies right."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    data = load_digits()
    parts = train_test_split(data.data / 16, data.target, test_size=500, random_state=0, stratify=data.target)
    x, x_test, y, y_test = parts
    try:
        name, predict = "CNN", _train_cnn(x, y)
    except ImportError:
        from sklearn.neural_network import MLPClassifier

        name, predict = "perceptron", MLPClassifier((128, 64), max_iter=400, random_state=0).fit(x, y).predict_proba
    right = predict(x_test).argmax(1) == y_test
    print(f"{name}: {right.mean():.1%} of {len(right)} test digits right")
    return name, predict, x_test[right], y_test[right]


def _train_cnn(x: Floats, y: NDArray[np.int64]) -> Predict:
    import torch
    from torch import nn

    torch.set_num_threads(1)
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * 16, 128), nn.ReLU(), nn.Linear(128, 10))
    rows, labels = torch.tensor(x, dtype=torch.float32).view(-1, 1, 8, 8), torch.tensor(y)
    optimizer, generator = torch.optim.Adam(model.parameters(), 1e-3), torch.Generator().manual_seed(0)
    for _ in range(40):
        for part in torch.randperm(len(rows), generator=generator).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(rows[part]), labels[part]).backward()
            optimizer.step()

    def predict(batch: Floats) -> Floats:
        with torch.inference_mode():
            inputs = torch.tensor(np.asarray(batch), dtype=torch.float32).view(-1, 1, 8, 8)
            return np.asarray(torch.softmax(model(inputs), 1).numpy(), dtype=np.float64)

    return predict


def compare(inputs: int = 100, l2_inputs: int = 100) -> int:
    """Robust accuracy and median distance of each attack at equal rows."""
    warnings.simplefilter("ignore")
    _, predict, x, y = make_model()
    square, rays = (load_plugin("attacks", name).ATTACK for name in ("square", "rays"))
    runs: dict[str, Callable[[Trace, int], None]] = {
        "own square": lambda trace, seed: run_ours(square, trace, seed),
        "ART square": lambda trace, seed: run_art("square", trace, seed),
        "own rays": lambda trace, seed: run_ours(rays, trace, seed),
        "published rays": lambda trace, seed: run_published_rays(trace),
    }
    print(f"robust accuracy of {inputs} digits after {BUDGET} rows, at eps 2, 3 and 4 of 16; CPU us a row")
    for name, run in runs.items():
        accuracies, rows, began = [], 0, time.process_time()
        for eps in (2, 3, 4):
            traces = [Trace(predict, x[i], int(y[i]), BUDGET, eps / 16, Norm.LINF) for i in range(inputs)]
            for seed, trace in enumerate(traces):
                run(trace, seed)
            accuracies.append(np.mean([trace.success > BUDGET for trace in traces]))
            rows += sum(trace.rows for trace in traces)
        cost = (time.process_time() - began) / rows * 1e6
        print(f"  {name:15}" + "  ".join(f"{share:.2f}" for share in accuracies) + f"   {cost:5.0f} us", flush=True)
    jump = load_plugin("attacks", "hop_skip_jump").ATTACK
    print(f"median L2 distance of {l2_inputs} digits after 100, 250, 500 and 1,000 rows")
    l2_runs: dict[str, Callable[[Trace, int], None]] = {
        "own hop_skip_jump": lambda trace, seed: run_ours(jump, trace, seed, choose_donors(trace, x, y)),
        "ART HopSkipJump": lambda trace, seed: run_art("hop_skip_jump", trace, seed),
    }
    for name, run in l2_runs.items():
        traces = [Trace(predict, x[i], int(y[i]), 1000, 0.0, Norm.L2) for i in range(l2_inputs)]
        for seed, trace in enumerate(traces):
            run(trace, seed)
        medians = [np.median([trace.measure_at(rows) for trace in traces]) for rows in (100, 250, 500, 1000)]
        print(f"  {name:18}" + "  ".join(f"{distance:.3f}" for distance in medians), flush=True)
    return 0


CONFIG = """[endpoint]
protocol = "plain_json"
[data]
file = "digits.csv"
shape = [8, 8]
[adversarial]
eps = {eps}
high = 16
budget = {budget}
inputs = 100
attacks = {attacks}
[[objective]]
suite = "adversarial"
metric = "robust_accuracy"
limit = ">= 0.5"
"""


def run_gate(url: str, eps: float, budget: int, attacks: list[str]) -> tuple[float, dict[str, Any]]:
    """Seconds of a whole gate on this endpoint, and what it measured."""
    from harness.reference.digits import make_dataset

    with tempfile.TemporaryDirectory() as folder:
        rows, labels = make_dataset(7, 140)
        lines = [",".join(["label", *(f"p{i}" for i in range(64))])]
        lines += [",".join(f"{value:g}" for value in (label, *row)) for row, label in zip(rows, labels, strict=True)]
        Path(folder, "digits.csv").write_text("\n".join(lines) + "\n")
        text = CONFIG.format(eps=eps, budget=budget, attacks=json.dumps(attacks))
        Path(folder, "aiharness.toml").write_text(text)
        command = [sys.executable, "-m", "harness", "gate", "--ai-suite=adversarial", "--ai-only-packaged"]
        began = time.perf_counter()
        subprocess.run(
            [*command, f"--ai-endpoint={url}", "--ai-run-dir=run"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
            stdout=subprocess.DEVNULL,
            check=False,
        )
        seconds = time.perf_counter() - began
        results = {path.stem: json.loads(path.read_text()) for path in Path(folder, "run/adversarial").glob("*.json")}
    return seconds, results


def measure_gate() -> int:
    """A gate of 100 inputs, Square and RayS, 500 rows each, on the reference deployment."""
    with ReferenceProcess() as service:
        seconds, results = run_gate(service.url, 1.0, BUDGET, ["square", "rays"])
    for name, result in results.items():
        print(f"{name}: rows {result['rows']}")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = used.ru_utime + used.ru_stime
    print(f"whole gate: {seconds:.1f} s (wanted: under 60 s); {cpu:.1f} s of CPU, the service included")
    return int(seconds >= 60)


def main() -> int:
    """The comparison, or what the first argument names."""
    wanted = sys.argv[1] if len(sys.argv) > 1 else "compare"
    return {"compare": compare, "gate": measure_gate}[wanted]()


if __name__ == "__main__":
    sys.exit(main())
