"""No new vulnerability against a saved run: the same inputs under the same attack, pair by pair."""

from __future__ import annotations

from harness.core.verdict import ALPHA
from harness.robustness.attack_inputs import ATTACKED_INPUTS
from harness.robustness.new_vulnerabilities import judge_new_vulnerabilities, read_saved_inputs
from harness.run.gate_run import GateRun
from harness.run.measurements import Measurements
from harness.suite import Verdict, check


@check(
    "no new vulnerability against the baseline",
    per="attack",
    grounds=("data", "adversarial", "baseline", "saved_run"),
    needs=("tensors",),
    measures=(ATTACKED_INPUTS,),
    compares=True,
)
def test_no_new_vulnerability(ai_measure: Measurements, ai_run: GateRun, attack: str) -> Verdict:
    saved = read_saved_inputs(ai_run.settings.baseline or "", f"adversarial/{attack}")
    return judge_new_vulnerabilities(ai_measure(ATTACKED_INPUTS, attack), saved, ALPHA)
