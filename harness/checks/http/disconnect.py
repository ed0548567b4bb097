"""Clients that disconnect during an answer use up no capacity: afterwards as many requests are answered as before."""

from __future__ import annotations

from collections.abc import Sequence

from harness.checks.common import (
    OVERLOAD_STATUSES,
    Show,
    count_at_once,
    has_counterexample,
    judge,
    judge_case,
    judge_success,
)
from harness.core.exchange import Exchange
from harness.core.verdict import Verdict, judge_contract, make_inconclusive


@judge
def judge_service_after_disconnects(
    before: Sequence[Exchange], left: Sequence[Exchange], after: Sequence[Exchange], show: Show
) -> Verdict:
    """As many concurrent requests are answered after clients disconnected as before, each validly and in time.

    `before` and `after` are the same requests side by side. A request declined with 429 or 503 counts against the
    service only if none was declined before: then the missing capacity was lost with the clients. A client that had
    its whole answer before it could disconnect, or was never answered, does not count as disconnected.
    """
    declined = 0
    for exchange in before:
        if exchange.status in OVERLOAD_STATUSES:
            declined += 1
        elif not exchange.ok:
            why = f"before any client disconnected, concurrent requests were not all answered: {exchange.outcome}"
            return make_inconclusive(why, n=0)
    gone = sum(exchange.error is None and exchange.timing.done is None for exchange in left)
    cases = []
    for number, exchange in enumerate(after):
        name = f"request {number} of {len(after)} after {gone} clients disconnected"
        unjudged = exchange.outcome if exchange.status in OVERLOAD_STATUSES and declined else ""
        cases.append(judge_success(name, exchange, f"{name} is not answered", show, unjudged))
    for exchange in left:
        if exchange.error is not None:
            if exchange.status not in OVERLOAD_STATUSES:
                problem = f"after {gone} clients disconnected, the next one is not answered: {exchange.outcome}"
                cases.append(judge_case("disconnecting", exchange, problem, show))
            break
    if not gone and not has_counterexample(cases):
        return make_inconclusive(f"none of {len(left)} clients could disconnect before its answer was complete", n=0)
    requests = f"{len(after)} requests, up to {count_at_once(after)} at once,"
    holds = f"after {gone} clients disconnected without their whole answer, {requests} succeed"
    return judge_contract(cases, holds)
