"""The load beside that of a baseline: a second endpoint that takes turns with the first, or one saved run."""

from __future__ import annotations

from harness.core.load_settings import LoadSettings
from harness.load.comparison_judging import judge_saved, judge_turns
from harness.load.run_load import LOAD
from harness.run.gate_run import GateRun
from harness.run.measurements import Measurements
from harness.suite import Verdict, check


@check("no worse under load than the baseline", grounds=("load", "baseline"), measures=(LOAD,))
def test_no_worse(ai_measure: Measurements, ai_run: GateRun) -> Verdict:
    result = ai_measure(LOAD)
    if (report := ai_run.baseline_report) is not None:
        return judge_saved(result, report, ai_run.settings.baseline or "")
    return judge_turns(result, (ai_run.settings.load or LoadSettings()).margin)
