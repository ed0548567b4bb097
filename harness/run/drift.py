"""Whether inputs or answers are distributed otherwise than in a reference sample, and by how much.

FAIL refutes "at most the limit" for a column, after Benjamini and Hochberg's correction for all of them, and "no drift
at all" by permutation. PASS refutes "twice the limit" for every column.

Tested in tests/suites/validation/test_drift.py.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from harness.core.dataset import Dataset
from harness.core.drift import DriftSettings
from harness.core.measurement import Measurement, Scope
from harness.core.plan import Cost
from harness.core.verdict import ALPHA, Slice, Status, Verdict, make_inconclusive
from harness.metrics.answered_rows import NO_CLASS, AnsweredRows, make_answered_rows
from harness.metrics.input_columns import InputColumn, code_columns, describe_change, list_input_columns
from harness.run.answered_rows import build_answered_rows, read_batches
from harness.run.gate_run import GateRun
from harness.run.labelled_rows import LabelledRows, ask_labelled_rows, choose_rows, compute_row_cost
from harness.run.session import Session
from harness.run.worst_slice import FEWEST_ROWS
from harness.stats.drift import DriftMeasure, Effect, adjust_by_rank, compute_permutation_p, measure_drift
from harness.stats.kernel_distance import FEWEST_VECTORS, measure_kernel_distance
from harness.stats.resampling import Values, compute_rows_needed

REFERENCE_ANSWERS = "validation/reference-answers.jsonl"
"""The file of the run directory with the answers to the rows of the reference sample."""
_MOST_ROWS, _MOST_PERMUTATIONS, _MOST_SLICES, _MOST_NAMED, _TOLERANCE = 10_000, 20_000, 40, 5, 2.0
_TITLES = {"psi": "PSI", "ks": "KS distance", "cramers_v": "Cramer's V", "mmd": "kernel distance"}


class Compared(NamedTuple):
    """A column of both samples with its effect, and what changed in words."""

    name: str
    effect: Effect
    change: str

    @property
    def words(self) -> str:
        """The effect and the change."""
        return f"{_TITLES[self.effect.measure]} of {self.name} {self.effect.estimate:.3g} ({self.change})"

    def show(self, n: int) -> Slice:
        """The effect over n rows, as a part of the verdict."""
        return Slice(self.name, n, self.effect.estimate, (self.effect.lower, self.effect.upper))


def compare_columns(
    reference: Mapping[str, InputColumn], current: Mapping[str, InputColumn], settings: DriftSettings, seed: int
) -> list[Compared]:
    """Each column of both with its effect, whose p is also that of a permutation where it could decide."""
    compared: list[Compared] = []
    candidates = []
    for name, column in current.items():
        coded = code_columns(reference[name], column)
        measure = _choose_measure(settings, coded.ranks is not None)
        effect = measure_drift(coded, measure, settings.limit, ALPHA)
        if effect.p <= ALPHA:
            candidates.append((len(compared), coded))
        compared.append(Compared(name, effect, describe_change(reference[name], column)))
    permutations = 99 + math.ceil(2 * len(compared) / (ALPHA * max(1, len(candidates))))
    for place, coded in candidates:
        effect = compared[place].effect
        p = compute_permutation_p(coded, effect.measure, min(_MOST_PERMUTATIONS, permutations), seed)
        compared[place] = compared[place]._replace(effect=replace(effect, p=max(p, effect.p)))
    return compared


def _choose_measure(settings: DriftSettings, has_ranks: bool) -> DriftMeasure:
    if settings.measure == "psi":
        return "psi"
    return "ks" if has_ranks else "cramers_v"


def compare_vectors(reference: Values, current: Values, settings: DriftSettings, seed: int) -> list[Compared]:
    """Both samples of vectors, as one column."""
    if reference.shape[1] != current.shape[1]:
        change = f"vectors have {current.shape[1]} numbers, and had {reference.shape[1]}"
        return [Compared("vectors", Effect("mmd", 1.0, 1.0, 1.0, 0.0), change)]
    effect = measure_kernel_distance(reference, current, settings.vector_limit, ALPHA, seed)
    return [Compared("vectors", effect, f"of {reference.shape[1]} numbers each")]


def judge_drift(
    compared: Sequence[Compared], sizes: tuple[int, int], limit: float, what: str, notes: tuple[str, ...]
) -> Verdict:
    """The verdict over all columns; `sizes` are the rows of the reference and of the others, `what` they are of."""
    adjusted = adjust_by_rank([column.effect.p for column in compared])
    ranked = sorted(zip(adjusted, compared, strict=True), key=lambda pair: (pair[0], -pair[1].effect.estimate))
    drifted = [column for p, column in ranked if p <= ALPHA]
    loosened, worst = limit * _TOLERANCE, ranked[0][1]
    if not drifted:
        worst = max(compared, key=lambda column: column.effect.upper)
    effect, needed = worst.effect, None
    if drifted:
        status, reason = Status.FAIL, f"{what} have drifted in {_name_columns(drifted, len(compared))}; {worst.words}"
        reason += f", over {limit:g}"
    elif effect.upper < loosened:
        status, reason = Status.PASS, f"{what} have not drifted by {loosened:g} in any of {len(compared)} columns"
        reason += f"; the most is {worst.words}"
    else:
        status, reason = Status.INCONCLUSIVE, f"{min(sizes)} rows do not show whether {what} have drifted"
        reason += f": {worst.words} may be up to {effect.upper:.3g}"
        needed = compute_rows_needed(min(sizes), effect.estimate, effect.upper, ALPHA, loosened)
    size = f"{sizes[1]} rows against {sizes[0]} of the reference; both stand for their populations"
    return Verdict(
        status,
        reason,
        metric=_TITLES[effect.measure],
        unit="",
        direction="<=",
        estimate=effect.estimate,
        ci=(effect.lower, effect.upper),
        confidence=1 - ALPHA,
        method=f"bounds at this n, permutation, Benjamini-Hochberg over {len(compared)} columns",
        n=sizes[1],
        n_needed=needed,
        limit=limit,
        limit_loosened=loosened,
        p_adj=ranked[0][0],
        slices=tuple(column.show(sizes[1]) for _, column in ranked[:_MOST_SLICES]),
        notes=(size, *notes, *(column.words for column in drifted[1:_MOST_SLICES])),
    )


def _name_columns(drifted: Sequence[Compared], count: int) -> str:
    names = [column.name for column in drifted[:_MOST_NAMED]]
    if len(drifted) > _MOST_NAMED:
        names.append(f"{len(drifted) - _MOST_NAMED} more")
    return f"{len(drifted)} of {count} columns: {', '.join(names)}"


def judge_input_drift(data: Dataset, settings: DriftSettings, seed: int) -> Verdict:
    """Whether the inputs of the data are distributed as those of the reference."""
    reference = settings.reference
    assert reference is not None
    places = [_draw_rows(sample, seed) for sample in (reference, data)]
    before, now = (list_input_columns(sample, rows) for sample, rows in zip((reference, data), places, strict=True))
    sizes = len(places[0]), len(places[1])
    if missing := [name for name in now if name not in before]:
        return make_inconclusive(f"the reference has no column {missing[0]!r}; it has {', '.join(before)}", n=0)
    if problem := explain_few(sizes):
        return make_inconclusive(problem, n=min(sizes))
    compared = compare_columns(before, now, settings, seed)
    verdict = judge_drift(compared, sizes, settings.limit, "the inputs", ())
    if lacking := before.keys() - now.keys():
        return verdict.with_notes(f"not in the data, and not compared: {', '.join(sorted(lacking)[:20])}")
    return verdict


def explain_few(sizes: Sequence[int]) -> str:
    """Why two samples are not compared; empty if they are."""
    if min(sizes) >= FEWEST_ROWS:
        return ""
    return f"{min(sizes)} rows are too few to compare distributions: {FEWEST_ROWS} of each sample are needed"


def _draw_rows(data: Dataset, seed: int) -> Sequence[int]:
    """Rows of the data, at most 10,000; repeats count, as they are part of the distribution."""
    count = len(data.inputs)
    if count <= _MOST_ROWS:
        return range(count)
    return random.Random(f"{seed} drift").sample(range(count), _MOST_ROWS)


def list_answer_columns(rows: AnsweredRows) -> dict[str, InputColumn]:
    """What was answered: the class or the number, and of classes with scores the highest of them."""
    if not rows.classes:
        return {"answer": np.where(rows.failed, np.nan, rows.predictions)}
    columns = {"answer": np.array(["no answer", *rows.classes])[rows.predictions + 1]}
    if rows.scores is not None and (~rows.failed).sum() >= FEWEST_ROWS:
        columns["confidence"] = rows.scores[~rows.failed].max(axis=1)
    return columns


def compare_answers(before: AnsweredRows, now: AnsweredRows, settings: DriftSettings, seed: int) -> list[Compared]:
    """What was answered in two samples, column by column, or as vectors."""
    if before.vectors is not None and now.vectors is not None:
        return compare_vectors(before.vectors[~before.failed], now.vectors[~now.failed], settings, seed)
    columns, others = list_answer_columns(before), list_answer_columns(now)
    for name in others.keys() - columns.keys():
        del others[name]
    return compare_columns(columns, others, settings, seed)


def judge_answer_drift(
    before: AnsweredRows, now: AnsweredRows, settings: DriftSettings, seed: int, what: str, notes: tuple[str, ...]
) -> Verdict:
    """Whether two samples of answers are distributed alike; rows declined with 429 show nothing."""
    before, now = before.select(~before.declined), now.select(~now.declined)
    sizes = len(before), len(now)
    if now.is_ranking:
        return make_inconclusive("the distribution of orders is not compared", n=0)
    if now.vectors is not None:
        sizes = int((~before.failed).sum()), int((~now.failed).sum())
        if min(sizes) < FEWEST_VECTORS:
            return make_inconclusive(
                f"{min(sizes)} vectors are too few: {FEWEST_VECTORS} of each sample are needed", n=min(sizes)
            )
    if problem := explain_few(sizes):
        return make_inconclusive(problem, n=min(sizes))
    if now.failed.all() or before.failed.all():
        return make_inconclusive("no row was answered: there is no distribution to compare", n=0)
    limit = settings.limit if now.vectors is None else settings.vector_limit
    return judge_drift(compare_answers(before, now, settings, seed), sizes, limit, what, notes)


def read_reference_rows(labelled: LabelledRows, run: GateRun) -> AnsweredRows:
    """The answers to the reference: those that it records, or those that were asked in this run."""
    drift, profile = run.settings.drift, run.settings.profile
    assert drift is not None
    assert drift.reference is not None
    if not drift.is_recorded:
        batches = read_batches(run.run_dir.path / REFERENCE_ANSWERS)
        return build_answered_rows(drift.reference, labelled.asked, labelled.asked, batches)
    asked, labels = choose_rows(drift.reference, run.settings.seed, None, profile.items), drift.reference.labels
    assert labels is not None
    if isinstance(labels[0], list):
        vectors = np.array([labels[number] for number in asked], float)
        nothing = np.full(len(asked), NO_CLASS)
        return make_answered_rows(nothing, nothing, vectors=vectors)
    rows = build_answered_rows(drift.reference, asked, asked, ())
    return replace(rows, failed=np.zeros(len(rows), bool), predictions=rows.labels)


def _compute_cost(scope: Scope) -> Cost:
    drift = scope.settings.drift
    if drift is None or drift.reference is None or drift.is_recorded:
        return Cost()
    rows = min(scope.settings.profile.items, len(drift.reference.inputs))
    return compute_row_cost(scope, rows)


def _make(scope: Scope, session: Session, run: GateRun) -> LabelledRows:
    drift = scope.settings.drift
    assert drift is not None
    if drift.reference is None or drift.is_recorded:
        return LabelledRows()
    write = partial(run.run_dir.append, REFERENCE_ANSWERS)
    return ask_labelled_rows(session, drift.reference, (), run.progress.expect, write)


REFERENCE_ROWS = Measurement(LabelledRows, _compute_cost, lambda scope: f"{scope.suite}/reference-rows", _make)
"""The rows of the reference sample, asked where it records no answers."""
