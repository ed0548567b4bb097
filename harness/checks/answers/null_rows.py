"""A row with a null, or without a field, that is answered alone changes nothing for the rows beside it in a batch.

Columns of a data frame become fractions where one value is missing: 42 is then 42.0, which no table of names has, and
whole numbers from 2 to the 53rd on are rounded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from operator import attrgetter
from typing import Any

from harness.checks.common import Show, explain_decline, is_clear_refusal, judge, judge_case
from harness.checks.comparison import find_difference, find_row_mismatch, select_row_outputs
from harness.core.exchange import Exchange
from harness.core.json_path import list_leaves
from harness.core.verdict import Case, Verdict, judge_contract, make_inconclusive


@dataclass(frozen=True, slots=True)
class NullTrial:
    """A row that lacks a value (`name` says which), asked alone, and as the last of a batch after ordinary rows.

    `singles` are the ordinary rows asked alone, `ordinary` the batch of them. These, and `beside`, are only there if
    the row was answered alone.
    """

    name: str
    alone: Exchange
    singles: Sequence[Exchange] = ()
    ordinary: Exchange | None = None
    beside: Exchange | None = None


@judge
def judge_null_rows(trials: Sequence[NullTrial], show: Show) -> Verdict:
    """Each ordinary row has beside a row that lacks a value the answer that it has alone."""
    if not trials:
        return make_inconclusive("no field of a row can be left empty", n=0)
    cases = list(map(_judge_trial, trials, repeat(show)))
    names = ", ".join(map(attrgetter("name"), trials))
    return judge_contract(cases, f"a row with {names} is refused, or changes nothing for the rows beside it")


def _judge_trial(trial: NullTrial, show: Show) -> Case:
    alone, beside = trial.alone, trial.beside
    if is_clear_refusal(alone):
        return Case(trial.name)
    answers = _read_answers(trial)
    if beside is None or answers is None:
        return Case(trial.name, unjudged=f"not answered alone: {alone.outcome}")
    rows = len(trial.singles)
    own, ordinary = answers
    outside = beside.answer.request_outputs if beside.answer else None
    names = select_row_outputs(own[0], ordinary, rows, outside)
    if not names:
        return Case(trial.name, unjudged="no output has one entry for each row")
    if _find_first_change(own, ordinary, names):
        return Case(trial.name, unjudged="a batch of ordinary rows differs from them alone")
    problem, unjudged = "", explain_decline(beside)
    if is_clear_refusal(beside):
        unjudged = f"the batch is refused: {beside.outcome}"
    elif beside.answer is None:
        problem = f"a row with {trial.name}, which is answered alone, makes its batch fail: {beside.outcome}"
    else:
        batched = beside.answer.arrays
        problem = find_row_mismatch(batched, names, rows + 1) or ""
        if not problem and (change := _find_first_change(own, batched, names)):
            problem = f"a row with {trial.name} changes the rows beside it in its batch: {change}"
    return judge_case(trial.name, beside, problem, show, unjudged)


def _read_answers(trial: NullTrial) -> tuple[list[Mapping[str, Any]], Mapping[str, Any]] | None:
    """The outputs of the ordinary rows alone, and of the batch of them; None if one of these was not answered."""
    singles: list[Mapping[str, Any]] = []
    ordinary = trial.ordinary
    for single in trial.singles:
        if single.answer is not None:
            singles.append(single.answer.arrays)
    if not trial.alone.ok or not singles or len(singles) < len(trial.singles):
        return None
    if ordinary is None or not ordinary.ok or ordinary.answer is None:
        return None
    return singles, ordinary.answer.arrays


def _find_first_change(own: Sequence[Mapping[str, Any]], batched: Mapping[str, Any], names: set[str]) -> str | None:
    """How the first ordinary row whose answer is another in this batch differs; None: none does."""
    for row, outputs in enumerate(own):
        if change := _find_change(outputs, batched, row, names):
            return change
    return None


def _find_change(own: Mapping[str, Any], batched: Mapping[str, Any], row: int, names: set[str]) -> str | None:
    """How a row's answer in a batch differs from its own; whole numbers must be the same to the last digit."""
    for name in sorted(names):
        if name not in own or name not in batched or row >= len(batched[name]):
            return f"row {row} has no {name}"
        expected, actual = own[name][0], batched[name][row]
        if difference := find_difference(expected, actual, at=f"{name}[{row}]"):
            return f"{difference} as alone"
        for whole, number in zip(list_leaves(expected), list_leaves(actual), strict=True):
            if type(whole) is int and whole != number:
                return f"{name}[{row}] has {number}, and {whole} alone"
    return None
