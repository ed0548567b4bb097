"""What the figures of validation can see: by how much a model must miss its limit for a FAIL, at sizes that ship.

`python -m benchmarks.validation_power [METRIC ...]` prints the table which `make generate` writes. Each cell is the
reach of the bound that decides FAIL, as `judge_figure` uses it, over three simulated data sets of a model that is
right in about four of five rows (of gaps and calibration one that is unfair and over-confident): a miss by the reach
FAILs in half of all runs, and by the reach and .84 standard errors in eight of ten.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np

from harness.core.verdict import ALPHA
from harness.metrics.answered_rows import NO_CLASS, AnsweredRows, make_answered_rows
from harness.metrics.quality_metric import Aim, QualityMetric, list_metrics
from harness.run.quality import compute_misses_seen

SIZES, DATA_SETS, GROUPS = (200, 1000, 5000), 3, ("f", "m")
AIM = Aim(k=5, by=("sex",), limit=0.1)


def draw_rows(metric: QualityMetric, n: int, seed: int) -> AnsweredRows:
    """Rows of the form that the metric needs: two classes (ten for top-k) and two groups; numbers; vectors."""
    generator = np.random.default_rng((n, seed))
    if "numbers" in metric.needs:
        labels = generator.normal(0, 1, n)
        return make_answered_rows(labels, labels + generator.normal(0, 0.5, n))
    if "vectors" in metric.needs:
        places = generator.integers(0, 20, n)
        vectors = generator.normal(size=(20, 16))[places] + generator.normal(0, 0.8, (n, 16))
        names = tuple(map(str, range(20)))
        return make_answered_rows(places, np.full(n, NO_CLASS), classes=names, vectors=vectors)
    count = 10 if metric.metric.name == "top_k" else 2
    logits = generator.normal(0, 1.5, (n, count))
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    places = (chances.cumsum(axis=1) < generator.random((n, 1))).sum(axis=1)
    sex, predictions = generator.choice(GROUPS, n), chances.argmax(axis=1)
    if metric.compares_groups or metric.metric.name == "ece":  # a bound that ends at 0 would show no reach
        predictions = np.where((sex == "f") & (chances[:, 0] > 0.1), 0, predictions)
        chances = chances**4 / (chances**4).sum(axis=1, keepdims=True)
    classes = tuple(map(str, range(count)))
    return make_answered_rows(places, predictions, classes=classes, scores=chances, columns={"sex": sex})


def measure_reach(metric: QualityMetric, n: int) -> tuple[float, float]:
    """The misses that FAIL in half of all runs, and in eight of ten."""
    reaches = []
    for seed in range(DATA_SETS):
        prepared = metric.prepare(draw_rows(metric, n, seed), AIM)
        low, high = prepared.find_bounds((ALPHA, ALPHA), seed)
        reaches.append(compute_misses_seen(prepared.estimate, high if metric.metric.direction == ">=" else low, ALPHA))
    half, most = np.mean(reaches, axis=0)
    return float(half), float(most)


def format_head() -> str:
    """The first two lines of the table."""
    return f"| metric | {' | '.join(f'n = {n:,}' for n in SIZES)} |\n|---|" + "---|" * len(SIZES) + "\n"


def format_table(names: Sequence[str] = ()) -> str:
    """The table of these metrics, or of all, as Markdown."""
    lines = [format_head().rstrip()]
    for metric in list_metrics():
        if names and metric.metric.name not in names:
            continue
        cells = ["{:.2g} / {:.2g}".format(*measure_reach(metric, n)) for n in SIZES]
        lines.append(f"| `{metric.metric.name}` | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(format_table(sys.argv[1:]), end="")
