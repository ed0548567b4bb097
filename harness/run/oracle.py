"""Oracle: sends rows of numbers to the endpoint, and reads a label and scores for each of them.

Tested in tests/robustness/test_attack_driver.py.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from harness.core.attack import Reply, Row
from harness.core.errors import ErrorClass, UsageError
from harness.core.exchange import Answer, Exchange, Query
from harness.run.session import Session

_CONCURRENCY = 8
"""Requests under way at once: beyond eight connections the client's own CPU is what is waited for."""
_ROWS, NUMBERS = 128, 200_000
"""Rows, and numbers in them, that one request carries at most."""
_LABELS = ("predictions", "prediction", "labels", "label", "classes", "class")
_SILENT = (ErrorClass.FIRST_BYTE_TIMEOUT, ErrorClass.INTER_TOKEN_TIMEOUT, ErrorClass.TOTAL_TIMEOUT)

RowAnswer = tuple[Reply | None, Exchange]
"""What was said of one row, None when no valid answer came, and the exchange that it came with."""


class Oracle:
    """Sends rows in batches; `sent` counts them by purpose (one row sent is one query), `scored` the scores seen."""

    def __init__(self, session: Session) -> None:
        self.sent: Counter[str] = Counter()
        self.scored = 0
        self._session = session
        self._flat = _takes_one(session)
        self._width = 1 if self._flat else _ROWS
        self._scores: set[float] = set()
        self._fine = False

    @property
    def coarse(self) -> bool:
        """Whether all scores are rounded: two decimals at most, or no more than 101 values among over a thousand."""
        return self.scored > 0 and (not self._fine or (self.scored > 1000 and len(self._scores) <= 101))

    def ask(self, rows: Sequence[Row], purpose: str) -> list[RowAnswer]:
        """What is said of each row.

        A row without an answer is sent once more, alone, so that one row which the service cannot bear does not take
        the others with it. After silence the batch stays together: else every row would cost a deadline.
        """
        found = self._send(rows, self._width, purpose)
        lost = [index for index, (reply, _) in enumerate(found) if reply is None]
        if not lost:
            return found
        silent = any(found[index][1].error in _SILENT for index in lost)
        if silent and len(lost) == len(rows) > 1 and self.sent["again"] == 0:
            silent = self._send(rows[:1], 1, "again")[0][0] is None  # else the batch was too much, not the row
        again = self._send([rows[index] for index in lost], self._width if silent else 1, "again")
        for index, said in zip(lost, again, strict=True):
            found[index] = said
        if len(lost) == len(rows) > 1 and not silent and all(reply for reply, _ in again):
            self._width = 1  # a service that takes one row a request
        return found

    def replay(self, row: Row, times: int) -> list[RowAnswer]:
        """What is said of one row each time that it is sent alone: the batch may have been what made the answer."""
        return self._send([row] * times, 1, "replay")

    def _send(self, rows: Sequence[Row], width: int, purpose: str) -> list[RowAnswer]:
        self.sent[purpose] += len(rows)
        width = max(1, min(width, NUMBERS // max(1, len(rows[0]))))
        parts = [[list(map(float, row)) for row in rows[at : at + width]] for at in range(0, len(rows), width)]
        queries = [Query(part[0] if self._flat else part) for part in parts]
        found: list[RowAnswer] = []
        for part, exchange in zip(parts, self._session.ask_many(queries, concurrency=_CONCURRENCY), strict=True):
            replies = read_rows(exchange.answer, len(part)) if exchange.ok and exchange.answer else None
            self._notice(replies or [])
            found += [(replies[index] if replies else None, exchange) for index in range(len(part))]
        return found

    def _notice(self, replies: Sequence[Reply]) -> None:
        scores = [score for reply in replies for score in reply.scores or ()]
        self.scored += len(scores)
        self._fine = self._fine or any(abs(score * 100 - round(score * 100)) > 1e-9 for score in scores)
        if len(self._scores) <= 101:
            self._scores.update(scores)


def _takes_one(session: Session) -> bool:
    """Whether the service's sample is a single row of numbers, so that no batch can be sent."""
    try:
        sample = session.sample().inputs
    except UsageError:
        return False
    return isinstance(sample, list) and bool(sample) and type(sample[0]) in (int, float)


def read_rows(answer: Answer, n: int) -> list[Reply] | None:
    """One reply for each of n rows; None where the answer holds neither a label nor scores for every row.

    Scores are an (n, classes) output, one named prob… before any other; without a label the highest score is it. A
    label is an output of that name, else the only one of its form: of several (row numbers, times) none is it.
    """
    outputs = dict(answer.outputs) or {"label": answer.text}
    if n == 1:
        # A bare number beside lists (a time, a counter) belongs to the request, unless it is named a label.
        lists = any(isinstance(value, list) for value in outputs.values())
        bare = [k for k, v in outputs.items() if lists and k not in _LABELS and type(v) in (int, float)]
        kept = {k: v for k, v in outputs.items() if k not in bare}
        outputs = {k: v if isinstance(v, list) and len(v) == 1 else [v] for k, v in kept.items()}
    ranked = sorted(outputs, key=lambda name: not name.lower().startswith("prob"))
    scores = next((found for name in ranked if (found := _matrix(outputs[name], n))), None)
    columns = {name: column for name, value in outputs.items() if (column := _column(value, n))}
    named = [columns[name] for name in _LABELS if name in columns] or list(columns.values())[: len(columns) == 1]
    labels = named[0] if named else None
    if labels is None and scores is not None:
        labels = [max(range(len(row)), key=row.__getitem__) for row in scores]
    if labels is None:
        return None
    return [Reply(label, scores[index] if scores else None) for index, label in enumerate(labels)]


def _matrix(value: Any, n: int) -> list[tuple[float, ...]] | None:
    rows = value if isinstance(value, list) and len(value) == n else []
    wide = bool(rows) and all(isinstance(row, list) and len(row) > 1 for row in rows)
    if wide and all(type(each) in (int, float) and math.isfinite(each) for row in rows for each in row):
        return [tuple(row) for row in rows]
    return None


def _column(value: Any, n: int) -> list[int | str] | None:
    rows = value if isinstance(value, list) and len(value) == n else [None]
    flat: list[Any] = [each[0] if isinstance(each, list) and len(each) == 1 else each for each in rows]
    if all(isinstance(each, str) for each in flat):
        return flat
    whole = all(type(each) in (int, float) and float(each).is_integer() for each in flat)
    return [int(each) for each in flat] if whole else None
