"""Latency sanity: warm answers come within a ceiling, and the times make sense."""

from __future__ import annotations

from collections.abc import Sequence

from harness.checks.common import Show, case, judge, told
from harness.core.exchange import Exchange
from harness.core.verdict import Status, Verdict, judge_contract


@judge
def sane(exchanges: Sequence[Exchange], ceiling: float, show: Show) -> Verdict:
    """Every warm request is answered validly within `ceiling` seconds. A sanity check, not an objective."""
    cases = []
    for number, exchange in enumerate(exchanges, 1):
        problem = None
        if not exchange.ok:
            problem = f"warm request {number} fails: {told(exchange)}"
        elif (exchange.timing.latency or 0.0) > ceiling:
            problem = f"warm request {number} took {exchange.timing.latency:.3g} s, over the ceiling of {ceiling:g} s"
        cases.append(case(f"request {number}", exchange, problem, show))
    latencies = sorted(e.timing.latency for e in exchanges if e.ok and e.timing.latency is not None)
    middle = latencies[len(latencies) // 2] if latencies else None
    said = "" if middle is None else f"; the middle one took {middle * 1e3:.3g} ms"
    verdict = judge_contract(cases, f"all {len(cases)} warm requests end within {ceiling:g} s{said}", distinct=1)
    if verdict.status is Status.PASS:
        return verdict.with_notes("one input repeated on one connection: a sanity check, no percentile is claimed")
    return verdict
