"""Inputs that are asked alone before anything happens, so that a later answer shows whether it is theirs.

Tested in tests/suites/integration/test_ids.py.
"""

from __future__ import annotations

from harness.checks.control import Control
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
