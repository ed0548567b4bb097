"""Concurrent requests: each gets the answer that it has alone, and no other request's."""

from __future__ import annotations

from collections.abc import Sequence

from harness.checks.common import Show, explain_decline, judge, judge_case
from harness.checks.comparison import compare_contents, find_owner
from harness.checks.control import Control
from harness.core.exchange import Exchange
from harness.core.verdict import Verdict, judge_contract, make_inconclusive


@judge
def judge_own_answers(control: Control, rounds: Sequence[Sequence[tuple[int, Exchange]]], show: Show) -> Verdict:
    """Every answer given side by side equals the one that its own request has alone.

    A round holds (input, exchange) of requests sent side by side. An answer that is another request's is named
    cross-talk. A request declined with 429 or 503 is unjudged. The control has marks if the service does not promise
    determinism: a language model may word an answer differently in a batch of another size, and a text that contains
    its own mark and no other is right.
    """
    concurrent = [numbered for round_ in rounds for numbered in round_]
    distinct, why = control.select_distinct()
    if why:
        return make_inconclusive(why, n=0)
    if not concurrent:
        return make_inconclusive("no requests were sent side by side", n=0)
    cases = []
    for place, (number, exchange) in enumerate(concurrent):
        name = f"request {place} (input {number})"
        problem = _find_problem(control, number, exchange)
        cases.append(judge_case(name, exchange, problem and f"{name}: {problem}", show, explain_decline(exchange)))
    holds = f"{len(concurrent)} requests in {len(rounds)} rounds side by side each got their own answer"
    return judge_contract(cases, holds, distinct=len(distinct))


def _find_problem(control: Control, number: int, exchange: Exchange) -> str | None:
    if not exchange.ok:
        return f"it fails beside others: {exchange.outcome}"
    content = exchange.content
    change = compare_contents(control.contents[number], content)
    if change is None or control.list_marks(content) == [number]:
        return None
    owner = find_owner(content, control.contents)
    if owner is not None:
        return f"cross-talk: it got the answer to input {owner}"
    return f"wrong answer under concurrency: {change}"
