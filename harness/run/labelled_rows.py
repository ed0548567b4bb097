"""LabelledRows: the measurement of labelled rows, each asked at most once a run.

Tested in tests/suites/validation/test_accuracy.py.
"""

from __future__ import annotations

import hashlib
import random
import sys
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from itertools import chain, islice

from harness.checks.answers.label_forms import find_renumbering, read_generously
from harness.checks.common import find_harness_error
from harness.checks.generation.thinking import explain_no_text
from harness.core.answer_class import describe_refusal
from harness.core.dataset import Dataset
from harness.core.errors import HarnessError
from harness.core.exchange import Exchange
from harness.core.measurement import Measurement, Scope
from harness.core.objective import Objective
from harness.core.plan import Cost
from harness.core.verdict import Counterexample
from harness.run.baseline_asking import BASELINE_ANSWERS, BaselineAsker
from harness.run.gate_run import GateRun
from harness.run.rate_judging import skip_repeated_rows
from harness.run.row_asking import BATCH_WIDTH, RowAsker, RowBatch, RowState
from harness.run.session import Session

_TURN = 256
"""Rows that one of two endpoints is asked before the other has its turn."""
ANSWERS = "validation/answers.jsonl"
"""The file of the run directory with what came of each request: a `RowBatch` a line."""


@dataclass(frozen=True, slots=True)
class LabelledRows:
    """How the labelled rows were answered: the content of `validation/accuracy.json`.

    All are places of rows in the data. `wrong` are the rows without their label in the answer; of them, `unlabelled`
    had a valid answer without any label, and `failed` no valid answer: `declined` with a 429, `refused` with another
    4xx, of which `refusal` is the first. `examples` shows the first wrong row of the data and of each slice that an
    objective names. Where no answer equals any label, `mismatch` says why, and `readable` are the wrong rows that the
    most generous reading calls right; `renumbering` are the rows that a renaming of the classes would make right, and
    its words. `spent` are wrong rows whose limit of tokens left none for a text, as `spent_reason` says. What exactly
    was answered is in the file `ANSWERS`. `label_digest` is that of all labels of the data, with their classes.
    `baseline_problem` says why the second endpoint, which is asked in turns, was not asked all rows.
    """

    asked: tuple[int, ...] = ()
    wrong: tuple[int, ...] = ()
    unlabelled: tuple[int, ...] = ()
    failed: tuple[int, ...] = ()
    declined: tuple[int, ...] = ()
    refused: tuple[int, ...] = ()
    refusal: str = ""
    mismatch: str = ""
    readable: tuple[int, ...] = ()
    renumbering: tuple[int, str] = (0, "")
    spent: tuple[int, ...] = ()
    spent_reason: str = ""
    examples: Mapping[int, Counterexample] = field(default_factory=dict)
    label_digest: str = ""
    baseline_problem: str = ""


def explain_unjudged(rows: LabelledRows, chosen: Sequence[int]) -> str:
    """Why no answer says anything about the model: not one row was accepted, or none was answered with a label."""
    if set(chosen) <= set(rows.unlabelled):
        return "a valid answer in which no label and no scores are found"
    if rows.refused and set(chosen) <= {*rows.refused, *rows.declined}:
        return (
            f"every row was refused, none was answered ({rows.refusal}): give rows of the form that the service takes"
        )
    return ""


def describe_population(rows: int, seed: int) -> str:
    """Of what a figure with its bounds speaks (NIST AI 800-3 keeps it apart from a figure of the items alone)."""
    return (
        f"it speaks of the population of which the {rows} rows are a random sample, not of these rows alone; rows "
        f"drawn by seed {seed}"
    )


@lru_cache(maxsize=64)
def choose_rows(data: Dataset, seed: int, slice: str | None, cap: int) -> tuple[int, ...]:
    """The places of the rows that a figure is of, drawn by the seed; a row that repeats another is left out.

    They are those of the slice, or all; at most `cap` of them.
    """
    order = list(data.select_slice(slice))
    random.Random(f"{seed} accuracy").shuffle(order)
    return tuple(islice(skip_repeated_rows(data, order), cap))


def _choose_all_rows(data: Dataset, seed: int, objectives: Sequence[Objective], cap: int) -> list[tuple[int, ...]]:
    """The rows of the population, then those of each slice that an objective names."""
    caps: dict[str | None, int] = {None: cap}
    caps |= {objective.slice: objective.cap for objective in objectives}
    return [choose_rows(data, seed, name, most) for name, most in caps.items()]


def _join_rows(rows: Sequence[Sequence[int]], count: int) -> list[int]:
    """The rows of all choices, each once, in the order of the choices."""
    known, joined = bytearray(count), list[int]()
    for number in chain.from_iterable(rows):
        if not known[number]:
            known[number] = 1
            joined.append(number)
    return joined


def _rank_rows(rows: Sequence[int], count: int) -> array[int]:
    """Of each of `count` rows, its place among these; -1 where it is not among them."""
    ranks = array("l", [-1]) * count
    for place, number in enumerate(rows):
        ranks[number] = place
    return ranks


class _Collector:
    """Keeps of each request what the verdicts need: the label of each row, its state, and the first wrong examples."""

    def __init__(self, data: Dataset, chosen: Sequence[Sequence[int]], write: Callable[[RowBatch], None]) -> None:
        assert data.labels is not None
        self.labels: list[str | None] = [None] * len(data.inputs)
        self.states: list[RowState] = [RowState.FAILED] * len(data.inputs)
        self.spent: dict[int, str] = {}
        self.refusal, self.unreached = "", ""
        self._data, self._write, self._expected = data, write, data.labels
        self._ranks = [_rank_rows(rows, len(data.inputs)) for rows in chosen]
        self._shown: dict[int, tuple[int, Exchange]] = {}

    def keep(self, batch: RowBatch, exchange: Exchange) -> None:
        """Note what a request brought. One that failed in the harness says nothing, and ends the measurement."""
        if unreached := find_harness_error(exchange):
            raise HarnessError(unreached.reason)
        self._write(batch)
        for place, number in enumerate(batch.rows):
            label = sys.intern(batch.labels[place]) if batch.labels else None
            self.labels[number], self.states[number] = label, batch.state
            if label != str(self._expected[number]):
                self._note_wrong(number, exchange)
        if batch.state is RowState.REFUSED and not self.refusal:
            self.refusal = describe_refusal(exchange)

    def _note_wrong(self, number: int, exchange: Exchange) -> None:
        if reason := explain_no_text(exchange):
            self.spent[number] = reason
        for index, ranks in enumerate(self._ranks):
            shown = self._shown.get(index)
            if ranks[number] >= 0 and (shown is None or ranks[number] < ranks[shown[0]]):
                self._shown[index] = number, exchange

    def show(self, session: Session) -> dict[int, Counterexample]:
        """The first wrong row of each choice, as examples."""
        return {
            number: session.show(_describe_row(self._data, number, self.labels[number], exchange), exchange)
            for number, exchange in self._shown.values()
        }


def ask_labelled_rows(
    session: Session,
    data: Dataset,
    objectives: Sequence[Objective],
    expect: Callable[[int], None] = lambda requests: None,
    write: Callable[[RowBatch], None] = lambda batch: None,
    ask_baseline: Callable[[Sequence[int]], None] | None = None,
) -> LabelledRows:
    """Ask for every row that one of the objectives is judged on, once, and for the sample of all rows.

    `expect` takes the number of requests that come, `write` what each of them brought. `ask_baseline` asks a second
    endpoint for rows: both are asked in turns, so that what changes with the time changes for both. Raises
    `HarnessError` where the service was not reached.
    """
    if not data.is_labelled:
        return LabelledRows()
    settings = session.settings
    rows = _choose_all_rows(data, settings.seed, objectives, settings.profile.items)
    asked = _join_rows(rows, len(data.inputs))
    if not asked:
        return LabelledRows()
    collector = _Collector(data, rows, write)
    asker = RowAsker(session, data, collector.keep, expect)
    if ask_baseline is None:
        asker.ask(asked)
    else:
        _ask_in_turns((asker.ask, ask_baseline), asked)
    if data.answers != "classes":
        return _collect_states(asked, collector)
    assert data.labels is not None
    labels = collector.labels
    wrong = tuple(number for number in asked if labels[number] != str(data.labels[number]))
    expected, answered = [str(data.labels[number]) for number in asked], [labels[number] for number in asked]
    reading = read_generously(expected, answered)
    return replace(
        _collect_states(asked, collector),
        wrong=wrong,
        mismatch=reading.reason if reading else "",
        readable=tuple(asked[place] for place in reading.right) if reading else (),
        renumbering=find_renumbering(expected, answered),
        examples=collector.show(session),
    )


def _ask_in_turns(askers: Sequence[Callable[[Sequence[int]], None]], rows: Sequence[int]) -> None:
    """Ask portions of the rows of one endpoint and of the other, which of them is first changes with each portion."""
    for start in range(0, len(rows), _TURN):
        for ask in askers[:: -1 if start // _TURN % 2 else 1]:
            ask(rows[start : start + _TURN])


def _collect_states(asked: Sequence[int], collector: _Collector) -> LabelledRows:
    """The rows without a label in the answer, whose labels are whatever they are."""

    def list_rows(*states: RowState) -> tuple[int, ...]:
        return tuple(number for number in asked if collector.states[number] in states)

    spent = tuple(number for number in asked if number in collector.spent)
    return LabelledRows(
        tuple(asked),
        unlabelled=list_rows(RowState.UNLABELLED),
        failed=list_rows(RowState.FAILED, RowState.DECLINED, RowState.REFUSED),
        declined=list_rows(RowState.DECLINED),
        refused=list_rows(RowState.REFUSED),
        refusal=collector.refusal,
        spent=spent,
        spent_reason=collector.spent[spent[0]] if spent else "",
    )


def _describe_row(data: Dataset, number: int, label: str | None, exchange: Exchange) -> str:
    row = f"row {number}, labelled {data.labels[number]!r}," if data.labels else f"row {number}"
    if label is not None:
        return f"{row} is answered {label!r}"
    if exchange.ok:
        return f"{row} is answered without a label"
    return f"{row} has no answer: {exchange.outcome}"


def compute_label_digest(data: Dataset) -> str:
    """A digest of the labels in their order, and of the classes: two runs that share it judged by the same labels."""
    digest = hashlib.sha256(repr(data.classes).encode())
    for label in data.labels or ():
        digest.update(f"{label}\n".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:16]


def _compute_cost(scope: Scope) -> Cost:
    """Every row alone, after the batches that failed."""
    data = scope.settings.data.dataset if scope.settings.data else None
    if data is None:
        return Cost()
    caps: dict[str | None, int] = {None: scope.settings.profile.items}
    caps |= {objective.slice: objective.cap for objective in scope.objectives}
    rows = sum(min(cap, len(data.select_slice(name))) for name, cap in caps.items())
    rows = min(rows, len(data.inputs)) * (2 if "://" in (scope.settings.baseline or "") else 1)
    return Cost(rows + -(-rows // BATCH_WIDTH), scope.tokens_per_answer * rows)


def _make(scope: Scope, session: Session, run: GateRun) -> LabelledRows:
    data = scope.settings.data
    assert data is not None
    assert data.dataset is not None
    expect, write = run.progress.expect, partial(run.run_dir.append, ANSWERS)
    ask = partial(ask_labelled_rows, session, data.dataset, scope.objectives, expect, write)
    second = run.get_baseline_session(scope.suite)
    if second is None or not data.dataset.is_labelled:
        return replace(ask(), label_digest=compute_label_digest(data.dataset))
    other = BaselineAsker(second, data.dataset, expect, partial(run.run_dir.append, BASELINE_ANSWERS))
    return replace(ask(other.ask), label_digest=compute_label_digest(data.dataset), baseline_problem=other.problem)


LABELLED_ROWS = Measurement(LabelledRows, _compute_cost, lambda scope: f"{scope.suite}/accuracy", _make)
"""The labelled rows that the checks of the suite are judged on: a sample of all, and of each slice of an objective."""
