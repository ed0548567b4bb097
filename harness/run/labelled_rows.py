"""LabelledRows: the measurement of labelled rows, each asked at most once a run.

Tested in tests/suites/validation/test_accuracy.py.
"""

from __future__ import annotations

import hashlib
import random
import sys
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from itertools import chain, islice

from harness.checks.answers.label_forms import find_renumbering, read_generously
from harness.checks.common import find_harness_error
from harness.core.dataset import Dataset
from harness.core.errors import HarnessError
from harness.core.exchange import Exchange, Timing
from harness.core.measurement import Measurement, Scope
from harness.core.objective import Objective
from harness.core.plan import Cost
from harness.core.verdict import Counterexample, Status, Verdict
from harness.run.baseline_asking import BASELINE_ANSWERS, BaselineAsker
from harness.run.earlier_answers import recall_answers
from harness.run.gate_run import GateRun
from harness.run.rate_judging import skip_repeated_rows
from harness.run.row_asking import BATCH_WIDTH, RowAsker, RowBatch, RowState
from harness.run.session import Session
from harness.run.valid_inputs import Rows

_TURN = 256
"""Rows that one of two endpoints is asked before the other has its turn."""
_MOST_OTHERS, _LONGEST_LABEL = 5, 60
"""Classes that no label has of which a record keeps the names, and characters of each."""
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
    `baseline_problem` says why the second endpoint, which is asked in turns, was not asked all rows. `recalled` counts
    rows that an earlier run had asked, `repeated` those that were asked a second time after a failure. `other_classes`
    are answers that are the label of no row, the most frequent first, with their numbers.
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
    recalled: int = 0
    repeated: int = 0
    other_classes: tuple[tuple[str, int], ...] = ()

    def list_notes(self) -> tuple[str, ...]:
        """What must be known of how the rows were asked."""
        notes = []
        if self.recalled:
            notes.append(f"{self.recalled} of {len(self.asked)} rows were answered in the run that [data] resume names")
        if self.repeated:
            notes.append(
                f"{self.repeated} rows were asked a second time after an error of the server, a timeout or a broken "
                "connection; the second answer counts"
            )
        return tuple(notes)


def explain_unjudged(rows: LabelledRows, chosen: Sequence[int]) -> str:
    """Why no answer says anything about the model: not one row was accepted, or none was answered with a label."""
    if set(rows.unlabelled).issuperset(chosen):
        return (
            "a valid answer in which no label and no scores are found (of numbers and vectors say so with [data] task)"
        )
    if rows.refused and {*rows.refused, *rows.declined}.issuperset(chosen):
        return (
            f"every row was refused, none was answered ({rows.refusal}): give rows of the form that the service takes"
        )
    return ""


def refuse_one_class(verdict: Verdict, labels: Sequence[str]) -> Verdict:
    """The verdict, no PASS where all labels are one class: such rows do not show whether the model tells any apart."""
    if verdict.status is not Status.PASS or len(set(labels)) > 1:
        return verdict
    reason = f"all rows are labelled {labels[0]!r}, so that a constant answer is right in every one: give rows of every"
    return replace(verdict, status=Status.INCONCLUSIVE, reason=f"{reason} class ({verdict.reason})")


def describe_population(rows: int, seed: int) -> str:
    """Of what a figure with its bounds speaks (NIST AI 800-3 keeps it apart from a figure of the items alone)."""
    return (
        f"it speaks of the population of which the {rows} rows are a random sample, not of these rows alone; rows "
        f"drawn by seed {seed}"
    )


@lru_cache(maxsize=64)
def choose_rows(data: Dataset, seed: int, slice: str | None, cap: int) -> Sequence[int]:
    """The places of the rows that a figure is of, drawn by the seed; a row that repeats another is left out.

    They are those of the slice, or all; at most `cap` of them.
    """
    order = list(data.select_slice(slice))
    random.Random(f"{seed} accuracy").shuffle(order)
    return array("q", islice(skip_repeated_rows(data, order), cap))


def _choose_all_rows(data: Dataset, seed: int, objectives: Sequence[Objective], cap: int) -> list[Sequence[int]]:
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
        self.labels: list[str | None] = [None] * len(data.inputs)
        self.states: list[RowState] = [RowState.FAILED] * len(data.inputs)
        self.spent: dict[int, str] = {}
        self.refusal, self.unreached = "", ""
        self._data, self._write, self._expected = data, write, data.labels
        self._ranks = [_rank_rows(rows, len(data.inputs)) for rows in chosen]
        self._shown: dict[int, tuple[int, Exchange | None]] = {}

    def keep(self, batch: RowBatch, exchange: Exchange) -> None:
        """Note what a request brought. One that failed in the harness says nothing, and ends the measurement."""
        if unreached := find_harness_error(exchange):
            raise HarnessError(unreached.reason)
        self.note(batch, exchange)

    def note(self, batch: RowBatch, exchange: Exchange | None = None) -> None:
        """Note what a request brought; without an exchange it was sent in an earlier run."""
        self._write(batch)
        for place, number in enumerate(batch.rows):
            label = sys.intern(batch.labels[place]) if batch.labels else None
            self.labels[number], self.states[number] = label, batch.state
            if self._expected is not None and label != str(self._expected[number]):
                if batch.spent:
                    self.spent[number] = batch.spent
                self._show_wrong(number, exchange)
        self.refusal = self.refusal or batch.refusal

    def _show_wrong(self, number: int, exchange: Exchange | None) -> None:
        for index, ranks in enumerate(self._ranks):
            shown = self._shown.get(index)
            if ranks[number] >= 0 and (shown is None or ranks[number] < ranks[shown[0]]):
                self._shown[index] = number, exchange

    def show(self, session: Session) -> dict[int, Counterexample]:
        """The first wrong row of each choice, as examples; of an earlier run only the request can be shown."""
        examples = {}
        for number, exchange in self._shown.values():
            label, state = self.labels[number], self.states[number]
            outcome = exchange.outcome if exchange else state.value
            if exchange is None:
                query = Rows(session).query([self._data.inputs[number]])
                exchange = Exchange(session.request(query), Timing(0.0))
            examples[number] = session.show(_describe_row(self._data, number, label, state, outcome), exchange)
        return examples


def ask_labelled_rows(
    session: Session,
    data: Dataset,
    objectives: Sequence[Objective],
    expect: Callable[[int], None] = lambda requests: None,
    write: Callable[[RowBatch], None] = lambda batch: None,
    ask_baseline: Callable[[Sequence[int]], None] | None = None,
    earlier: Iterable[RowBatch] = (),
) -> LabelledRows:
    """Ask for every row that one of the objectives is judged on, once, and for the sample of all rows.

    `expect` takes the number of requests that come, `write` what each of them brought. `ask_baseline` asks a second
    endpoint for rows: both are asked in turns, so that what changes with the time changes for both. `earlier` has what
    an earlier run was answered, which is not asked again. Raises `HarnessError` where the service was not reached.
    """
    if not data.asked_for:
        return LabelledRows()
    settings = session.settings
    rows = _choose_all_rows(data, settings.seed, objectives, settings.profile.items)
    asked = _join_rows(rows, len(data.inputs))
    if not asked:
        return LabelledRows()
    collector = _Collector(data, rows, write)
    most_repeats = settings.data.count_repeats(len(asked)) if settings.data else 0
    asker = RowAsker(session, data, collector.keep, expect, most_repeats)
    recalled = 0
    for batch in earlier:
        asker.skip(batch.rows)
        collector.note(batch)
        recalled += len(batch.rows)
    if ask_baseline is None:
        asker.ask(asked)
    else:
        _ask_in_turns((asker.ask, ask_baseline), asked)
    states = replace(_collect_states(asked, collector), recalled=recalled, repeated=asker.repeats)
    if data.answers != "classes":
        return states
    assert data.labels is not None
    labels = collector.labels
    wrong = tuple(number for number in asked if labels[number] != str(data.labels[number]))
    expected, answered = [str(data.labels[number]) for number in asked], [labels[number] for number in asked]
    reading = read_generously(expected, answered)
    return replace(
        states,
        wrong=wrong,
        mismatch=reading.reason if reading else "",
        readable=tuple(asked[place] for place in reading.right) if reading else (),
        renumbering=find_renumbering(expected, answered),
        examples=collector.show(session),
        other_classes=_count_other_classes(expected, answered),
    )


def _count_other_classes(expected: Sequence[str], answered: Sequence[str | None]) -> tuple[tuple[str, int], ...]:
    known = set(expected)
    others = Counter(label for label in answered if label is not None and label not in known)
    return tuple((label[:_LONGEST_LABEL], times) for label, times in others.most_common(_MOST_OTHERS))


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


def _describe_row(data: Dataset, number: int, label: str | None, state: RowState, outcome: str) -> str:
    row = f"row {number}, labelled {data.labels[number]!r}," if data.labels else f"row {number}"
    if label is not None:
        return f"{row} is answered {label!r}"
    if state is RowState.UNLABELLED:
        return f"{row} is answered without a label"
    return f"{row} has no answer: {outcome}"


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
    rows = min(rows, len(data.inputs))
    return compute_row_cost(scope, rows, sides=2 if "://" in (scope.settings.baseline or "") else 1)


def compute_row_cost(scope: Scope, rows: int, sides: int = 1) -> Cost:
    """The most that so many rows can cost of each side: every batch, every row alone, and the rows asked again."""
    data = scope.settings.data
    answers = sides * (rows + (data.count_repeats(rows) if data else 0))
    return Cost(answers + sides * -(-rows // BATCH_WIDTH), scope.tokens_per_answer * answers)


def _make(scope: Scope, session: Session, run: GateRun) -> LabelledRows:
    data = scope.settings.data
    assert data is not None
    assert data.dataset is not None
    expect, write = run.progress.expect, partial(run.run_dir.append, ANSWERS)
    earlier = recall_answers(session, data, run.run_dir, ANSWERS)
    ask = partial(ask_labelled_rows, session, data.dataset, scope.objectives, expect, write, earlier=earlier)
    second = run.get_baseline_session(scope.suite)
    if second is None or not data.dataset.is_labelled:
        return replace(ask(), label_digest=compute_label_digest(data.dataset))
    other = BaselineAsker(
        second,
        data.dataset,
        expect,
        partial(run.run_dir.append, BASELINE_ANSWERS),
        recall_answers(second, data, run.run_dir, BASELINE_ANSWERS),
        data.count_repeats(len(data.dataset.inputs)),
    )
    return replace(ask(other.ask), label_digest=compute_label_digest(data.dataset), baseline_problem=other.problem)


LABELLED_ROWS = Measurement(LabelledRows, _compute_cost, lambda scope: f"{scope.suite}/accuracy", _make)
"""The labelled rows that the checks of the suite are judged on: a sample of all, and of each slice of an objective."""
