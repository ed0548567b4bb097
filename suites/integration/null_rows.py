"""Rows that lack a value, alone and beside ordinary rows.

Tested in tests/suites/integration/test_null_rows.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.checks.answers.null_rows import NullTrial
from harness.core.errors import UsageError
from harness.core.exchange import Exchange
from harness.run.valid_inputs import Rows
from harness.suite import Session

_FIELDS, _OTHERS = 4, 2
_LARGE = 2**53 + 1
"""The first whole number that a fraction of 64 bits rounds."""
NULL_REQUESTS = _FIELDS * (2 + 2 + 2 + _OTHERS)
_ORDER = (int, float, bool, str)


def ask_null_rows(session: Session, rows: Rows) -> list[NullTrial]:
    """For some fields, whole numbers first: a row with null there, or else without the field, and it beside others."""
    sample = rows.row
    trials: list[NullTrial] = []
    if isinstance(sample, dict | list):
        ordinary = [sample, *rows.draw_fresh(_OTHERS, "nulls")]
        for place in _choose_fields(sample):
            if trial := _try_field(session, rows, ordinary, place):
                trials.append(trial)
    return trials


def _try_field(session: Session, rows: Rows, ordinary: Sequence[Any], place: Any) -> NullTrial | None:
    """The first way to leave a field empty that is answered alone, beside the ordinary rows; else one refused.

    None: the protocol cannot send such a row, as tensors in bytes have no null.
    """
    refused: list[NullTrial] = []
    for name, lacking in _empty_field(ordinary[0], place):
        query = rows.query([lacking])
        try:
            session.request(query)
        except UsageError:
            continue
        trial = NullTrial(name, session.ask(query))
        if trial.alone.ok:
            return _ask_beside(session, rows, trial, _add_large(ordinary, place), lacking)
        refused.append(trial)
    return refused[0] if refused else None


def _choose_fields(row: Any) -> list[Any]:
    """The places of at most `_FIELDS` values of a row: whole numbers first, the largest first."""
    places = list(row) if isinstance(row, dict) else range(len(row))

    def is_scalar(place: Any) -> bool:
        return type(row[place]) in _ORDER

    def rank(place: Any) -> tuple[int, float]:
        value = row[place]
        return _ORDER.index(type(value)), -abs(value) if isinstance(value, int | float) else 0.0

    return sorted(filter(is_scalar, places), key=rank)[:_FIELDS]


def _empty_field(row: Any, place: Any) -> list[tuple[str, Any]]:
    """The row with null in a field, and without the field where it has a name."""
    if isinstance(row, list):
        return [(f"null in its place {place}", [*row[:place], None, *row[place + 1 :]])]
    without = dict(row)
    del without[place]
    return [(f"null in {place!r}", {**row, place: None}), (f"no {place!r}", without)]


def _add_large(ordinary: Sequence[Any], place: Any) -> list[Any]:
    """The ordinary rows, and for a whole number one with a value that only whole numbers hold exactly."""
    first = ordinary[0]
    if type(first[place]) is not int:
        return list(ordinary)
    large = {**first, place: _LARGE} if isinstance(first, dict) else [*first[:place], _LARGE, *first[place + 1 :]]
    return [*ordinary, large]


def _ask_beside(session: Session, rows: Rows, trial: NullTrial, ordinary: list[Any], lacking: Any) -> NullTrial:
    singles: list[Exchange] = []
    for row in list(ordinary):
        single = session.ask(rows.query([row]))
        if single.ok:
            singles.append(single)
        else:
            ordinary.remove(row)
    if not ordinary:
        return trial
    together, beside = session.ask(rows.query(ordinary)), session.ask(rows.query([*ordinary, lacking]))
    return NullTrial(trial.name, trial.alone, singles, together, beside)
