"""Inputs that a service must expect, such as a longer text: answered, or refused with a clear 4xx."""

from __future__ import annotations

from collections.abc import Sequence

from harness.checks.bad_input.outcomes import Reaction, classify_reaction
from harness.checks.common import UNRELATED_STATUSES, Show, is_clear_refusal, judge, judge_case
from harness.checks.control import Control
from harness.core.exchange import Exchange
from harness.core.verdict import Verdict, judge_contract, make_inconclusive


def shows_hang(exchange: Exchange) -> bool:
    """Whether no answer came in time, so that every further request may cost as long."""
    return classify_reaction(exchange) is Reaction.HUNG


@judge
def judge_ordinary_inputs(
    control: Control, asked: Sequence[tuple[str, Exchange]], after: Exchange, show: Show
) -> Verdict:
    """Each input (its name in words, its exchange) is answered or refused, and the service still works afterwards."""
    if control.problem or not asked:
        return make_inconclusive(control.problem or "nothing was asked", n=0)
    cases = []
    for name, exchange in asked:
        problem, unjudged = f"{name} is neither answered nor refused with a 4xx: {exchange.outcome}", ""
        if exchange.status in UNRELATED_STATUSES:
            unjudged = f"declined: {exchange.outcome}"
        elif exchange.ok or is_clear_refusal(exchange):
            problem = ""
        cases.append(judge_case(name, exchange, problem, show, unjudged))
    cases.append(control.judge_last_request(after, show))
    answered = sum(exchange.ok for _, exchange in asked)
    return judge_contract(cases, f"{answered} of {len(asked)} inputs are answered, the others refused with a 4xx")
