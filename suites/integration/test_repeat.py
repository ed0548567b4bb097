"""The same request has the same answer: always in form, and in value if that can be expected."""

from __future__ import annotations

from harness.checks.answers import kinds, repeat, versions
from harness.core.exchange import Exchange
from harness.run.asking_in_turn import ask_in_turn
from harness.run.valid_inputs import Rows
from harness.run.version_questions import VERSION_REQUESTS, ask_versions
from harness.suite import Session, Verdict, check, mutate, once

_TIMES = 6
_KIND_INPUTS = 16
"""Inputs whose answers are compared in kind: what happens for one in five is in none of them with probability .03."""


@once
def _ask_repeats(ai_client: Session) -> list[Exchange]:
    """One request asked alone, then again, one after another and side by side."""
    rows = Rows(ai_client)
    query = rows.query(rows.draw_distinct(2)[:1])
    return [ai_client.ask(query), ai_client.ask(query), *ai_client.ask_many([query] * (_TIMES - 2), concurrency=2)]


@check(
    "the same request has answers of one form",
    requests=_TIMES,
    tokens=16 * _TIMES,
    broken_by=(mutate("wrong_tensor", form="shape", skip=1), mutate("answer_status", status=500, skip=1)),
)
def test_same_form(ai_client: Session) -> Verdict:
    return repeat.judge_repeated_form(_ask_repeats(ai_client), ai_client.show)


@check(
    "answers to different inputs have values of one kind",
    needs=("tensors",),
    requests=_KIND_INPUTS,
    broken_by=(mutate("wrong_tensor", form="texts", skip=1),),
)
def test_one_kind(ai_client: Session) -> Verdict:
    rows = Rows(ai_client)
    queries = [rows.query([row]) for row in rows.draw_distinct(_KIND_INPUTS)]
    return kinds.judge_kinds(ask_in_turn(ai_client.ask, queries), ai_client.show)


@check(
    "the same request has the same numbers",
    level="warn",
    needs=("tensors",),
    requests=0,
    broken_by=(mutate("other_answer", skip=1),),
)
def test_same_numbers(ai_client: Session) -> Verdict:
    return repeat.judge_repeated_value(_ask_repeats(ai_client), ai_client.show)


@check(
    "the same text has the same vector",
    level="warn",
    needs=("embeds",),
    requests=0,
    broken_by=(mutate("other_answer", skip=1),),
)
def test_same_vector(ai_client: Session) -> Verdict:
    return repeat.judge_repeated_value(_ask_repeats(ai_client), ai_client.show)


@check(
    "the same prompt has the same text",
    needs=("generates",),
    grounds=("deterministic",),
    requests=0,
    broken_by=(mutate("other_answer", skip=1),),
)
def test_same_text(ai_client: Session) -> Verdict:
    return repeat.judge_repeated_value(_ask_repeats(ai_client), ai_client.show)


@check(
    "all answers come from one version",
    grounds=("deterministic",),
    requests=VERSION_REQUESTS,
    tokens=16 * VERSION_REQUESTS,
    broken_by=(mutate("other_answer", skip=12),),
)
def test_one_version(ai_client: Session) -> Verdict:
    return versions.judge_versions(ask_versions(ai_client), ai_client.show)
