"""Ask the labelled rows: in batches, side by side, each once; what came is kept as columns, and no exchange beside.

Tested in tests/suites/validation/test_accuracy.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from harness.checks.common import TOO_MANY_REQUESTS
from harness.checks.generation.text_cases import is_cut
from harness.checks.generation.thinking import explain_no_text
from harness.core.answer_class import describe_refusal, is_refusal
from harness.core.dataset import Dataset
from harness.core.errors import ErrorClass
from harness.core.exchange import Answer, Exchange
from harness.core.noise import may_be_noise
from harness.core.retry_after import is_declined
from harness.run.oracle import read_numbers, read_ranking, read_rows, read_vectors
from harness.run.session import Session
from harness.run.valid_inputs import Rows

BATCH_WIDTH = 32
"""Rows in one request, where the service takes batches."""
_CONCURRENCY, _WAVE = 4, 256
"""Requests under way at once; and requests whose exchanges are in memory at once."""
_POSTPONED = 2
"""The mark of a row that is asked a second time; 1 is that of one whose answer is kept."""
_SILENT = (ErrorClass.FIRST_BYTE_TIMEOUT, ErrorClass.INTER_TOKEN_TIMEOUT, ErrorClass.TOTAL_TIMEOUT, ErrorClass.GONE)


class RowState(StrEnum):
    """What became of a row: answered, answered without anything to read, failed, failed with 429 or another 4xx."""

    ANSWERED = "answered"
    UNLABELLED = "unlabelled"
    FAILED = "failed"
    DECLINED = "declined"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class RowBatch:
    """What one request brought: a line of `validation/answers.jsonl`.

    `rows` are places in the data. `labels`, `scores`, `numbers` and `vectors` have an entry for each row, or are None
    where the answer holds none; of a ranking the scores are those of the documents. `cut`: the limit of tokens ended a
    text. `confidence` is the probability of a text by the log-probabilities of its tokens, None where they are not
    stated. `spent` says that the limit of tokens left none for a text, `refusal` how rows were refused.
    """

    rows: tuple[int, ...]
    state: RowState
    labels: tuple[str, ...] | None = None
    scores: tuple[tuple[float, ...], ...] | None = None
    numbers: tuple[float, ...] | None = None
    vectors: tuple[tuple[float, ...], ...] | None = None
    cut: bool = False
    confidence: float | None = None
    spent: str = ""
    refusal: str = ""


Keep = Callable[[RowBatch, Exchange], None]
"""Takes what a request brought, and the exchange, which is not kept anywhere else."""


class RowAsker:
    """Asks for rows in batches. `expect` takes the number of requests that come.

    At most `most_repeats` rows are asked a second time, because noise explains why they failed; `repeats` counts them.
    """

    def __init__(
        self, session: Session, data: Dataset, keep: Keep, expect: Callable[[int], None], most_repeats: int = 0
    ) -> None:
        self.repeats = 0
        self._most_repeats, self._postponed, self._has_answered = most_repeats, list[int](), False
        self._data, self._keep, self._expect = data, keep, expect
        self._rows = Rows(session)
        self._width = 1
        if self._rows.batches and not isinstance(data.inputs[0], str) and data.answers != "ranking":
            self._width = BATCH_WIDTH
        self._proven = self._width == 1
        self._asked = bytearray(len(data.inputs))
        self._binary, self._kind = list_binary_classes(data), data.asked_for

    def skip(self, numbers: Sequence[int]) -> None:
        """Do not ask for these rows: their answers are known from an earlier run."""
        for number in numbers:
            self._asked[number] = 1

    def ask(self, numbers: Sequence[int]) -> None:
        """Ask for these rows, as far as they were not. The first batch goes alone: a service may refuse all batches.

        Rows of a batch that fails are asked alone, so that one row does not take the others with it; after silence
        they are not, since every row would cost a deadline, unless one of the first batch is answered alone.
        """
        left = [number for number in numbers if not self._asked[number]]
        if left and not self._proven:
            self._send([left[: self._width]])
            self._proven = True
            left = [number for number in left if not self._asked[number]]
        self._send([left[start : start + self._width] for start in range(0, len(left), self._width)])
        postponed, self._postponed = self._postponed, []
        self._send([[number] for number in postponed])

    def _send(self, batches: Sequence[Sequence[int]]) -> None:
        alone: list[int] = []
        self._expect(len(batches))
        for start in range(0, len(batches), _WAVE):
            wave = batches[start : start + _WAVE]
            queries = [self._rows.query([self._data.inputs[number] for number in batch]) for batch in wave]
            for place, exchange in self._rows.session.ask_as_they_end(queries, concurrency=_CONCURRENCY):
                alone += self._take(wave[place], exchange)
        if alone:
            if not self._proven:
                self._width = 1
            self._send([[number] for number in alone])

    def _take(self, batch: Sequence[int], exchange: Exchange) -> list[int]:
        """Keep what a request brought; return the rows that must be asked alone instead."""
        read = self._read(exchange.answer, len(batch)) if exchange.ok and exchange.answer else None
        if not read and len(batch) > 1 and (exchange.error not in _SILENT or self._is_too_large(batch)):
            return [number for number in batch if not self._asked[number]]
        self._has_answered |= read is not None
        if self._may_repeat(batch, exchange):
            self.repeats += len(batch)
            self._postponed += batch
            for number in batch:
                self._asked[number] = _POSTPONED
        else:
            state, cut = _classify_rows(exchange, read), exchange.answer is not None and is_cut(exchange.answer)
            refusal = describe_refusal(exchange) if state is RowState.REFUSED else ""
            spent = explain_no_text(exchange)
            self.skip(batch)
            self._keep(RowBatch(tuple(batch), state, **read or {}, cut=cut, spent=spent, refusal=refusal), exchange)
        return []

    def _may_repeat(self, batch: Sequence[int], exchange: Exchange) -> bool:
        """Whether noise explains the failure of rows that a service which answers was asked once, within the budget.

        What was declined for now has been repeated by the client, and who is gone does not come back.
        """
        if not self._has_answered or not may_be_noise(exchange) or is_declined(exchange):
            return False
        if exchange.error is ErrorClass.GONE or self.repeats + len(batch) > self._most_repeats:
            return False
        return not any(self._asked[number] == _POSTPONED for number in batch)

    def _is_too_large(self, batch: Sequence[int]) -> bool:
        """Whether the first batch met silence, but its first row alone is answered: the row is not what is wrong."""
        if self._proven:
            return False
        states: list[RowState] = []
        keep = self._keep

        def watch(row: RowBatch, exchange: Exchange) -> None:
            states.append(row.state)
            keep(row, exchange)

        self._keep = watch
        self._send([batch[:1]])
        self._keep = keep
        return states == [RowState.ANSWERED]

    def _read(self, answer: Answer, n: int) -> dict[str, Any] | None:
        """The columns that the answer has for n rows, by the task of the data; None where it has none."""
        if self._kind == "vectors":
            vectors = read_vectors(answer, n)
            return None if vectors is None else {"vectors": tuple(vectors)}
        if self._kind == "ranking":
            ranking = read_ranking(answer)
            return None if ranking is None else {"scores": (ranking,)}
        if self._kind == "numbers":
            numbers = read_numbers(answer, n)
            return None if numbers is None else {"numbers": tuple(numbers)}
        if replies := read_rows(answer, n):
            labels = tuple(self._name_class(str(reply.label).strip()) for reply in replies)
            scores = [reply.scores for reply in replies]
            if None in scores:
                return {"labels": labels, "confidence": read_confidence(answer)}
            return {"labels": labels, "scores": tuple(scores)}
        chances = read_numbers(answer, n) if self._binary else None
        if chances is None or not all(0 <= chance <= 1 for chance in chances):
            return None
        labels = tuple(self._binary[chance >= 0.5] for chance in chances)
        return {"labels": labels, "scores": tuple((1 - chance, chance) for chance in chances)}

    def _name_class(self, label: str) -> str:
        """The class of this number, where the configuration names the classes in their order and none is a number."""
        classes = self._data.classes
        if label in classes or not label.isdecimal() or int(label) >= len(classes):
            return label
        return classes[int(label)]


def read_confidence(answer: Answer) -> float | None:
    """The probability of the text: the product of its tokens'; None where the tokens are not those of the text."""
    tokens = answer.logprobs
    if not tokens or "".join(token.token for token in tokens).strip() != (answer.text or "").strip():
        return None
    return math.exp(min(0.0, sum(token.logprob for token in tokens)))


def list_binary_classes(data: Dataset) -> tuple[str, ...]:
    """The two classes of the labels, that of a single score last; none where there are not two."""
    known = data.classes or tuple(sorted({str(label) for label in data.labels or ()}))
    return known if len(known) == 2 else ()


def _classify_rows(exchange: Exchange, read: Mapping[str, Any] | None) -> RowState:
    if read:
        return RowState.ANSWERED
    if exchange.ok:
        return RowState.UNLABELLED
    if exchange.status == TOO_MANY_REQUESTS:
        return RowState.DECLINED
    return RowState.REFUSED if is_refusal(exchange) else RowState.FAILED
