"""Accuracy: the measurement of labelled rows, each asked at most once a run, and the verdict of an objective on it.

Tested in tests/suites/validation/test_accuracy.py.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice

from harness.checks.answers.label_forms import find_renumbering, read_generously
from harness.checks.common import TOO_MANY_REQUESTS, find_harness_error
from harness.checks.generation.thinking import explain_no_text
from harness.core.answer_class import describe_refusal, is_refusal
from harness.core.dataset import Dataset
from harness.core.errors import ErrorClass, HarnessError
from harness.core.exchange import Exchange
from harness.core.measurement import Measurement, Scope
from harness.core.objective import Objective
from harness.core.plan import Cost, PlannedCheck
from harness.core.verdict import Counterexample, Slice, Status, Verdict, make_inconclusive
from harness.run.gate_run import GateRun
from harness.run.oracle import read_rows
from harness.run.rate_judging import judge_independent_samples, make_slice, skip_repeated_rows
from harness.run.session import Session
from harness.run.valid_inputs import Rows

_WIDTH, _CONCURRENCY = 32, 4
"""Rows in one request, where the service takes batches; and requests under way at once."""
_SILENT = (ErrorClass.FIRST_BYTE_TIMEOUT, ErrorClass.INTER_TOKEN_TIMEOUT, ErrorClass.TOTAL_TIMEOUT, ErrorClass.GONE)


@dataclass(frozen=True, slots=True)
class LabelledRows:
    """How the labelled rows were answered: the content of `validation/accuracy.json`.

    All are places of rows in the data. `wrong` are the rows without their label in the answer; of them, `unlabelled`
    had a valid answer without any label, and `failed` no valid answer: `declined` with a 429, `refused` with another
    4xx, of which `refusal` is the first. `examples` shows the first wrong row of the data and of each slice that an
    objective names. Where no answer equals any label, `mismatch` says why, and `readable` are the wrong rows that the
    most generous reading calls right; `renumbering` are the rows that a renaming of the classes would make right, and
    its words. `spent` are wrong rows whose limit of tokens left none for a text, as `spent_reason` says.
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


def choose_rows(data: Dataset, seed: int, objective: Objective) -> list[int]:
    """The places of the rows that an objective is judged on, drawn by the seed; a row that repeats another is left out.

    They are those of the objective's slice, or all; at most its cap of them.
    """
    order = list(range(len(data.inputs)))
    random.Random(f"{seed} accuracy").shuffle(order)
    return list(islice(skip_repeated_rows(data, _select_slice(data, objective.slice, order)), objective.cap))


def _select_slice(data: Dataset, name: str | None, numbers: Iterable[int]) -> list[int]:
    if name is None:
        return list(numbers)
    return [number for number in numbers if data.groups and data.groups[number] == name]


class _RowAsker:
    """Asks for rows in batches: `labels` holds the label answered to each (None: none), `exchanges` how it came."""

    def __init__(self, session: Session, data: Dataset, expect: Callable[[int], None]) -> None:
        self.labels: dict[int, str | None] = {}
        self.exchanges: dict[int, Exchange] = {}
        self._data, self._expect = data, expect
        self._rows = Rows(session)
        self._width = 1
        if self._rows.batches and not isinstance(data.inputs[0], str):
            self._width = _WIDTH
        self._proven = self._width == 1

    def ask(self, numbers: Sequence[int]) -> None:
        """Ask for these rows. The first batch goes alone: a service may refuse all batches.

        Rows of a batch that fails are asked alone, so that one row does not take the others with it; after silence
        they are not, since every row would cost a deadline, unless one of the first batch is answered alone.
        """
        if not self._proven:
            self._send([numbers[: self._width]])
            self._proven = True
        left = [number for number in numbers if number not in self.labels]
        self._send([left[start : start + self._width] for start in range(0, len(left), self._width)])

    def _send(self, batches: Sequence[Sequence[int]]) -> None:
        session = self._rows.session
        alone: list[int] = []
        queries = [self._rows.query([self._data.inputs[number] for number in batch]) for batch in batches]
        self._expect(len(queries))
        for batch, exchange in zip(batches, session.ask_many(queries, concurrency=_CONCURRENCY), strict=True):
            replies = read_rows(exchange.answer, len(batch)) if exchange.ok and exchange.answer else None
            if replies is None and len(batch) > 1 and (exchange.error not in _SILENT or self._is_too_large(batch)):
                alone += [number for number in batch if number not in self.labels]
                continue
            for place, number in enumerate(batch):
                self.labels[number] = str(replies[place].label).strip() if replies else None
                self.exchanges[number] = exchange
        if alone:
            if not self._proven:
                self._width = 1
            self._send([[number] for number in alone])

    def _is_too_large(self, batch: Sequence[int]) -> bool:
        """Whether the first batch met silence, but its first row alone is answered: the row is not what is wrong."""
        if self._proven:
            return False
        self._send([batch[:1]])
        return self.labels[batch[0]] is not None


def ask_labelled_rows(
    session: Session,
    data: Dataset,
    objectives: Sequence[Objective],
    expect: Callable[[int], None] = lambda requests: None,
) -> LabelledRows:
    """Ask for every row that one of the objectives is judged on, once. `expect` takes the number of requests that come.

    Raises `HarnessError` where the service was not reached.
    """
    if not holds_classes(data):
        return LabelledRows()
    assert data.labels is not None
    rows = [choose_rows(data, session.settings.seed, objective) for objective in objectives]
    asked = list(dict.fromkeys(number for chosen in rows for number in chosen))
    if not asked:
        return LabelledRows()
    asker = _RowAsker(session, data, expect)
    asker.ask(asked)
    labels, exchanges = asker.labels, asker.exchanges
    if unreached := find_harness_error(*(exchanges[number] for number in asked)):
        raise HarnessError(unreached.reason)
    wrong = {number: None for number in asked if labels[number] != str(data.labels[number])}
    shown = [next((number for number in chosen if number in wrong), None) for chosen in rows]
    examples = {
        number: session.show(_describe_row(data, number, labels[number], exchanges[number]), exchanges[number])
        for number in shown
        if number is not None
    }
    failed = tuple(number for number in wrong if labels[number] is None and not exchanges[number].ok)
    refused = tuple(number for number in failed if is_refusal(exchanges[number]))
    spent = tuple(number for number in wrong if explain_no_text(exchanges[number]))
    expected, answered = [str(data.labels[number]) for number in asked], [labels[number] for number in asked]
    reading = read_generously(expected, answered)
    return LabelledRows(
        tuple(asked),
        tuple(wrong),
        unlabelled=tuple(number for number in wrong if labels[number] is None and exchanges[number].ok),
        failed=failed,
        declined=tuple(number for number in failed if exchanges[number].status == TOO_MANY_REQUESTS),
        refused=refused,
        refusal=describe_refusal(exchanges[refused[0]]) if refused else "",
        mismatch=reading.reason if reading else "",
        readable=tuple(asked[place] for place in reading.right) if reading else (),
        renumbering=find_renumbering(expected, answered),
        spent=spent,
        spent_reason=next((explain_no_text(exchanges[number]) for number in spent), ""),
        examples=examples,
    )


def holds_classes(data: Dataset) -> bool:
    """Whether the data has labels, and these are classes."""
    return data.labels is not None and not any(isinstance(label, float | list | dict) for label in data.labels)


def _describe_row(data: Dataset, number: int, label: str | None, exchange: Exchange) -> str:
    row = f"row {number}, labelled {data.labels[number]!r}," if data.labels else f"row {number}"
    if label is not None:
        return f"{row} is answered {label!r}"
    if exchange.ok:
        return f"{row} is answered without a label"
    return f"{row} has no answer: {exchange.outcome}"


def _compute_cost(scope: Scope) -> Cost:
    """Every row alone, after the batches that failed."""
    data = scope.settings.data.dataset if scope.settings.data else None
    if data is None:
        return Cost()
    caps = {objective.slice: objective.cap for objective in scope.objectives}
    rows = sum(min(cap, len(_select_slice(data, name, range(len(data.inputs))))) for name, cap in caps.items())
    rows = min(rows, len(data.inputs))
    return Cost(rows + -(-rows // _WIDTH), scope.tokens_per_answer * rows)


def _make(scope: Scope, session: Session, run: GateRun) -> LabelledRows:
    data = scope.settings.data
    assert data is not None
    assert data.dataset is not None
    return ask_labelled_rows(session, data.dataset, scope.objectives, run.progress.expect)


LABELLED_ROWS = Measurement(LabelledRows, _compute_cost, lambda scope: f"{scope.suite}/accuracy", _make)
"""The labelled rows that the accuracy objectives of the suite are judged on."""


def judge_accuracy(rows: LabelledRows, data: Dataset, seed: int, objective: Objective, check: PlannedCheck) -> Verdict:
    """The share of rows answered wrongly, over all rows or those of the objective's slice, at most its cap of them.

    A row that the endpoint failed on is wrong. Every group of the data is shown as a slice, not judged.
    """
    if not holds_classes(data):
        return make_inconclusive(f"{data.name} holds no classes as labels: accuracy needs whole numbers or text", n=0)
    assert data.labels is not None
    chosen = choose_rows(data, seed, objective)
    groups = data.groups or ("",) * len(data.inputs)
    if not chosen:
        others = ", ".join(sorted({group for group in groups if group})[:20]) or "none"
        return make_inconclusive(f"the data hold no slice {objective.slice!r}; there are: {others}", n=0)
    all_wrong = set(rows.wrong)
    wrong = [number for number in chosen if number in all_wrong]
    examples = tuple(rows.examples[number] for number in wrong[:1])
    if why := _explain_unjudged(rows, chosen):
        return make_inconclusive(why, n=0, counterexamples=tuple(replace(example, summary=why) for example in examples))
    declined = len(set(chosen) & set(rows.declined))
    judge = partial(judge_independent_samples, n=len(chosen), objective=objective, check=check, declined=declined)
    spent = set(chosen) & set(rows.spent)
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
    if rows.mismatch:
        right = len(chosen) - len(wrong_for_certain)
        return verdict.with_notes(f"{rows.mismatch}; even so at most {right} of {len(chosen)} rows can be right")
    count, renaming = rows.renumbering
    if verdict.status is Status.FAIL and count >= objective.limit * len(rows.asked):
        renamed = f"if {renaming}, {count} of {len(rows.asked)} rows would be right"
        return verdict.with_notes(f"{renamed}: do the service and the data name the classes alike?")
    return verdict


def _explain_unjudged(rows: LabelledRows, chosen: Sequence[int]) -> str:
    """Why no answer says anything about the model: not one row was accepted, or none was answered with a label."""
    if set(chosen) <= set(rows.unlabelled):
        return "a valid answer in which no label and no scores are found"
    if rows.refused and set(chosen) <= {*rows.refused, *rows.declined}:
        return (
            f"every row was refused, none was answered ({rows.refusal}): give rows of the form that the service takes"
        )
    return ""


def _list_notes(
    rows: LabelledRows, data: Dataset, seed: int, objective: Objective, chosen: Sequence[int]
) -> tuple[str, ...]:
    assert data.labels is not None
    label, most = Counter(str(data.labels[number]) for number in chosen).most_common(1)[0]
    notes = [f"rows drawn by seed {seed} out of {len(data.inputs)}"]
    if lacking := len(set(chosen) & {*rows.unlabelled, *rows.failed}):
        notes.append(f"{lacking} of the wrong rows had no answer with a label")
    if refused := len(set(chosen) & set(rows.refused)):
        notes.append(f"{refused} of the wrong rows were refused: {rows.refusal}")
    in_slice = len(_select_slice(data, objective.slice, range(len(data.inputs))))
    if len(chosen) < min(in_slice, objective.cap):
        notes.append(f"{in_slice - len(chosen)} rows repeat another, and count once")
    if most / len(chosen) >= objective.limit:
        notes.append(f"always answering {label!r} would be right in {most} of {len(chosen)} rows, and hold this too")
    return tuple(notes)


def _make_slices(groups: Sequence[str], wrong: Sequence[str], objective: Objective) -> tuple[Slice, ...]:
    names = sorted({group for group in groups if group})
    return tuple(make_slice(name, wrong.count(name), groups.count(name), objective.alpha) for name in names)
