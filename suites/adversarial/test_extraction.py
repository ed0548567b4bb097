"""Extraction: how close does a copy come that learned from the answers alone (`[adversarial] extraction`)?"""

from __future__ import annotations

from harness.core.measurement import Measurement, Scope
from harness.core.plan import Cost, PlannedCheck
from harness.core.verdict import make_skipped
from harness.robustness.extraction import HELD_OUT, Extraction, explain_uncopied, extract_model
from harness.robustness.extraction_judging import judge_extraction
from harness.run.gate_run import GateRun
from harness.run.measurements import Measurements
from harness.suite import Session, Verdict, check


def _explain_none(scope: Scope) -> str:
    data = scope.settings.data
    return explain_uncopied(data.dataset if data else None)


def _compute_cost(scope: Scope) -> Cost:
    attack = scope.settings.attack
    if attack is None or attack.extraction is None or _explain_none(scope):
        return Cost()
    # A row that noise has lost is sent again.
    return Cost(2 * (HELD_OUT + 3 * attack.extraction) + 10)


def _make(scope: Scope, session: Session, run: GateRun) -> Extraction:
    data, attack = scope.settings.data, scope.settings.attack
    assert data is not None
    assert data.dataset is not None
    assert attack is not None
    assert attack.extraction is not None
    return extract_model(session, data.dataset, attack.extraction, scope.settings.seed)


EXTRACTION = Measurement(Extraction, _compute_cost, lambda scope: f"{scope.suite}/extraction", _make)


@check(
    "the answers do not give a copy of the model away",
    level="info",
    grounds=("data", "adversarial", "extraction", "torch"),
    measures=(EXTRACTION,),
    clauses=("MITRE ATLAS AML.T0024.002 extract AI model", "OWASP LLM10:2025 unbounded consumption"),
)
def test_extraction(ai_measure: Measurements, ai_run: GateRun, ai_planned: PlannedCheck) -> Verdict:
    settings = ai_run.settings
    if reason := _explain_none(Scope(settings, "adversarial")):
        return make_skipped(reason)
    return judge_extraction(ai_measure(EXTRACTION), ai_planned)
