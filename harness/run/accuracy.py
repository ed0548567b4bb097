"""Accuracy: the verdict of an objective on the share of labelled rows that are answered with their label.

Tested in tests/suites/validation/test_accuracy.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from harness.core.dataset import Dataset
from harness.core.objective import Objective
from harness.core.plan import PlannedCheck
from harness.core.verdict import Slice, Status, Verdict, make_inconclusive
from harness.run.labelled_rows import (
    LabelledRows,
    choose_rows,
    describe_population,
    explain_unjudged,
    refuse_one_class,
)
from harness.run.rate_judging import judge_independent_samples, make_slice


def judge_accuracy(rows: LabelledRows, data: Dataset, seed: int, objective: Objective, check: PlannedCheck) -> Verdict:
    """The share of rows answered wrongly, over all rows or those of the objective's slice, at most its cap of them.

    A row that the endpoint failed on is wrong. Every group of the data is shown as a slice, not judged.
    """
    if data.answers != "classes":
        return make_inconclusive(f"{data.name} holds no classes as labels: accuracy needs whole numbers or text", n=0)
    assert data.labels is not None
    chosen = choose_rows(data, seed, objective.slice, objective.cap)
    groups = data.groups or ("",) * len(data.inputs)
    if not chosen:
        others = ", ".join(data.list_slices()[:20]) or "none"
        return make_inconclusive(f"the data hold no slice {objective.slice!r}; there are: {others}", n=0)
    all_wrong = set(rows.wrong)
    wrong = [number for number in chosen if number in all_wrong]
    examples = tuple(rows.examples[number] for number in wrong[:1])
    if why := explain_unjudged(rows, chosen):
        return make_inconclusive(why, n=0, counterexamples=tuple(replace(example, summary=why) for example in examples))
    declined = len(set(rows.declined).intersection(chosen))
    judge = partial(judge_independent_samples, n=len(chosen), objective=objective, check=check, declined=declined)
    spent = set(rows.spent).intersection(chosen)
    if spent and judge(len(wrong) - len(spent), what="").status is not judge(len(wrong), what="").status:
        reason = f"{len(spent)} of {len(chosen)} rows: {rows.spent_reason}"
        return make_inconclusive(reason, n=len(chosen) - len(spent), counterexamples=examples)
    readable = set(rows.readable)
    wrong_for_certain = [number for number in wrong if number not in readable]
    if rows.mismatch and judge(len(wrong_for_certain), what="").status is not Status.FAIL:
        return make_inconclusive(rows.mismatch, n=0, counterexamples=examples)
    verdict = judge(
        len(wrong),
        what="rows were answered wrongly",
        examples=examples,
        slices=_make_slices([groups[number] for number in chosen], [groups[number] for number in wrong], objective),
        notes=_list_notes(rows, data, seed, objective, chosen),
    )
    if objective.slice is None:
        verdict = refuse_one_class(verdict, [str(data.labels[number]) for number in chosen])
    if rows.mismatch:
        right = len(chosen) - len(wrong_for_certain)
        return verdict.with_notes(f"{rows.mismatch}; even so at most {right} of {len(chosen)} rows can be right")
    count, renaming = rows.renumbering
    if verdict.status is Status.FAIL and count >= objective.limit * len(rows.asked):
        renamed = f"if {renaming}, {count} of {len(rows.asked)} rows would be right"
        return verdict.with_notes(f"{renamed}: do the service and the data name the classes alike?")
    return verdict


def _list_notes(
    rows: LabelledRows, data: Dataset, seed: int, objective: Objective, chosen: Sequence[int]
) -> tuple[str, ...]:
    assert data.labels is not None
    label, most = Counter(str(data.labels[number]) for number in chosen).most_common(1)[0]
    notes = [describe_population(len(data.inputs), seed), *rows.list_notes()]
    if lacking := len({*rows.unlabelled, *rows.failed}.intersection(chosen)):
        notes.append(f"{lacking} of the wrong rows had no answer with a label")
    if refused := len(set(rows.refused).intersection(chosen)):
        notes.append(f"{refused} of the wrong rows were refused: {rows.refusal}")
    if rows.other_classes:
        named = ", ".join(f"{label!r} ({times} times)" for label, times in rows.other_classes)
        notes.append(f"answers that are the label of no row: {named}")
    in_slice = len(data.select_slice(objective.slice))
    if len(chosen) < min(in_slice, objective.cap):
        notes.append(f"{in_slice - len(chosen)} rows repeat another, and count once")
    if most / len(chosen) >= objective.limit:
        notes.append(f"always answering {label!r} would be right in {most} of {len(chosen)} rows, and hold this too")
    return tuple(notes)


def _make_slices(groups: Sequence[str], wrong: Sequence[str], objective: Objective) -> tuple[Slice, ...]:
    names = sorted(set(groups) - {""})
    return tuple(make_slice(name, wrong.count(name), groups.count(name), objective.alpha) for name in names)
