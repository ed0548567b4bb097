"""Does the endpoint answer labelled rows as well as a baseline (`--ai-baseline`): a saved run, or a second endpoint?"""

from __future__ import annotations

from dataclasses import replace

from harness.core.objective import Objective
from harness.core.plan import PlannedCheck
from harness.core.settings import DataSettings, Settings
from harness.core.verdict import Status
from harness.metrics.quality_metric import list_metrics
from harness.run.baseline import accept_first
from harness.run.flips import FLIPS, judge_changed, list_flips
from harness.run.gate_run import GateRun
from harness.run.labelled_rows import LABELLED_ROWS
from harness.run.measurements import Measurements
from harness.run.paired_rows import read_paired_rows
from harness.run.row_comparison import compare_objective, judge_right
from harness.suite import Verdict, check

_OTHERS = tuple(
    metric.metric.name for metric in list_metrics() if not (metric.metric.name == "accuracy" or metric.compares_groups)
)


def _get_data(settings: Settings) -> DataSettings:
    assert settings.data is not None
    return settings.data


def _find_margin(settings: Settings, case: object = None) -> float:
    own = settings.data and settings.data.baseline_margin
    return own or settings.profile.points


@check(
    "as often right as the baseline",
    grounds=("data", "labels", "baseline"),
    measures=(LABELLED_ROWS,),
    find_share=_find_margin,
)
def test_right(ai_measure: Measurements, ai_run: GateRun, ai_planned: PlannedCheck) -> Verdict:
    pairs = read_paired_rows(ai_measure(LABELLED_ROWS), ai_run)
    settings, data = ai_run.settings, _get_data(ai_run.settings).dataset
    assert data is not None
    flips = None
    if pairs.ours.classes and pairs.ours.vectors is None and not pairs.problem:
        flips = list_flips(pairs)
        ai_run.run_dir.write(FLIPS, flips.write_csv())
    verdict = judge_right(pairs, flips, _find_margin(settings), ai_planned, settings.seed)
    if flips is not None and verdict.status is not Status.PASS:
        verdict = replace(verdict, counterexamples=flips.show(data))
    return accept_first(verdict, settings)


@check(
    "no worse than the baseline",
    per="objective",
    metrics=_OTHERS,
    grounds=("data", "labels", "baseline"),
    measures=(LABELLED_ROWS,),
)
def test_objective(
    ai_measure: Measurements, ai_run: GateRun, ai_planned: PlannedCheck, objective: Objective
) -> Verdict:
    pairs = read_paired_rows(ai_measure(LABELLED_ROWS), ai_run)
    verdict = compare_objective(pairs, objective, ai_planned, ai_run.settings.seed)
    return accept_first(verdict, ai_run.settings)


@check(
    "no more answers change than allowed",
    grounds=("data", "labels", "baseline", "changed_limit"),
    measures=(LABELLED_ROWS,),
    find_share=lambda settings, case: (settings.data.changed_limit or 0.0) if settings.data else 0.0,
)
def test_changed(ai_measure: Measurements, ai_run: GateRun, ai_planned: PlannedCheck) -> Verdict:
    pairs, data = read_paired_rows(ai_measure(LABELLED_ROWS), ai_run), _get_data(ai_run.settings)
    assert data.changed_limit is not None
    verdict = judge_changed(pairs, data.changed_limit, data.tolerance, ai_planned, ai_run.settings.profile)
    return accept_first(verdict, ai_run.settings)
