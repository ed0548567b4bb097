"""The rows whose answer changed from the baseline's: newly wrong, newly right, and how the shares of classes shifted.

Tested in tests/run/test_row_comparison.py.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.core.dataset import Dataset
from harness.core.objective import Profile
from harness.core.plan import PlannedCheck
from harness.core.tolerance import Tolerance
from harness.core.verdict import Counterexample, Verdict, make_inconclusive
from harness.core.visible_text import fold_line
from harness.metrics.answered_rows import Flags
from harness.run.paired_rows import PairedRows, name_predictions
from harness.run.share_judging import judge_share

_MOST_ROWS, _EXAMPLES = 20, 3
_CLOSE = 1e-6
"""By what share of themselves numbers may differ where no tolerance is configured: another order of additions."""


FLIPS = "validation/flips.csv"
"""The file of the run directory with every row whose answer changed."""
_KINDS = ("newly wrong", "newly right", "wrong in another way")
_HEAD = ("row", "label", "baseline", "endpoint", "change")


@dataclass(frozen=True, slots=True)
class Flips:
    """The rows whose class changed: their places in the data, by kind, in the order in which they were asked.

    `changes` are the lines of `FLIPS`; `shift` says how the shares of the answered classes differ.
    """

    n: int
    rows: Mapping[str, Sequence[int]]
    changes: tuple[tuple[str, ...], ...]
    shift: str

    def describe(self) -> str:
        """What happened to the rows, in one clause."""
        wrong, right, _ = (len(self.rows[kind]) for kind in _KINDS)
        return f"of {self.n} rows {wrong} are newly wrong and {right} newly right"

    def list_notes(self) -> list[str]:
        """The rows by number, and the shift of the predictions."""
        notes = [f"{len(self.changes)} of {self.n} predictions differ; {self.shift}"]
        for kind in _KINDS[:2]:
            rows = self.rows[kind]
            if len(rows):
                notes.append(f"{kind}: {_list_rows(rows)}")
        return notes

    def show(self, data: Dataset) -> tuple[Counterexample, ...]:
        """The first rows that are newly wrong."""
        examples: list[Counterexample] = []
        for row, label, before, now, kind in self.changes:
            if kind == _KINDS[0] and len(examples) < _EXAMPLES:
                answers = f"was answered {before!r} by the baseline and is answered {now!r}"
                shown = fold_line(repr(data.inputs[int(row)]), 200)
                examples.append(Counterexample(f"row {row}, labelled {label!r}, {answers}: {shown}"))
        return tuple(examples)

    def write_csv(self) -> bytes:
        """The content of `FLIPS`."""
        page = io.StringIO()
        csv.writer(page).writerows([_HEAD, *self.changes])
        return page.getvalue().encode("utf-8", "replace")


def _list_rows(rows: Sequence[int]) -> str:
    shown = f"rows {', '.join(map(str, rows[:_MOST_ROWS]))}"
    if len(rows) > _MOST_ROWS:
        shown += f" and {len(rows) - _MOST_ROWS} more"
    return shown


def list_flips(pairs: PairedRows) -> Flips:
    """The rows of classes whose answer changed."""
    ours, theirs = name_predictions(pairs.ours), name_predictions(pairs.theirs)
    labels = np.array(pairs.ours.classes)[pairs.ours.labels]
    kinds = np.where(ours == labels, _KINDS[1], np.where(theirs == labels, _KINDS[0], _KINDS[2]))
    changed = np.flatnonzero(ours != theirs)
    columns = (pairs.ours.numbers, labels, theirs, ours, kinds)
    changes = tuple(zip(*(map(str, column[changed]) for column in columns), strict=True))
    rows = {kind: pairs.ours.numbers[changed][kinds[changed] == kind].tolist() for kind in _KINDS}
    return Flips(len(pairs), rows, changes, _describe_shift(ours, theirs))


def _describe_shift(ours: NDArray[np.str_], theirs: NDArray[np.str_]) -> str:
    """How the shares of the answered classes differ: the total variation, and the class with the largest change."""
    names, codes = np.unique(np.concatenate([ours, theirs]), return_inverse=True)
    now, before = (np.bincount(part, minlength=len(names)) / len(ours) for part in np.split(codes, 2))
    shifts = np.abs(now - before)
    if not shifts.any():
        return "the classes have the same shares"
    most = int(shifts.argmax())
    change = f"most so {names[most] or 'no class'}, from {before[most] * 100:.3g} to {now[most] * 100:.3g} %"
    return f"the shares of the classes shift by {shifts.sum() * 50:.3g} points, {change}"


def judge_changed(
    pairs: PairedRows, limit: float, tolerance: Tolerance, check: PlannedCheck, profile: Profile
) -> Verdict:
    """Whether at most the limit of the rows are answered otherwise than by the baseline, right or wrong.

    Numbers differ that are further apart than the tolerance. A row without an answer is answered otherwise; one that
    was declined with 429 is not judged.
    """
    if pairs.problem or not len(pairs):
        return pairs.explain_problem()
    if pairs.ours.vectors is not None:
        return make_inconclusive("vectors are compared by figures, not by rows", n=0)
    is_judged = ~pairs.ours.declined
    if not is_judged.any():
        return make_inconclusive("every row was declined with 429", n=0)
    changed = _find_changed(pairs, tolerance) & is_judged
    numbers = pairs.ours.numbers[changed].tolist()
    k, n = len(numbers), int(is_judged.sum())
    notes = list(pairs.notes)
    examples = []
    if numbers:
        notes.append(f"answered otherwise: {_list_rows(numbers)}")
        examples.append(Counterexample(f"row {numbers[0]} is answered otherwise than by the baseline"))
    what, holds = "rows are answered otherwise than by the baseline", f"{n} rows are answered as by the baseline"
    return judge_share(k, n, limit, check, profile, what=what, holds=holds, examples=examples, notes=notes)


def _find_changed(pairs: PairedRows, tolerance: Tolerance) -> Flags:
    """Which rows are answered otherwise, a failed one always."""
    if pairs.ours.classes:
        return np.asarray(name_predictions(pairs.ours) != name_predictions(pairs.theirs)) | pairs.ours.failed
    ours, theirs = pairs.ours.predictions, pairs.theirs.predictions
    allowed = (tolerance.absolute or 0.0) + (tolerance.relative or _CLOSE) * np.abs(theirs)
    return np.asarray(np.abs(ours - theirs) > allowed) | pairs.ours.failed
