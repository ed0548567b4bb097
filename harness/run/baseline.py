"""Compare with a baseline: a saved run or a second endpoint, by non-inferiority with a margin (DESIGN 6.8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class BaselineSource:
    """What there is to compare with: a saved report, a second endpoint's URL, or nothing yet (a first run)."""

    name: str
    report: Report | None = None
    url: str | None = None


def find_baseline(settings: Settings) -> BaselineSource | None:
    """What `--ai-baseline` names. Raises `UsageError` for what is not there, without `--ai-accept-first`."""
    given = settings.baseline
    if given is None:
        return None
    if "://" in given:
        url, _ = parse_url(given)
        if url == settings.endpoint.url:
            raise UsageError(
                f"--ai-baseline={given} is the endpoint itself: a candidate compared with itself proves nothing"
            )
        return BaselineSource(url, url=url)
    path = Path(given)
    path = path / GATE if path.is_dir() else path
    if not path.exists():
        if settings.policy.accept_first:
            return BaselineSource(given)
        raise UsageError(
            f"--ai-baseline={given} is not there: give a gate.json, a run directory or a URL, "
            "or --ai-accept-first to take this run as the first"
        )
    try:
        return BaselineSource(given, report=read_gate(path))
    except RunDirError as problem:
        raise UsageError(f"--ai-baseline: {problem}") from None


def compare_with_baseline(
    older: BaselineSource, settings: Settings, plan: Plan, verdicts: Mapping[str, Verdict], version: str
) -> dict[str, Verdict]:
    """A verdict for every planned comparison, by its id, from the samples that this run's objectives left."""
    mismatch = _mismatch(older.report, plan, settings, version) if older.report else None
    found: dict[str, Verdict] = {}
    for objective in settings.objectives:
        id_ = make_comparison_id(objective.suite, objective)
        source = next((c.id for c in plan.checks if _judges(c, objective)), "")
        if source in verdicts:
            found[id_] = mismatch or _one(older, objective, source, verdicts[source], settings.policy.accept_first)
    return found


def _judges(check: PlannedCheck, objective: Objective) -> bool:
    return check.kind == "estimate" and check.suite == objective.suite and check.id.endswith(f"[{objective.slug}]")


def _mismatch(report: Report, plan: Plan, settings: Settings, version: str) -> Verdict | None:
    if report.run.verdict is not Status.PASS:
        return make_inconclusive(
            f"the baseline run {report.run.id} ended in {report.run.verdict}; only a PASS can be one", n=0
        )
    if report.environment.get("aiharness") != version:
        return make_inconclusive("the baseline was made by another version of the harness", n=0)
    if report.target.protocol != settings.endpoint.protocol:
        return make_inconclusive(f"the baseline was asked over {report.target.protocol}", n=0)
    ours, theirs = dict(plan.policy), dict(report.plan.policy)
    if different := [name for name in _SAME if ours.get(name) != theirs.get(name)]:
        return make_inconclusive(f"the baseline was made with another {', '.join(different)}", n=0)
    return None


def _one(older: BaselineSource, objective: Objective, source: str, verdict: Verdict, accept_first: bool) -> Verdict:
    candidate = _slice(verdict.slices, CANDIDATE_SAMPLE)
    if candidate is None:
        return make_inconclusive("this run left no sample of fixed size to compare", n=0)
    if older.url:
        baseline = _slice(verdict.slices, BASELINE_SAMPLE)
    else:
        row = next((c for c in older.report.checks if c.id == source), None) if older.report else None
        if row is not None and row.objective != objective.text:
            return make_inconclusive(f"the baseline judged {row.objective}", n=0)
        baseline = _slice(row.slices, CANDIDATE_SAMPLE) if row else None
    if baseline is None:
        why = f"{older.name} holds no sample of fixed size for {objective.text} (made without --ai-baseline?)"
        if accept_first:
            return Verdict(
                Status.PASS, f"first run, accepted by --ai-accept-first: {why}", n=candidate.n, method="first run"
            )
        return make_inconclusive(f"no baseline: {why}", n=0)
    return judge_non_inferiority(candidate, baseline, objective.budget, objective.alpha, older.name)


def judge_non_inferiority(candidate: Slice, baseline: Slice, margin: float, alpha: float, name: str) -> Verdict:
    """Whether the candidate's rate exceeds the baseline's by at most `margin`.

    The interval of the difference joins one exact bound of each sample at alpha/2, so it holds whatever the rates are
    (Bonferroni; wider than Newcombe's, never narrower than the truth).
    """
    assert candidate.estimate is not None
    assert baseline.estimate is not None
    k1, k0 = round(candidate.estimate * candidate.n), round(baseline.estimate * baseline.n)
    half = alpha / 2
    low1, high1 = compute_rate_bounds(k1, candidate.n, half)
    low0, high0 = compute_rate_bounds(k0, baseline.n, half)
    lower, upper = low1 - high0, high1 - low0
    delta = candidate.estimate - baseline.estimate
    status = Status.PASS if upper <= margin else Status.FAIL if lower > margin else Status.INCONCLUSIVE
    said = {
        Status.PASS: f"worse by more than {margin:g} is refuted",
        Status.FAIL: f"worse by at most {margin:g} is refuted",
        Status.INCONCLUSIVE: f"worse by {margin:g} is neither shown nor refuted",
    }[status]
    return Verdict(
        status,
        f"{k1} of {candidate.n} against {k0} of {baseline.n}: {said}",
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


def _slice(slices: tuple[Slice, ...], name: str) -> Slice | None:
    return next((s for s in slices if s.name == name), None)
