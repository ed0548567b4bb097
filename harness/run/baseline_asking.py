"""The second endpoint of a comparison on labelled rows: asked in turns with the endpoint, each row once.

Tested in tests/run/test_row_comparison.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from harness.checks.common import find_harness_error
from harness.core.dataset import Dataset
from harness.core.exchange import Exchange
from harness.run.row_asking import RowAsker, RowBatch, RowState
from harness.run.session import Session

BASELINE_ANSWERS = "validation/baseline-answers.jsonl"
"""The file of the run directory with what the second endpoint answered: a `RowBatch` a line."""


class BaselineAsker:
    """Asks the second endpoint for rows as long as it answers any; `problem` says why it is asked no more.

    `earlier` has what it answered in an earlier run; at most `most_repeats` rows are asked a second time.
    """

    def __init__(
        self,
        session: Session,
        data: Dataset,
        expect: Callable[[int], None],
        write: Callable[[RowBatch], None],
        earlier: Iterable[RowBatch] = (),
        most_repeats: int = 0,
    ) -> None:
        session.is_reached = True
        self.problem = ""
        self._url, self._write = session.endpoint.url, write
        self._asker = RowAsker(session, data, self._keep, expect, most_repeats)
        self._has_answered, self._failure = False, ""
        for batch in earlier:
            self._asker.skip(batch.rows)
            self._note(batch)

    def ask(self, rows: Sequence[int]) -> None:
        """Ask for these rows, if it has answered any of those before."""
        if self.problem:
            return
        self._asker.ask(rows)
        if not self._has_answered:
            self.problem = f"{self._url} answers none of the first {len(rows)} rows: {self._failure}"

    def _keep(self, batch: RowBatch, exchange: Exchange) -> None:
        if batch.state is RowState.UNLABELLED and batch.spent:
            batch = replace(batch, state=RowState.DECLINED)  # whether it would have been right is not known
        self._note(batch)
        unreached = find_harness_error(exchange)
        self._failure = unreached.reason if unreached else exchange.outcome

    def _note(self, batch: RowBatch) -> None:
        self._write(batch)
        self._has_answered |= batch.state is RowState.ANSWERED
