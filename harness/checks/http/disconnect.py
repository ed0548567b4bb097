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

_LOST = "the slots of clients that left in mid-answer are not freed"


@judge
def judge_service_after_disconnects(
    before: Sequence[Exchange], left: Sequence[Exchange], after: Sequence[Exchange], show: Show, length: int = 0
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
    under_way = [exchange for exchange in left if exchange.error is None and exchange.timing.done is None]
    gone = len(under_way)
    cases = []
    for number, exchange in enumerate(after):
        name = f"request {number} of {len(after)} after {gone} clients disconnected"
        unjudged = exchange.outcome if exchange.status in OVERLOAD_STATUSES and declined else ""
        cases.append(judge_success(name, exchange, f"{_LOST}: {name} is not answered", show, unjudged))
    for exchange in left:
        if exchange.error is not None:
            if exchange.status not in OVERLOAD_STATUSES:
                problem = f"{_LOST}: after {gone} clients left, the next one is not answered: {exchange.outcome}"
                cases.append(judge_case("disconnecting", exchange, problem, show))
            break
    left_streams = [exchange for exchange in under_way if exchange.request.stream]
    obstacle = _explain_nothing_left(left, under_way, length)
    if obstacle and not has_counterexample(cases):
        return make_inconclusive(obstacle, n=0)
    requests = f"{len(after)} requests, up to {count_at_once(after)} at once,"
    holds = f"after {gone} clients disconnected without their whole answer{_describe_events(left_streams, length)}"
    return judge_contract(cases, f"{holds}, {requests} succeed")


def _explain_nothing_left(left: Sequence[Exchange], under_way: Sequence[Exchange], length: int) -> str:
    """Why the clients show nothing: their answers, or those of all long streams, were over before they left.

    Of a service whose answers are all short (`length` is 0) no stream can be left in its middle.
    """
    if not under_way:
        return f"none of {len(left)} clients could disconnect before its answer was complete"
    streams = [exchange for exchange in left if exchange.request.stream]
    if length and streams and not any(exchange.request.stream for exchange in under_way):
        return f"none of {len(streams)} streams was still under way when its client disconnected"
    return ""


def _describe_events(streams: Sequence[Exchange], length: int) -> str:
    """How far the streams had come when their clients disconnected, in brackets; empty without streams."""
    events = sorted(len(exchange.timing.tokens) for exchange in streams)
    if not events:
        return ""
    whole = f" of {length} or more" if length else ""
    return f" ({len(events)} streams of which {events[0]} to {events[-1]} events{whole} had come)"
