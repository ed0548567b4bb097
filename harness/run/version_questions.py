"""The same few questions many times, over connections of their own, so that every replica behind a balancer answers.

Tested in tests/suites/integration/test_repeat.py.
"""

from __future__ import annotations

import random

from harness.core.exchange import Exchange
from harness.run.session import Session
from harness.run.valid_inputs import Rows

_INPUTS, _EACH, _TOGETHER = 5, 8, 2
"""Inputs that are asked of all replicas, how often each, and how many at once.

A version behind one connection in five is in none of eight answers to one input with probability .17, and in none of
all forty with .0001.
"""
VERSION_REQUESTS = _INPUTS * _EACH
_OVER_NEW_CONNECTION = (("connection", "close"),)
"""A balancer may keep a connection with one replica."""


def ask_versions(session: Session) -> list[list[Exchange]]:
    """The answers to each input.

    They are asked in a random order: a balancer that takes the replicas in turn must not give each input one of its
    own.
    """
    rows = Rows(session)
    queries = [rows.query([row]) for row in rows.draw_distinct(_INPUTS)]
    order = [number for number in range(len(queries)) for _ in range(_EACH)]
    random.Random(f"{session.settings.seed} versions").shuffle(order)
    headers = () if session.endpoint.http2 else _OVER_NEW_CONNECTION
    exchanges = session.ask_many(
        [queries[number] for number in order], concurrency=_TOGETHER, headers=[headers] * len(order)
    )
    answers: list[list[Exchange]] = [[] for _ in queries]
    for number, exchange in zip(order, exchanges, strict=True):
        answers[number].append(exchange)
    return answers
