"""Answers to different inputs have values of one kind at each place: a number is never now and then a text.

Tested in tests/checks/answers/test_kinds.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from harness.checks.common import Show, explain_decline, judge
from harness.core.exchange import Exchange
from harness.core.verdict import Case, Verdict, judge_contract, make_inconclusive

_KINDS = {bool: "a boolean", int: "a number", float: "a number", str: "a text", dict: "an object", list: "a list"}
_EMPTY_KINDS = {"an object", "a list"}
"""What holds no value of its own."""


@judge
def judge_kinds(exchanges: Sequence[Exchange], show: Show) -> Verdict:
    """No place of an answer has one kind of value for some inputs and another for others.

    A null fits every kind, and whole numbers and fractions are one. A place that holds several kinds in one and the
    same answer (a list of names and numbers) may hold each of them alone in another.
    """
    answers = [exchange for exchange in exchanges if exchange.ok and exchange.answer is not None]
    if len(answers) < 2:
        return make_inconclusive(f"{len(answers)} of {len(exchanges)} inputs are answered: nothing to compare", n=0)
    holding = sum(any(kinds - _EMPTY_KINDS for kinds in _list_kinds(one.content).values()) for one in answers)
    if holding < 2:
        return make_inconclusive(f"{holding} of {len(answers)} answers hold a value: nothing to compare", n=0)
    cases = [Case(f"input {i}", unjudged=why) for i, one in enumerate(exchanges) if (why := explain_decline(one))]
    known: dict[str, tuple[int, set[str]]] = {}
    mixed = {place for one in answers for place, kinds in _list_kinds(one.content).items() if len(kinds) > 1}
    for number, exchange in enumerate(exchanges):
        if not exchange.ok or exchange.answer is None:
            continue
        problem = ""
        for place, kinds in _list_kinds(exchange.content).items():
            first, before = known.setdefault(place, (number, kinds))
            if kinds != before and place not in mixed:
                problem = f"{place} is {'/'.join(kinds)} for input {number} and {'/'.join(before)} for input {first}"
                break
        cases.append(Case(f"input {number}", show(problem, exchange) if problem else None))
    return judge_contract(cases, f"the answers to {len(answers)} inputs have values of one kind at each place")


def _list_kinds(content: Any) -> dict[str, set[str]]:
    """The kinds of value at each place of an answer; all elements of a list are one place, and nulls are left out."""
    kinds: dict[str, set[str]] = {}
    for place, kind in _walk_kinds(content, ""):
        kinds.setdefault(place or "the answer", set()).add(kind)
    return kinds


def _walk_kinds(value: Any, place: str) -> Iterator[tuple[str, str]]:
    if value is None:
        return
    yield place, _KINDS.get(type(value), "another value")
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _walk_kinds(member, f"{place}.{name}".lstrip("."))
    elif isinstance(value, list):
        for item in value:
            yield from _walk_kinds(item, f"{place}[]")
