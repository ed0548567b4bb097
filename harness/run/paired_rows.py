"""Labelled rows that both the endpoint and a baseline have answered: those of a saved run, or of a second endpoint.

Tested in tests/run/test_row_comparison.py.
"""

from __future__ import annotations

import importlib.metadata
import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from harness.core.dataset import Dataset
from harness.core.report import Report
from harness.core.verdict import Status, Verdict, make_inconclusive
from harness.metrics.answered_rows import AnsweredRows, Flags
from harness.run.answered_rows import build_answered_rows, read_answered_rows, read_batches
from harness.run.baseline import FIRST_RUN
from harness.run.baseline_asking import BASELINE_ANSWERS
from harness.run.gate_run import GateRun
from harness.run.labelled_rows import ANSWERS, LabelledRows, explain_unjudged
from harness.run.row_asking import RowBatch, RowState
from harness.run.trivial_baseline import judge_trivial_baseline

_MOST_CUT, _FEWEST_CUT = 0.02, 3
"""Shares of answers that the limit of tokens cut may differ by so much, and always by so many answers."""
_SUITE = "validation"
_LOST = (RowState.FAILED, RowState.DECLINED, RowState.REFUSED)


@dataclass(frozen=True, eq=False)
class PairedRows:
    """The same rows in the same order, as the endpoint and as the baseline have answered them.

    `problem` says why they cannot be compared: `is_first` where there is no baseline yet. `weakness` says why a PASS
    would prove nothing.
    """

    name: str
    ours: AnsweredRows
    theirs: AnsweredRows
    notes: tuple[str, ...] = ()
    problem: str = ""
    is_first: bool = False
    weakness: str = ""

    def __len__(self) -> int:
        return len(self.ours)

    def select(self, rows: Flags) -> PairedRows:
        """These rows of both."""
        return replace(self, ours=self.ours.select(rows), theirs=self.theirs.select(rows))

    def explain_problem(self) -> Verdict:
        """The verdict of a comparison that cannot be made; a first run is its own baseline, and differs by nothing."""
        if self.is_first and len(self):
            return make_inconclusive(self.problem, n=len(self), method=FIRST_RUN, estimate=0.0)
        return make_inconclusive(self.problem or "no row was asked", n=0)


def read_paired_rows(labelled: LabelledRows, run: GateRun) -> PairedRows:
    """The rows of the sample of all data that the baseline has answered, too."""
    data = run.settings.data
    assert data is not None
    assert data.dataset is not None
    ours = read_answered_rows(labelled, run).choose_population()
    name, path = run.settings.baseline or "", run.run_dir.path / BASELINE_ANSWERS
    problem = labelled.baseline_problem
    if run.baseline_url is None:
        path, problem, report = _find_folder(name) / ANSWERS, "", run.baseline_report
        if report is not None:
            problem = find_mismatch(report, dict(run.plan.policy), labelled, path)
        if report is None or not path.exists():
            reason = f"{name} holds no answers to labelled rows yet"
            return PairedRows(name, ours, ours, problem=problem or reason, is_first=not problem)
    problem = problem or labelled.mismatch or explain_unjudged(labelled, [int(number) for number in ours.numbers])
    if problem:
        return PairedRows(name, ours, ours, problem=problem)
    cuts = _Watch()
    if isinstance(data.dataset.inputs[0], str):
        deque(cuts.read(read_batches(run.run_dir.path / ANSWERS)), maxlen=0)
    return pair_rows(name, ours, data.dataset, path, cuts.cut, seed=run.settings.seed)


def pair_rows(name: str, ours: AnsweredRows, data: Dataset, path: Path, own_cuts: set[int], seed: int) -> PairedRows:
    """The rows of `ours` with the answers of the file at `path`; `own_cuts` are rows whose answers the limit cut.

    Rows on which the baseline failed compare nothing: it is not known what it would have answered.
    """
    watch = _Watch()
    answered = build_answered_rows(data, ours.numbers.tolist(), ours.numbers, watch.read(read_batches(path)))
    answers = np.isin(ours.numbers, list(watch.answered))
    pair = PairedRows(name, ours.select(answers), answered.select(answers))
    notes = []
    if lost := len(watch.lost & set(ours.numbers.tolist())):
        notes.append(f"the baseline failed on {lost} rows, which are not compared")
    if missing := len(ours) - lost - len(pair):
        notes.append(f"the baseline was not asked {missing} of the {len(ours)} rows, which are not compared")
    problem = _find_problem(pair, len(ours), own_cuts, watch.cut)
    weakness = ""
    if not problem and judge_trivial_baseline(pair.theirs, LabelledRows(), seed).status is Status.FAIL:
        weakness = "the baseline's own answers are no better than if nobody read the input"
    if not problem and _are_identical(pair):
        notes.append("every answer is the baseline's to the last digit: is it another model at all?")
    return PairedRows(name, pair.ours, pair.theirs, tuple(notes), problem, weakness=weakness)


@dataclass(slots=True)
class _Watch:
    """Which rows a file of answers holds: with an answer, without one, and with an answer that the limit cut."""

    answered: set[int] = field(default_factory=set)
    lost: set[int] = field(default_factory=set)
    cut: set[int] = field(default_factory=set)

    def read(self, batches: Iterable[RowBatch]) -> Iterator[RowBatch]:
        """The batches, noted as they pass."""
        for batch in batches:
            if batch.state in _LOST:
                self.lost.update(batch.rows)
            else:
                self.answered.update(batch.rows)
            if batch.cut:
                self.cut.update(batch.rows)
            yield batch


def _find_problem(pair: PairedRows, n: int, own_cuts: set[int], cuts: set[int]) -> str:
    """Why these pairs say nothing about the models; empty if they do."""
    if not len(pair):
        return f"the baseline has answered none of the {n} rows"
    if 2 * len(pair) < n:
        return f"the baseline has answered only {len(pair)} of the {n} rows"
    if pair.theirs.classes and pair.theirs.vectors is None:
        is_label = (pair.theirs.predictions >= 0) & (pair.theirs.predictions < pair.theirs.label_count)
        if not is_label.any():
            return "the baseline answers with no class that the labels have: the two do not name the classes alike"
    numbers = set(pair.ours.numbers.tolist())
    here, there = len(own_cuts & numbers), len(cuts & numbers)
    if abs(here - there) > max(_FEWEST_CUT, _MOST_CUT * len(pair)):
        return (
            f"the limit of tokens cuts {here} of {len(pair)} answers here and {there} of the baseline's: give both the "
            "same limit, large enough for either"
        )
    return ""


def _are_identical(pair: PairedRows) -> bool:
    if not np.array_equal(name_predictions(pair.ours), name_predictions(pair.theirs)):
        return False
    for name in ("scores", "vectors"):
        one, other = getattr(pair.ours, name), getattr(pair.theirs, name)
        if one is not None and (other is None or not np.array_equal(one, other)):
            return False
    return True


def name_predictions(rows: AnsweredRows) -> NDArray[Any]:
    """What was answered, shape (n,): names of classes, "" without one, or numbers."""
    if not rows.classes:
        return rows.predictions
    names = np.array([*rows.classes, ""])
    return np.asarray(names[rows.predictions])


def _find_folder(name: str) -> Path:
    path = Path(name)
    return path if path.is_dir() else path.parent


def find_mismatch(report: Report, policy: Mapping[str, str], labelled: LabelledRows, answers: Path) -> str:
    """Why the answers of a saved run are not to be compared with those of this one; empty if they are.

    `policy` is that of this run's plan, `answers` the file of the saved run's.
    """
    theirs = dict(report.plan.policy)
    if report.run.verdict is not Status.PASS:
        return f"the baseline run {report.run.id} ended in {report.run.verdict}; only a PASS can be a baseline"
    if report.environment.get("aiharness") != importlib.metadata.version("aiharness"):
        return "the baseline was made by another version of the harness"
    if policy.get("data") != theirs.get("data"):
        return "the baseline was asked rows of other data ([data] file has another digest)"
    if _read_options(policy) != _read_options(theirs):
        given = f"{_read_options(theirs)} there, {_read_options(policy)} here"
        return f"the baseline was asked with other parameters of sampling ([endpoint] options: {given})"
    record = answers.with_name("accuracy.json")
    if answers.exists() and record.exists():
        saved = msgspec.json.decode(record.read_bytes(), type=LabelledRows)
        if saved.label_digest != labelled.label_digest:
            return "the baseline was judged by other labels, or names of classes ([data] label, labels, classes)"
    return ""


def _read_options(policy: Mapping[str, str]) -> dict[str, Any]:
    """The options of the requests of this suite, as a plan's policy holds them."""
    options: dict[str, dict[str, Any]] = json.loads(policy.get("options", "{}"))
    return options.get(_SUITE, {})
