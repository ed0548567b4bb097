"""Accuracy: ask the endpoint for labelled rows, each at most once a run, and judge the share of wrong ones."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from itertools import islice

from harness.checks.common import TOO_MANY_REQUESTS, find_harness_error
from harness.core.dataset import Dataset
from harness.core.errors import ErrorClass
from harness.core.exchange import Exchange
from harness.core.objective import Objective
from harness.core.plan import PlannedCheck
from harness.core.verdict import Slice, Verdict, make_inconclusive
from harness.run.oracle import read
from harness.run.rate_judging import judge_fixed, right_share, unrepeated
from harness.run.session import Session
from harness.run.valid_inputs import Rows

_WIDTH, _CONCURRENCY = 32, 4
"""Rows in one request, where the service takes batches; and requests under way at once."""
_SILENT = (ErrorClass.FIRST_BYTE_TIMEOUT, ErrorClass.INTER_TOKEN_TIMEOUT, ErrorClass.TOTAL_TIMEOUT, ErrorClass.GONE)


class Asked:
    """The rows asked so far: `labels` holds the label answered to each (None: none), `exchanges` how it came.

    Objectives of one run share it, so no row is asked twice for two of them.
    """

    def __init__(self, session: Session, data: Dataset) -> None:
        self.data = data
        self.labels: dict[int, str | None] = {}
        self.exchanges: dict[int, Exchange] = {}
        self._rows = Rows(session)
        self._width = _WIDTH if self._rows.batches and not isinstance(data.inputs[0], str) else 1
        self._proven = self._width == 1
        self.order = list(range(len(data.inputs)))
        random.Random(f"{session.settings.seed} accuracy").shuffle(self.order)

    def ask(self, wanted: Sequence[int]) -> None:
        """Ask for the rows that were not asked yet. The first batch goes alone: a service may refuse them all.

        Rows of a batch that fails are asked alone, so that one row does not take the others with it; after silence
        they are not, since every row would cost a deadline, unless one of the first batch is answered alone.
        """
        left = [number for number in wanted if number not in self.labels]
        if not self._proven and left:
            self._send([left[: self._width]])
            self._proven = True
            left = [number for number in left if number not in self.labels]
        self._send([left[at : at + self._width] for at in range(0, len(left), self._width)])

    def _send(self, parts: Sequence[Sequence[int]]) -> None:
        session = self._rows.session
        alone: list[int] = []
        queries = [self._rows.query([self.data.inputs[number] for number in part]) for part in parts]
        for part, exchange in zip(parts, session.ask_many(queries, concurrency=_CONCURRENCY), strict=True):
            replies = read(exchange.answer, len(part)) if exchange.ok and exchange.answer else None
            if replies is None and len(part) > 1 and (exchange.error not in _SILENT or self._too_many(part[0])):
                alone += [number for number in part if number not in self.labels]
                continue
            for index, number in enumerate(part):
                self.labels[number] = str(replies[index].label).strip() if replies else None
                self.exchanges[number] = exchange
        if alone:
            if not self._proven:
                self._width = 1
            self._send([[number] for number in alone])

    def _too_many(self, number: int) -> bool:
        """Whether a row of a first batch that met silence is answered alone: the batch was too much, not the row."""
        if not self._proven:
            self._send([[number]])
        return not self._proven and self.labels[number] is not None


def judge_accuracy(session: Session, asked: Asked, objective: Objective, check: PlannedCheck) -> Verdict:
    """The share of rows answered wrongly, over all rows or those of the objective's slice, at most its cap of them.

    A row that the endpoint failed on is wrong, and one that repeats another is not asked. Every group of the data is
    shown as a slice, not judged.
    """
    data = asked.data
    if data.labels is None or any(isinstance(label, float | list | dict) for label in data.labels):
        return make_inconclusive(f"{data.name} holds no classes as labels: accuracy needs whole numbers or text", n=0)
    groups = data.groups or ("",) * len(data.inputs)
    part = objective.slice
    there = [number for number in asked.order if part is None or groups[number] == part]
    wanted = list(islice(unrepeated(data, there), objective.cap))
    if not wanted:
        others = ", ".join(sorted({group for group in groups if group})[:20]) or "none"
        return make_inconclusive(f"the data hold no slice {part!r}; there are: {others}", n=0)
    asked.ask(wanted)
    if broken := find_harness_error(*(asked.exchanges[number] for number in wanted)):
        return broken
    if all(asked.labels[number] is None and asked.exchanges[number].ok for number in wanted):
        shown = session.show("a valid answer in which no label and no scores are found", asked.exchanges[wanted[0]])
        return make_inconclusive(shown.summary, n=0, counterexamples=(shown,))
    wrong = [number for number in wanted if asked.labels[number] != str(data.labels[number])]
    failed = [asked.exchanges[number] for number in wanted if asked.labels[number] is None]
    examples = tuple(session.show(_told(asked, number), asked.exchanges[number]) for number in wrong[:1])
    notes = [f"rows drawn by seed {session.settings.seed} out of {len(data.inputs)}"]
    notes += [f"{len(failed)} of the wrong rows had no answer with a label"] if failed else []
    if len(wanted) < min(len(there), objective.cap):
        notes.append(f"{len(there) - len(wanted)} rows repeat another, and count once")
    label, most = Counter(str(data.labels[number]) for number in wanted).most_common(1)[0]
    if most / len(wanted) >= objective.limit:
        notes.append(f"always answering {label!r} would be right in {most} of {len(wanted)} rows, and hold this too")
    return judge_fixed(
        len(wrong),
        len(wanted),
        objective,
        check,
        what="rows were answered wrongly",
        declined=sum(exchange.status == TOO_MANY_REQUESTS for exchange in failed),
        examples=examples,
        slices=_slices([groups[number] for number in wanted], [groups[number] for number in wrong], objective.alpha),
        notes=tuple(notes),
    )


def _told(asked: Asked, number: int) -> str:
    label, exchange = asked.labels[number], asked.exchanges[number]
    wanted = asked.data.labels[number] if asked.data.labels else None
    if label is None and not exchange.ok:
        return f"row {number}, labelled {wanted!r}, has no answer: {exchange.outcome}"
    said = "an answer without a label" if label is None else repr(label)
    return f"row {number}, labelled {wanted!r}, is answered {said}"


def _slices(groups: Sequence[str], wrong: Sequence[str], alpha: float) -> tuple[Slice, ...]:
    names = sorted({group for group in groups if group})
    return tuple(right_share(name, wrong.count(name), groups.count(name), alpha) for name in names)
