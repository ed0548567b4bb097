"""Requests with an empty answer are asked again: a model may have nothing to say now and then.

Tested in tests/wrong_verdicts/test_model_habits.py.
"""

from __future__ import annotations

from harness.checks.generation.thinking import EMPTY_TRIES, explain_no_text, has_text
from harness.core.exchange import Exchange, Query
from harness.run.session import Session


def ask_again_if_empty(session: Session, exchange: Exchange, query: Query) -> list[Exchange]:
    """The answers to a query whose first answer was `exchange`, asked again until one has a text or is no success.

    At most `EMPTY_TRIES` answers in all; no more if the limit of tokens explains why there is no text.
    """
    again: list[Exchange] = []
    last = exchange
    while len(again) < EMPTY_TRIES - 1 and last.ok and not has_text(last) and not explain_no_text(last):
        last = session.ask(query)
        again.append(last)
    return again
