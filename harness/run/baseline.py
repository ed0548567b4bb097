"""Compare with a baseline: a saved run or a second endpoint, by non-inferiority with a margin (DESIGN 6.8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from harness.core.endpoint import parse_url
from harness.core.errors import RunDirError, UsageError
from harness.core.objective import Objective
from harness.core.plan import Plan, PlannedCheck
from harness.core.report import Report
from harness.core.settings import Settings
from harness.core.verdict import Baseline, Slice, Status, Verdict, make_inconclusive
from harness.io.rundir import GATE, read_gate
from harness.run.objective import BASELINE_SAMPLE, CANDIDATE_SAMPLE
from harness.run.planning import make_comparison_id
from harness.run.rate_judging import compute_rate_bounds

_SAME = ("profile", "sample", "deadlines")
"""Parts of a plan's policy that two runs must share to be compared."""
_FIRST_RUN = "first run"
"""The method of a verdict without a baseline."""


@dataclass(frozen=True, slots=True)
class BaselineSource:
    """What there is to compare with: a saved report, a second endpoint's URL, or nothing yet (a first run)."""

    name: str
    report: Report | None = None
    url: str | None = None


def find_baseline(settings: Settings) -> BaselineSource | None:
    """What `--ai-baseline` names. Raises `UsageError` for what is not there, without `--ai-accept-first`."""
    name = settings.baseline
    if name is None:
        return None
    if "://" in name:
        url, _ = parse_url(name)
        if url == settings.endpoint.url:
            raise UsageError(
                f"--ai-baseline={name} is the endpoint itself: a candidate compared with itself proves nothing"
            )
        return BaselineSource(url, url=url)
    path = Path(name)
    if path.is_dir():
        path /= GATE
    if not path.exists():
        if settings.policy.accept_first:
            return BaselineSource(name)
        raise UsageError(
            f"--ai-baseline={name} does not exist: give a gate.json, a run directory or a URL, "
            "or --ai-accept-first to take this run as the first"
        )
    try:
        report = read_gate(path)
    except RunDirError as problem:
        raise UsageError(f"--ai-baseline: {problem}") from None
    if not report.run.final:
        raise UsageError(f"--ai-baseline={name} is a run that did not end: it holds no decision to compare with")
    return BaselineSource(name, report=report)


def compare_with_baseline(
    source: BaselineSource, settings: Settings, plan: Plan, verdicts: Mapping[str, Verdict], version: str
) -> dict[str, Verdict]:
    """A verdict for every planned comparison, by its id, from the samples that this run's objectives left."""
    mismatch = _find_mismatch(source.report, plan, settings, version) if source.report else None
    compared: dict[str, Verdict] = {}
    for objective in settings.objectives:
        judging = [check.id for check in plan.checks if _is_check_of(check, objective)]
        if judging and judging[0] in verdicts:
            comparison = make_comparison_id(objective.suite, objective)
            verdict = mismatch or _compare(source, objective, judging[0], verdicts[judging[0]])
            compared[comparison] = _accept_first(verdict, settings)
    return compared


def _is_check_of(check: PlannedCheck, objective: Objective) -> bool:
    return check.kind == "estimate" and check.suite == objective.suite and check.id.endswith(f"[{objective.slug}]")


def _find_mismatch(report: Report, plan: Plan, settings: Settings, version: str) -> Verdict | None:
    if report.run.verdict is not Status.PASS:
        reason = f"the baseline run {report.run.id} ended in {report.run.verdict}; only a PASS can be a baseline"
        return make_inconclusive(reason, n=0)
    if report.environment.get("aiharness") != version:
        return make_inconclusive("the baseline was made by another version of the harness", n=0)
    if report.target.protocol != settings.endpoint.protocol:
        return make_inconclusive(f"the baseline was asked over {report.target.protocol}", n=0)
    ours, theirs = dict(plan.policy), dict(report.plan.policy)
    if different := [name for name in _SAME if ours.get(name) != theirs.get(name)]:
        return make_inconclusive(f"the baseline was made with another {', '.join(different)}", n=0)
    return None


def _compare(source: BaselineSource, objective: Objective, check: str, verdict: Verdict) -> Verdict:
    candidate = _find_slice(verdict.slices, CANDIDATE_SAMPLE)
    if candidate is None:
        return make_inconclusive("this run left no sample of fixed size to compare", n=0)
    baseline = _find_slice(verdict.slices, BASELINE_SAMPLE)
    if not source.url:
        rows = [row for row in source.report.checks if row.id == check] if source.report else []
        if rows and rows[0].objective != objective.text:
            return make_inconclusive(f"the baseline judged {rows[0].objective}", n=0)
        baseline = _find_slice(rows[0].slices, CANDIDATE_SAMPLE) if rows else None
    if baseline is None:
        reason = f"{source.name} holds no sample of fixed size for {objective.text} (made without --ai-baseline?)"
        return make_inconclusive(reason, n=candidate.n, method=_FIRST_RUN)
    return judge_non_inferiority(candidate, baseline, objective.budget, objective.alpha, source.name)


def _accept_first(verdict: Verdict, settings: Settings) -> Verdict:
    """The verdict on a run without a baseline: PASS where the user accepts a first run."""
    if verdict.method != _FIRST_RUN:
        return verdict
    if settings.policy.accept_first:
        reason = f"first run, accepted by --ai-accept-first: {verdict.reason}"
        return replace(verdict, status=Status.PASS, reason=reason)
    return make_inconclusive(f"no baseline: {verdict.reason}", n=0)


def judge_non_inferiority(candidate: Slice, baseline: Slice, margin: float, alpha: float, name: str) -> Verdict:
    """Whether the candidate's rate exceeds the baseline's by at most `margin`.

    The interval of the difference joins one exact bound of each sample at alpha/2, so it holds whatever the rates are
    (Bonferroni; wider than Newcombe's, never narrower than the truth).
    """
    assert candidate.estimate is not None
    assert baseline.estimate is not None
    k1, k0 = round(candidate.estimate * candidate.n), round(baseline.estimate * baseline.n)
    low1, high1 = compute_rate_bounds(k1, candidate.n, alpha / 2)
    low0, high0 = compute_rate_bounds(k0, baseline.n, alpha / 2)
    lower, upper = low1 - high0, high1 - low0
    delta = candidate.estimate - baseline.estimate
    status, conclusion = Status.INCONCLUSIVE, f"worse by {margin:g} is neither shown nor refuted"
    if upper <= margin:
        status, conclusion = Status.PASS, f"worse by more than {margin:g} is refuted"
    elif lower > margin:
        status, conclusion = Status.FAIL, f"worse by at most {margin:g} is refuted"
    return Verdict(
        status,
        f"{k1} of {candidate.n} against {k0} of {baseline.n}: {conclusion}",
        metric="difference of the shares over the limit",
        unit="",
        direction="<=",
        estimate=delta,
        ci=(lower, upper),
        confidence=1 - alpha,
        method="two exact bounds at alpha/2",
        n=candidate.n,
        limit=margin,
        baseline=Baseline(name, baseline.estimate, delta, (lower, upper), margin),
    )


def _find_slice(slices: tuple[Slice, ...], name: str) -> Slice | None:
    return next((part for part in slices if part.name == name), None)
