"""Replicas: servers that act as one service give the same answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.checks.common import Show, judge, judge_case
from harness.checks.comparison import compare_contents
from harness.checks.generation.thinking import describe_no_content, has_text
from harness.core.exchange import Exchange
from harness.core.verdict import Verdict, judge_contract, make_inconclusive


@judge
def judge_replicas(
    first: Sequence[Exchange], others: Mapping[str, Sequence[Exchange]], shows: Mapping[str, Show], *, same_text: bool
) -> Verdict:
    """Every replica answers each query as the first URL does, from the same model and version.

    `first` holds the first URL's answers to the queries, `others` those of each replica by its URL, and `shows` the
    function that makes counterexamples for each replica. Generated text is compared only with `same_text`, because one
    engine may word an answer in two ways.
    """
    for exchange in first:
        if not exchange.ok or exchange.content is None or (same_text and not has_text(exchange)):
            why = describe_no_content(exchange)
            return make_inconclusive(f"the first URL has no answer to compare with: {why}", n=0)
    cases = []
    for url, exchanges in others.items():
        for number, (own, other) in enumerate(zip(first, exchanges, strict=True)):
            name = f"{url}, query {number}"
            difference = _find_difference_of_replica(own, other, same_text)
            cases.append(judge_case(name, other, difference and f"{name}: {difference}", shows[url]))
    holds = f"{len(others)} replicas answer {len(first)} queries as the first URL does"
    if not same_text and any(exchange.answer is not None and exchange.answer.text is not None for exchange in first):
        holds = f"{len(others)} replicas answer {len(first)} queries, from the model and version of the first URL"
        holds += " (their texts may differ and are not compared)"
    return judge_contract(cases, holds)


def _find_difference_of_replica(own: Exchange, other: Exchange, same_text: bool) -> str | None:
    if not other.ok or other.answer is None:
        return f"it fails, and the first URL answers: {other.outcome}"
    assert own.answer is not None
    for what in ("model", "version"):
        mine, theirs = getattr(own.answer, what), getattr(other.answer, what)
        if mine != theirs:
            return f"it states {what} {theirs!r}, the first URL {mine!r}"
    if own.answer.text is not None and not same_text:
        return None
    return compare_contents(own.content, other.content)
