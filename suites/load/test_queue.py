"""How the service queues under load: these warn, and say what a latency that broke its limit is due to.

Tested in tests/load/test_flow.py.
"""

from __future__ import annotations

from harness.load.flow_judging import judge_blocking, judge_bound, judge_cliff, judge_fairness
from harness.load.run_load import LOAD
from harness.run.measurements import Measurements
from harness.suite import Verdict, check


@check("no request waits while many later ones are answered", level="warn", grounds=("load",), measures=(LOAD,))
def test_fair(ai_measure: Measurements) -> Verdict:
    return judge_fairness(ai_measure(LOAD))


@check("no large request holds up all others", level="warn", grounds=("load",), measures=(LOAD,))
def test_unblocked(ai_measure: Measurements) -> Verdict:
    return judge_blocking(ai_measure(LOAD))


@check("throughput does not fall as more is in flight", level="warn", grounds=("load",), measures=(LOAD,))
def test_no_cliff(ai_measure: Measurements) -> Verdict:
    return judge_cliff(ai_measure(LOAD))


@check("overload is refused and not queued without end", level="warn", grounds=("load",), measures=(LOAD,))
def test_bounded(ai_measure: Measurements) -> Verdict:
    return judge_bound(ai_measure(LOAD))
