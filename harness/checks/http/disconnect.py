"""Clients that leave in mid-answer use nothing up: afterwards as many as before are answered."""

from __future__ import annotations

from collections.abc import Sequence

from harness.checks.common import SHED, Show, case, judge, told
from harness.core.exchange import Exchange
from harness.core.verdict import Verdict, judge_contract, make_inconclusive


@judge
def served_after(
    before: Sequence[Exchange], left: Sequence[Exchange], after: Sequence[Exchange], show: Show
) -> Verdict:
    """As many concurrent requests as before the clients left are answered after it, each validly and in time.

    `before` and `after` are the same requests side by side. A request declined with 429 or 503 counts against the
    service only where all were answered before: then the room that it lacks went with the clients. A client that was
    answered whole before it could leave, or never began, has not left.
    """
    if failed := next((each for each in before if not each.ok and each.status not in SHED), None):
        return make_inconclusive(
            f"before any client left, concurrent requests were not all answered: {told(failed)}", n=0
        )
    gone = [each for each in left if each.error is None and each.timing.done is None]
    had_room = all(each.ok for each in before)
    cases = []
    for number, exchange in enumerate(after):
        name = f"request {number} of {len(after)} after {len(gone)} clients left"
        unjudged = told(exchange) if exchange.status in SHED and not had_room else ""
        problem = "" if exchange.ok else f"{name} is not answered: {told(exchange)}"
        cases.append(case(name, exchange, problem, show, unjudged))
    lost = next((each for each in left if each.error is not None), None)
    if lost is not None and lost.status not in SHED:
        what = f"after {len(gone)} clients left in mid-answer, the next one is not answered: {told(lost)}"
        cases.append(case("leaving", lost, what, show))
    if not gone and not any(each.counterexample for each in cases):
        return make_inconclusive(f"none of {len(left)} clients could leave before its answer was whole", n=0)
    return judge_contract(
        cases, f"{len(gone)} clients left in mid-answer, and {len(after)} requests at once are answered"
    )
