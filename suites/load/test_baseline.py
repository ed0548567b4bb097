"""The load beside that of a baseline: a second endpoint that takes turns with the first, or saved runs."""

from __future__ import annotations

from harness.core.load_settings import LoadSettings
from harness.load.comparison_judging import judge_saved, judge_turns
from harness.load.run_load import LOAD
from harness.run.gate_run import GateRun
from harness.run.measurements import Measurements
from harness.run.run_times import compare_with_saved_runs
from harness.suite import Verdict, check


@check("no worse under load than the baseline", grounds=("load", "baseline"), measures=(LOAD,))
def test_no_worse(ai_measure: Measurements, ai_run: GateRun) -> Verdict:
    result = ai_measure(LOAD)
    margin = (ai_run.settings.load or LoadSettings()).margin
    if (report := ai_run.baseline_report) is not None:
        return judge_saved(result, report, ai_run.settings.baseline or "", compare_with_saved_runs(ai_run, margin))
    return judge_turns(result, margin)
