"""The ledger of an attack: every row that was answered, in order, so that an attack that was cut off can go on.

A line of `adversarial/ATTACK.queries.jsonl` is one round: for each row the input's number, the row's digest, the label
and the scores. A search is a function of its seed and the answers, so the same rows come again in a later run: with
`[adversarial] resume` their answers are read from the file, and no row is asked twice.

Tested in tests/robustness/test_query_ledger.py.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.core.attack import Prediction, Row
from harness.core.errors import UsageError
from harness.run.oracle import Oracle, RowAnswer, list_lost

Append = Callable[[Any], None]
"""Appends a line to the ledger's file."""
_Key = tuple[int, str]
"""An input's number, and a row's digest with its purpose."""


@dataclass(frozen=True, slots=True)
class Question:
    """A row that is asked for an input."""

    number: int
    row: Row


def compute_row_digest(row: Row) -> str:
    """Sixteen digits that stand for a row."""
    data = row.encode() if isinstance(row, str) else np.asarray(row, dtype=np.float64).tobytes()
    return hashlib.sha256(data).hexdigest()[:16]


def ignore_line(line: Any) -> None:
    """For an attack whose rows nobody writes down."""


class QueryLedger:
    """Asks an oracle, writes down what it answers, and reads the answers of an earlier run first.

    `head` says what the answers depend on; a file with another head is refused.
    """

    def __init__(self, oracle: Oracle, append: Append = ignore_line, head: Mapping[str, Any] | None = None) -> None:
        self.oracle = oracle
        self._append = append
        self._head = dict(head or {})
        self._known: defaultdict[_Key, deque[Prediction]] = defaultdict(deque)
        append({"head": self._head})

    def read(self, path: Path) -> None:
        """Take the answers of an earlier run. Raises `UsageError` for a file that cannot be read, or of another run."""
        try:
            lines = path.read_bytes().splitlines()
        except OSError as error:
            raise UsageError(f"[adversarial] resume: {path} cannot be read ({error.strerror})") from None
        for position, data in enumerate(lines):
            line = _parse(data)
            if position == 0:
                self._check_head(line.get("head"), path)
            try:
                for number, digest, label, scores in line.get("rows", ()):
                    reply = Prediction(label, None if scores is None else tuple(scores))
                    self._known[number, f"{line['purpose']} {digest}"].append(reply)
            except (KeyError, TypeError, ValueError):
                raise UsageError(
                    f"[adversarial] resume: {path}:{position + 1} is not a valid line of a ledger"
                ) from None

    def _check_head(self, head: Any, path: Path) -> None:
        for name, value in self._head.items():
            theirs = head.get(name) if isinstance(head, dict) else None
            if theirs != json.loads(json.dumps(value)):
                raise UsageError(
                    f"[adversarial] resume: {path} was recorded with {name} {theirs!r:.60}, now it is {value!r:.60}; "
                    "give the same data, settings, seed and endpoint as that run had, or remove the key resume"
                )

    def ask(self, questions: Sequence[Question], purpose: str) -> list[RowAnswer]:
        """The answer to each row, in order; raises as `Oracle.ask`."""
        return self._answer(questions, purpose, lambda rows: self.oracle.ask(rows, purpose))

    def replay(self, questions: Sequence[Question], times: int) -> list[RowAnswer]:
        """The answers to rows that are sent alone, so many times each, one row after the other."""
        repeated = [question for question in questions for _ in range(times)]
        return self._answer(repeated, "replay", self.oracle.replay)

    def _answer(
        self, questions: Sequence[Question], purpose: str, ask: Callable[[list[Row]], list[RowAnswer]]
    ) -> list[RowAnswer]:
        keys = [(question.number, compute_row_digest(question.row)) for question in questions]
        recalled: list[RowAnswer | None] = []
        for question, (number, digest) in zip(questions, keys, strict=True):
            replies = self._known.get((number, f"{purpose} {digest}"))
            recalled.append((replies.popleft(), self.oracle.recall(question.row)) if replies else None)
        unknown = [question.row for question, answer in zip(questions, recalled, strict=True) if answer is None]
        if len(unknown) < len(questions):
            self.oracle.note_answers([answer[0] for answer in recalled if answer and answer[0]])
        asked: Iterator[RowAnswer] = iter(ask(unknown)) if unknown else iter(())
        answers = [answer or next(asked) for answer in recalled]
        self._write(keys, answers, purpose)
        return answers

    def _write(self, keys: Sequence[_Key], answers: Sequence[RowAnswer], purpose: str) -> None:
        lost = set(list_lost(answers))
        rows = []
        for place, ((number, digest), (reply, _)) in enumerate(zip(keys, answers, strict=True)):
            if place not in lost and reply is not None:
                rows.append([number, digest, reply.label, reply.scores])
        self._append({"purpose": purpose, "rows": rows})


def _parse(data: bytes) -> dict[str, Any]:
    """A line of the file; a line that a kill has torn holds nothing."""
    try:
        line = json.loads(data)
    except ValueError:
        return {}
    return line if isinstance(line, dict) else {}
