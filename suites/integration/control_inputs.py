"""Inputs that are asked alone before anything happens, so that a later answer shows whether it is theirs.

Tested in tests/suites/integration/test_ids.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.checks.control import Control
from harness.checks.isolation.crosstalk import Round, list_doubtful
from harness.core.exchange import Query
from harness.run.asking_in_turn import ask_in_turn
from harness.run.valid_inputs import Rows
from harness.suite import Session


def ask_alone(ai_client: Session, n: int) -> tuple[list[Query], Control]:
    """n distinct inputs, and their answers alone, asked twice.

    Without a promise of determinism the answers of a language model are known by the codes that they repeat.
    """
    rows = Rows(ai_client)
    queries = [rows.query([row]) for row in rows.draw_distinct(n)]
    asked = ask_in_turn(ai_client.ask, queries * 2)
    may_reword = rows.text and not ai_client.promises.deterministic
    marks: list[str] = []
    if rows.has_codes and may_reword:
        marks = [str(query.inputs).split()[-1] for query in queries]
    return queries, Control(asked[: len(queries)], asked[len(queries) :], marks, may_reword)


MOST_ASKED_LATER = 64
"""The most requests of `ask_later`."""


def ask_later(ai_client: Session, queries: Sequence[Query], control: Control, rounds: Sequence[Round]) -> Round:
    """The inputs alone once more, where answers beside others lack so much that chance must be looked at; else none."""
    numbers = list_doubtful(control, rounds)
    return list(zip(numbers, ask_in_turn(ai_client.ask, list(map(queries.__getitem__, numbers))), strict=True))
