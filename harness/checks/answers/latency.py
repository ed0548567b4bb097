"""A sanity check of latency: warm requests are answered within a ceiling."""

from __future__ import annotations

from collections.abc import Sequence

from harness.checks.common import Show, judge, judge_case
from harness.core.exchange import Exchange
from harness.core.verdict import Status, Verdict, judge_contract


@judge
def judge_warm_latency(exchanges: Sequence[Exchange], ceiling: float, show: Show) -> Verdict:
    """Every warm request is answered validly within `ceiling` seconds. This is a sanity check, not an objective."""
    cases, latencies = [], []
    for number, exchange in enumerate(exchanges, 1):
        latency = exchange.timing.latency or 0.0
        problem = None
        if not exchange.ok:
            problem = f"warm request {number} fails: {exchange.outcome}"
        else:
            latencies.append(latency)
            if latency > ceiling:
                problem = f"warm request {number} took {latency:.3g} s, longer than the ceiling of {ceiling:g} s"
        cases.append(judge_case(f"request {number}", exchange, problem, show))
    holds = f"all {len(cases)} warm requests end within {ceiling:g} s"
    if latencies:
        holds += f"; the median took {sorted(latencies)[len(latencies) // 2] * 1e3:.3g} ms"
    verdict = judge_contract(cases, holds, distinct=1)
    if verdict.status is Status.PASS:
        return verdict.with_notes("one input repeated on one connection: a sanity check, no percentile is claimed")
    return verdict
