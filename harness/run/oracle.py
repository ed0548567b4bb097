"""Oracle: sends rows of numbers to the endpoint, and reads a label and scores for each of them.

Tested in tests/robustness/test_attack_driver.py.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from harness.core.attack import Prediction, Row
from harness.core.errors import ErrorClass, UsageError
from harness.core.exchange import Answer, Exchange, Query, Timing
from harness.core.noise import may_be_noise
from harness.run.session import Session
from harness.run.valid_inputs import Rows

_CONCURRENCY = 8
"""Requests in flight at once: with more than eight connections the client's own CPU is what limits the rate."""
_MOST_ROWS, _MOST_NUMBERS = 128, 200_000
"""Rows, and numbers in them, that one request carries at most."""
_LABELS = ("predictions", "prediction", "labels", "label", "classes", "class")
_SILENT = (ErrorClass.FIRST_BYTE_TIMEOUT, ErrorClass.INTER_TOKEN_TIMEOUT, ErrorClass.TOTAL_TIMEOUT)
_COARSE_VALUES, _ENOUGH_SCORES = 101, 1000
"""As many different values as scores of two decimals have; scores without which this number says nothing."""

_MORE_TIMES, _BATCHES_REFUSED = 4, 2
"""Times that a row which noise has lost is sent besides; batches lost to noise after which rows are sent alone."""

RowAnswer = tuple[Prediction | None, Exchange]
"""The answer to one row, None when no valid one came, and the exchange that it came with."""


def list_numbers(row: Row) -> Any:
    """A row of numbers as a list; a text as it is."""
    return row if isinstance(row, str) else list(map(float, row))


def list_lost(answers: Sequence[RowAnswer]) -> list[int]:
    """The places of the rows without an answer."""
    return [place for place, (reply, _) in enumerate(answers) if reply is None]


class Oracle:
    """Sends rows in batches.

    `rows` counts them by purpose (one row sent is one query), `score_count` the scores in the answers. `decode` makes
    of a row what the service takes; at most `most_repeats` rows are sent again because noise has lost them.
    """

    def __init__(
        self, session: Session, decode: Callable[[Row], Any] = list_numbers, most_repeats: float = math.inf
    ) -> None:
        self.rows: Counter[str] = Counter()
        self.score_count = 0
        self.has_answered = False
        self.most_repeats = most_repeats
        self._decode = decode
        self._refused_batches = 0
        self._session = session
        self._rows = _find_named_rows(session)
        self._takes_one = _takes_one_row(session, self._rows)
        self._width = 1 if self._takes_one else _MOST_ROWS
        self._values: set[float] = set()
        self._has_fine_scores = False

    @property
    def has_coarse_scores(self) -> bool:
        """Whether all scores are rounded: two decimals at most, or no more than 101 values among over a thousand."""
        if not self.score_count:
            return False
        few_values = self.score_count > _ENOUGH_SCORES and len(self._values) <= _COARSE_VALUES
        return few_values or not self._has_fine_scores

    def ask(self, rows: Sequence[Row], purpose: str) -> list[RowAnswer]:
        """The answer to each row.

        A row without an answer is sent once more, alone, so that one row which the service cannot bear does not take
        the others with it. After silence the batch is sent as a whole: else every row would cost a deadline. What noise
        explains is sent up to `_MORE_TIMES` times besides, once the service has answered any row.
        """
        answers = self._send(rows, self._width, purpose)
        lost = list_lost(answers)
        if not lost:
            return answers
        all_lost = len(lost) == len(rows) > 1
        silent = any(answers[place][1].error in _SILENT for place in lost)
        noisy = not silent and all(may_be_noise(answers[place][1]) for place in lost)
        if silent and all_lost and self.rows["again"] == 0:
            silent = self._send(rows[:1], 1, "again")[0][0] is None  # else the batch was too large for the deadline
        self._ask_again(rows, answers, lost, self._width if silent else 1)
        if not silent:
            self._repeat_noisy(rows, answers)
        if all_lost and not silent and all(answers[place][0] for place in lost):
            self._refused_batches += 1 if noisy else _BATCHES_REFUSED
            if self._refused_batches >= _BATCHES_REFUSED:
                self._width = 1  # a service that takes one row a request
        return answers

    def _ask_again(self, rows: Sequence[Row], answers: list[RowAnswer], lost: Sequence[int], width: int) -> None:
        again = self._send([rows[place] for place in lost], width, "again")
        for place, answer in zip(lost, again, strict=True):
            answers[place] = answer

    def _repeat_noisy(self, rows: Sequence[Row], answers: list[RowAnswer]) -> None:
        for _ in range(_MORE_TIMES):
            lost = [place for place in list_lost(answers) if may_be_noise(answers[place][1])]
            if not lost or not self.has_answered or self.rows["again"] + len(lost) > self.most_repeats:
                return
            self._ask_again(rows, answers, lost, 1)

    def replay(self, rows: Sequence[Row]) -> list[RowAnswer]:
        """The answers to rows that are sent alone: their batch may have changed the first answer."""
        answers = self._send(rows, 1, "replay")
        self._repeat_noisy(rows, answers)
        return answers

    def recall(self, row: Row) -> Exchange:
        """An exchange that was answered in an earlier run: its request, without an answer."""
        return Exchange(self._session.request(self._make_query([self._decode(row)])), Timing(0.0))

    def note_answers(self, replies: Sequence[Prediction]) -> None:
        """Count answers of an earlier run."""
        self.rows["recalled"] += len(replies)
        self.has_answered = True
        self._note_scores(replies)

    def _send(self, rows: Sequence[Row], width: int, purpose: str) -> list[RowAnswer]:
        self.rows[purpose] += len(rows)
        width = max(1, min(width, _MOST_NUMBERS // max(1, len(rows[0]))))
        inputs = list(map(self._decode, rows))
        batches = [inputs[start : start + width] for start in range(0, len(inputs), width)]
        queries = [self._make_query(batch) for batch in batches]
        answers: list[RowAnswer] = []
        for batch, exchange in zip(batches, self._session.ask_many(queries, concurrency=_CONCURRENCY), strict=True):
            replies = read_rows(exchange.answer, len(batch)) if exchange.ok and exchange.answer else None
            if replies is None:
                answers += [(None, exchange)] * len(batch)
            else:
                self.has_answered = True
                self._note_scores(replies)
                answers += [(reply, exchange) for reply in replies]
        return answers

    def _make_query(self, batch: list[Any]) -> Query:
        if self._rows is not None:
            return self._rows.query(batch)
        return Query(batch[0] if self._takes_one else batch)

    def _note_scores(self, replies: Sequence[Prediction]) -> None:
        for reply in replies:
            scores = reply.scores or ()
            self.score_count += len(scores)
            if self._has_fine_scores and len(self._values) > _COARSE_VALUES:
                continue
            for score in scores:
                self._has_fine_scores |= abs(score * 100 - round(score * 100)) > 1e-9
                if len(self._values) <= _COARSE_VALUES:
                    self._values.add(score)


def _find_named_rows(session: Session) -> Rows | None:
    """How rows are asked of a service that takes objects of named fields, or texts; None for any other."""
    try:
        rows = Rows(session)
    except UsageError:
        return None
    if rows.has_fields or rows.text:
        return rows
    return None


def _takes_one_row(session: Session, named_rows: Rows | None) -> bool:
    """Whether the service's sample is a single row, so that no batch can be sent."""
    if named_rows is not None:
        return not named_rows.batches
    try:
        sample = session.sample().inputs
    except UsageError:
        return False
    return isinstance(sample, list) and bool(sample) and type(sample[0]) in (int, float)


def read_rows(answer: Answer, n: int) -> list[Prediction] | None:
    """One reply for each of n rows; None where the answer holds neither a label nor scores for every row.

    Scores are an (n, classes) output, one named prob… before any other; without a label the highest score is it. A
    label is an output of that name, else the only one of its form: among several (row numbers, times) there is none.
    """
    outputs = answer.row_outputs or {"label": answer.text}
    if n == 1:
        outputs = _unwrap_single(outputs)
    matrices = {name: matrix for name, value in outputs.items() if (matrix := _read_matrix(value, n))}
    ranked = sorted(matrices, key=lambda name: not name.lower().startswith("prob"))
    scores = matrices[ranked[0]] if ranked else None
    columns = {name: column for name, value in outputs.items() if (column := _read_column(value, n))}
    candidates = [columns[name] for name in _LABELS if name in columns]
    if not candidates and len(columns) == 1:
        candidates = list(columns.values())
    if candidates:
        labels = candidates[0]
    elif scores is not None:
        labels = [max(range(len(row)), key=row.__getitem__) for row in scores]
    else:
        return None
    return [Prediction(label, scores[place] if scores else None) for place, label in enumerate(labels)]


def read_numbers(answer: Answer, n: int) -> list[float] | None:
    """The number answered to each of n rows: in an output of a label's name, else the only one of this form."""
    outputs = answer.row_outputs or {"label": answer.text}
    if n == 1:
        outputs = _unwrap_single(outputs)
    columns = {name: column for name, value in outputs.items() if (column := _read_number_column(value, n))}
    candidates = [columns[name] for name in _LABELS if name in columns]
    if not candidates and len(columns) == 1:
        candidates = list(columns.values())
    return candidates[0] if candidates else None


def read_vectors(answer: Answer, n: int) -> list[tuple[float, ...]] | None:
    """The vector answered to each of n rows, from the only output of this form."""
    outputs = _unwrap_single(answer.row_outputs) if n == 1 else answer.row_outputs
    matrices = [matrix for value in outputs.values() if (matrix := _read_matrix(value, n))]
    return matrices[0] if len(matrices) == 1 else None


def read_ranking(answer: Answer) -> tuple[float, ...] | None:
    """The score answered to each document of one query, in their order; documents that are left out come last."""
    scores = _unwrap_single(dict(answer.outputs)).get("scores")
    if isinstance(scores, list) and len(scores) == 1 and isinstance(scores[0], list):
        scores = scores[0]
    if not isinstance(scores, list) or not scores or not all(type(score) in (int, float) for score in scores):
        return None
    if not all(map(math.isfinite, scores)):
        return None
    places = answer.outputs.get("index") or range(len(scores))
    by_place = dict(zip(places, map(float, scores), strict=True))
    return tuple(by_place.get(place, min(scores) - 1.0) for place in range(max(places) + 1))


def _unwrap_single(outputs: dict[str, Any]) -> dict[str, Any]:
    """The outputs for one row, each as a list of one entry.

    A bare number beside lists (a time, a counter) belongs to the request, unless it is named a label.
    """
    has_lists = any(isinstance(value, list) for value in outputs.values())
    entries = {}
    for name, value in outputs.items():
        if has_lists and name not in _LABELS and type(value) in (int, float):
            continue
        entries[name] = value if isinstance(value, list) and len(value) == 1 else [value]
    return entries


def _read_matrix(value: Any, n: int) -> list[tuple[float, ...]] | None:
    """n rows of at least two finite numbers, or None."""
    if not isinstance(value, list) or len(value) != n:
        return None
    if not value or not all(isinstance(row, list) and len(row) > 1 for row in value):
        return None
    for row in value:
        if not all(type(number) in (int, float) and math.isfinite(number) for number in row):
            return None
    return [tuple(row) for row in value]


def _read_number_column(value: Any, n: int) -> list[float] | None:
    """n finite numbers, each bare, as text, or in a list of its own, or None."""
    if not isinstance(value, list) or len(value) != n:
        return None
    numbers = []
    for entry in value:
        bare = entry[0] if isinstance(entry, list) and len(entry) == 1 else entry
        try:
            number = math.nan if isinstance(bare, bool) or not isinstance(bare, int | float | str) else float(bare)
        except (ValueError, OverflowError):
            return None
        if not math.isfinite(number):
            return None
        numbers.append(number)
    return numbers


def _read_column(value: Any, n: int) -> list[int | str] | None:
    """n texts or whole numbers, each bare or in a list of its own, or None."""
    if not isinstance(value, list) or len(value) != n:
        return None
    flat: list[Any] = [entry[0] if isinstance(entry, list) and len(entry) == 1 else entry for entry in value]
    if all(isinstance(entry, str) for entry in flat):
        return flat
    if all(type(entry) in (int, float) and float(entry).is_integer() for entry in flat):
        return [int(entry) for entry in flat]
    return None
