"""What an attack left of its inputs: the record that a run keeps, and the figures that are drawn from it.

Tested in tests/robustness/test_robust_accuracy.py.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.core.verdict import Counterexample, Slice
from harness.run.rate_judging import make_slice
from harness.stats.intervals import clopper_pearson_lower, clopper_pearson_upper
from harness.stats.median import bound_median


@dataclass(frozen=True, slots=True)
class InputOutcome:
    """One input at the end: its place in the data, its state, the rows sent for it, and its distances.

    `distance` is that of its confirmed finding, `closest` that of the nearest misclassified row, also of one beyond the
    limit; None where there is none. `flaky`: a finding was not repeated.
    """

    number: int
    state: str
    queries: int = 0
    distance: float | None = None
    closest: float | None = None
    flaky: bool = False


@dataclass(frozen=True, slots=True)
class AttackedInputs:
    """What an attack left of its inputs: the content of `adversarial/ATTACK.json`.

    `attack` names what was tried, `limit` is the threat model in words. `unmoved` counts inputs that held though no row
    changed their margin, `lost` says how the first lost row ended. `masked` says why the scores hide what a row
    changes, `rows` how many were sent for which purpose. `unattackable` says why no input could be attacked; `mismatch`
    why no label was ever answered, in which case the most generous reading calls `readable` inputs right. `named` has,
    for an attack that always sends the same changes, the inputs that each broke. `budget` is the most rows an input.
    """

    attack: str = ""
    limit: str = ""
    digest: str = ""
    outcomes: tuple[InputOutcome, ...] = ()
    unmoved: int = 0
    lost: str = ""
    declined: int = 0
    masked: str = ""
    rows: Mapping[str, int] = field(default_factory=dict)
    examples: tuple[Counterexample, ...] = ()
    unattackable: str = ""
    mismatch: str = ""
    readable: int = 0
    named: tuple[tuple[str, int, int], ...] = ()
    notes: tuple[str, ...] = ()
    budget: int = 0

    def count(self) -> Counter[str]:
        """How many inputs are in each state."""
        return Counter(outcome.state for outcome in self.outcomes)


_STEPS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
"""Rows an input at which the curve is drawn."""
_HELD = ("robust", "unfinished", "lost")


def draw_query_curve(outcomes: Sequence[InputOutcome], alpha: float) -> tuple[Slice, ...]:
    """Robust accuracy after so many rows an input; the last row of the longest search is always on it."""
    longest = max(outcome.queries for outcome in outcomes)
    slices = []
    for rows in sorted({*(step for step in _STEPS if step < longest), longest}):
        broken = sum(outcome.state not in _HELD and outcome.queries <= rows for outcome in outcomes)
        slices.append(make_slice(f"after {rows} rows", broken, len(outcomes), alpha))
    return tuple(slices)


_PARTS = 10
"""Equal steps of the distance at which its curve is drawn."""


def draw_distance_curve(outcomes: Sequence[InputOutcome], alpha: float) -> tuple[Slice, ...]:
    """Robust accuracy within a distance, from 0 to that of the farthest confirmed finding; nothing without findings.

    What an attack did not find nearer may exist: it is at most so high.
    """
    known: list[float] = []
    wrong = 0
    for outcome in outcomes:
        wrong += outcome.state == "wrong"
        if outcome.state == "confirmed":
            known.append(math.nan if outcome.distance is None else outcome.distance)
    if not known or not all(map(math.isfinite, known)) or max(known) <= 0:
        return ()
    slices = []
    for part in range(_PARTS + 1):
        reach = _round_up(max(known) * part / _PARTS)
        broken = wrong + sum(part > 0 and distance <= reach for distance in known)
        slices.append(make_slice(f"within {reach:g}", broken, len(outcomes), alpha))
    return tuple(slices)


def _round_up(value: float) -> float:
    """At least the value, with four digits."""
    rounded = float(f"{value:.4g}")
    return rounded if rounded >= value else float(f"{value * 1.0005:.4g}")


def describe_success(inputs: AttackedInputs, alpha: float) -> list[str]:
    """Success rate at the budget, and the medians of rows and distance over successes, with bounds at alpha each."""
    count = inputs.count()
    attacked = count["confirmed"] + count["robust"]
    if not attacked:
        return []
    k = count["confirmed"]
    low, high = clopper_pearson_lower(k, attacked, alpha), clopper_pearson_upper(k, attacked, alpha)
    lines = [f"{inputs.attack}: success on {k} of {attacked} attacked inputs ({low:.1%} to {high:.1%} at 95 % a side)"]
    confirmed = [outcome for outcome in inputs.outcomes if outcome.state == "confirmed"]
    closest = [outcome.closest for outcome in inputs.outcomes if outcome.closest is not None]
    figures = (
        ("rows until success", [float(outcome.queries) for outcome in confirmed]),
        ("distance of the findings", [outcome.distance for outcome in confirmed if outcome.distance is not None]),
        ("distance of the nearest wrong row, within the limit or not", closest),
    )
    for what, values in figures:
        if values:
            lines.append(f"median {what}: {_describe_median(values, alpha)}, over {len(values)} inputs")
    return lines


def _describe_median(values: Sequence[float], alpha: float) -> str:
    ordered = sorted(values)
    middle = (ordered[(len(values) - 1) // 2] + ordered[len(values) // 2]) / 2
    low, high = bound_median(values, alpha)
    if low is None or high is None:
        return f"{middle:.4g} (too few for bounds)"
    return f"{middle:.4g} ({low:.4g} to {high:.4g})"


def unite(results: Sequence[AttackedInputs]) -> AttackedInputs:
    """All attacks as one: an input is broken if one of them broke it, and robust only if none did and none lost it.

    What held proves nothing where it does for each of them. Distances are kept where all have one limit.
    """
    has_one_distance = len({result.limit for result in results}) == 1
    ranks = ("confirmed", "wrong", "lost", "unfinished", "robust")
    united = []
    for outcomes in zip(*(result.outcomes for result in results), strict=True):
        best = min(outcomes, key=lambda outcome: (ranks.index(outcome.state), outcome.queries))
        nearest = min((one.distance for one in outcomes if one.distance is not None), default=None)
        united.append(replace(best, distance=nearest if has_one_distance else None))
    return AttackedInputs(
        attack=" and ".join(dict.fromkeys(result.attack for result in results)),
        limit="; ".join(dict.fromkeys(result.limit for result in results)),
        outcomes=tuple(united),
        unmoved=min(result.unmoved for result in results),
        lost=next(filter(None, (result.lost for result in results)), ""),
        declined=sum(outcome.state == "lost" for outcome in united),
        masked=results[0].masked if all(result.masked for result in results) else "",
        examples=tuple(example for result in results for example in result.examples[:2]),
        rows=sum((Counter(result.rows) for result in results), Counter()),
    )
