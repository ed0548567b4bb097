"""Replicas: servers that stand for one service answer alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.checks.common import Show, case, judge, told
from harness.checks.comparison import parts_of, said
from harness.core.exchange import Exchange
from harness.core.verdict import Verdict, judge_contract, make_inconclusive


@judge
def one_service(
    first: Sequence[Exchange], others: Mapping[str, Sequence[Exchange]], shows: Mapping[str, Show], *, same_text: bool
) -> Verdict:
    """Every replica answers each query as the first URL does, from the same model and version.

    `first` holds the first URL's answers to the queries, `others` each replica's, by URL, and `shows` what makes
    its counterexamples. Generated text is compared only with `same_text`, since one engine may word an answer in two
    ways.
    """
    if wrong := next((each for each in first if not each.ok or each.answer is None), None):
        return make_inconclusive(f"the first URL has no answer to compare with: {told(wrong)}", n=0)
    cases = []
    for url, found in others.items():
        for number, (own, other) in enumerate(zip(first, found, strict=True)):
            problem = _differs(own, other, same_text)
            name = f"{url}, query {number}"
            cases.append(case(name, other, problem and f"{name}: {problem}", shows[url]))
    return judge_contract(cases, f"{len(others)} replicas answer {len(first)} queries as the first URL does")


def _differs(own: Exchange, other: Exchange, same_text: bool) -> str | None:
    if not other.ok or other.answer is None:
        return f"it fails where the first URL answers: {told(other)}"
    assert own.answer is not None
    for what in ("model", "version"):
        mine, theirs = getattr(own.answer, what), getattr(other.answer, what)
        if mine != theirs:
            return f"it states {what} {theirs!r}, the first URL {mine!r}"
    if own.answer.text is not None and not same_text:
        return None
    return parts_of(said(own.answer), said(other.answer))
