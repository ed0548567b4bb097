"""Whether the load was the one asked for: without that, nothing else here says anything."""

from __future__ import annotations

from harness.load.judging import judge_generator
from harness.load.run_load import LOAD
from harness.run.measurements import Measurements
from harness.suite import Verdict, check


@check("the load generator kept up", grounds=("load",), measures=(LOAD,))
def test_kept_up(ai_measure: Measurements) -> Verdict:
    return judge_generator(ai_measure(LOAD))
