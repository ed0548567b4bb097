"""Compare with a baseline: a saved run or a second endpoint, by non-inferiority with a margin (DESIGN 6.8)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from harness.core.errors import RunDirError, UsageError
from harness.core.objective import Objective
from harness.core.plan import Plan, PlannedCheck
from harness.core.report import Report
from harness.core.settings import Settings
from harness.core.suite_policy import find_policy
from harness.core.url_parsing import looks_like_url, parse_url
from harness.core.verdict import Baseline, Level, Slice, Status, Verdict, make_inconclusive
from harness.io.run_search import LAST_PASS, PINNED_RUN, find_run
from harness.io.rundir import GATE, read_gate
from harness.run.fixed_sample import (
    BASELINE_NOTE,
    BASELINE_SAMPLE,
    CANDIDATE_SAMPLE,
    INDEPENDENT_PAIRS,
    INDEPENDENT_REQUESTS,
    WORSE_PAIRS,
)
from harness.run.planning import make_comparison_id
from harness.stats.difference import PairCounts, SampleCounts, judge_difference
from harness.stats.intervals import clopper_pearson_lower

_SAME = ("profile", "sample", "deadlines")
"""Parts of a plan's policy that two runs must share to be compared."""
FIRST_RUN = "first run"
"""The method of a verdict without a baseline."""
_DEGRADED = 0.001
"""A baseline whose own budget is refuted at this alpha is no measure of a good service."""


@dataclass(frozen=True, slots=True)
class BaselineSource:
    """What there is to compare with: a saved report, a second endpoint's URL, or nothing yet (a first run).

    `folder` is the directory of the saved run.
    """

    name: str
    report: Report | None = None
    url: str | None = None
    folder: Path | None = None


def find_baseline(settings: Settings) -> BaselineSource | None:
    """What `--ai-baseline` names. Raises `UsageError` for what is not there, without `--ai-accept-first`."""
    name = settings.baseline
    if name is None:
        return None
    if looks_like_url(name) and not Path(name).exists():
        url, _ = parse_url(name, "--ai-baseline")
        if _name_loopback(url) == _name_loopback(settings.endpoint.url):
            raise UsageError(
                f"--ai-baseline={name} is the endpoint itself: a candidate compared with itself proves nothing"
            )
        return BaselineSource(url, url=url)
    path = Path(name)
    if name in (PINNED_RUN, LAST_PASS):
        path = _find_passed(name, settings)
    if path.is_dir():
        path /= GATE
    if not path.exists():
        if settings.policy.accept_first:
            return BaselineSource(name)
        problem = f"holds no {GATE}" if Path(name).is_dir() else "does not exist"
        raise UsageError(
            f"--ai-baseline={name} {problem}: give a gate.json, a run directory or a URL, "
            "or --ai-accept-first to take this run as the first"
        )
    try:
        report = read_gate(path)
    except RunDirError as problem:
        raise UsageError(f"--ai-baseline: {problem}") from None
    if not report.run.final:
        raise UsageError(f"--ai-baseline={name} is a run that did not end: it holds no decision to compare with")
    return BaselineSource(name, report=report, folder=path.parent)


def _find_passed(name: str, settings: Settings) -> Path:
    """The directory of the pinned run, or of the last that passed; the name itself where there is none yet."""
    try:
        return find_run(name)
    except RunDirError as problem:
        if settings.policy.accept_first:
            return Path(name)
        hint = "or --ai-accept-first to take this run as the first"
        raise UsageError(f"--ai-baseline={name}: {problem}, {hint}") from None


def _name_loopback(url: str) -> str:
    """The URL with one name for this machine, so that two names of one address are not two endpoints."""
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    name = re.sub(r"^(localhost|127\.0\.0\.1|\[::1\]|0\.0\.0\.0)(?=:|$)", "loopback", host.lower())
    return f"{scheme}://{name}{slash}{path.rstrip('/')}"


def compare_with_baseline(
    source: BaselineSource, settings: Settings, plan: Plan, verdicts: Mapping[str, Verdict], version: str
) -> dict[str, Verdict]:
    """A verdict for every planned comparison, by its id, from the samples that this run's objectives left."""
    mismatch = find_setting_mismatch(source.report, plan, settings, version) if source.report else None
    comparisons = max(1, sum(check.kind == "comparison" and _decides(check) for check in plan.checks))
    compared: dict[str, Verdict] = {}
    for objective in settings.objectives:
        judging = [check.id for check in plan.checks if _is_check_of(check, objective)]
        if judging and judging[0] in verdicts and find_policy(objective.suite).compares:
            comparison = make_comparison_id(objective.suite, objective)
            verdict = mismatch or _compare(source, objective, judging[0], verdicts[judging[0]], comparisons)
            compared[comparison] = accept_first(verdict, settings)
    return compared


def _decides(check: PlannedCheck) -> bool:
    return check.level is Level.BLOCKER and check.not_applicable is None


def _is_check_of(check: PlannedCheck, objective: Objective) -> bool:
    return check.kind == "estimate" and check.suite == objective.suite and check.id.endswith(f"[{objective.slug}]")


def find_setting_mismatch(report: Report, plan: Plan, settings: Settings, version: str) -> Verdict | None:
    """Why a saved run is no baseline of this one; None where it is."""
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


def _compare(source: BaselineSource, objective: Objective, check: str, verdict: Verdict, comparisons: int) -> Verdict:
    candidate, baseline = _find_slice(verdict.slices, CANDIDATE_SAMPLE), None
    if candidate is None:
        return make_inconclusive("this run left no sample of fixed size to compare", n=0)
    notes = tuple(note for note in verdict.notes if note.startswith(BASELINE_NOTE))
    pairs = None
    if source.url:
        baseline = _find_slice(verdict.slices, BASELINE_SAMPLE)
        if baseline is None:
            reason = f"{source.url} cannot be compared with: {'; '.join(notes) or 'it was not asked'}"
            return make_inconclusive(reason, n=candidate.n)
        worse = _find_slice(verdict.slices, WORSE_PAIRS)
        effect: tuple[float, ...] = (_measure_effect(candidate, verdict.slices, INDEPENDENT_PAIRS),)
        if worse is not None:
            only_here = _count_over(worse)
            only_there = _count_over(baseline) - _count_over(candidate) + only_here
            pairs = PairCounts(candidate.n, only_here, only_there)
    else:
        rows = [row for row in source.report.checks if row.id == check] if source.report else []
        if rows and rows[0].objective != objective.text:
            return make_inconclusive(f"the baseline judged {rows[0].objective}", n=0)
        baseline = _find_slice(rows[0].slices, CANDIDATE_SAMPLE) if rows else None
        if baseline is None:
            reason = f"{source.name} holds no sample of fixed size for {objective.text} (made without --ai-baseline?)"
            return make_inconclusive(reason, n=candidate.n, method=FIRST_RUN)
        ours = _measure_effect(candidate, verdict.slices, INDEPENDENT_REQUESTS)
        effect = ours, _measure_effect(baseline, rows[0].slices, INDEPENDENT_REQUESTS)
        notes += ("the two runs were made at different times: whatever changed between them is in the difference",)
    compared = judge_non_inferiority(
        candidate,
        baseline,
        objective.budget,
        objective.alpha,
        source.name,
        pairs=pairs,
        effect=effect,
        alpha_fail=objective.alpha / comparisons,
    )
    return compared.with_notes(*notes)


def _measure_effect(sample: Slice, slices: tuple[Slice, ...], name: str) -> float:
    """How many requests of the sample are as telling as one independent request (or pair)."""
    independent = _find_slice(slices, name)
    return 1.0 if independent is None else sample.n / independent.n


def _count_over(part: Slice) -> int:
    assert part.estimate is not None
    return round(part.estimate * part.n)


def accept_first(verdict: Verdict, settings: Settings) -> Verdict:
    """The verdict on a run without a baseline: PASS where the user accepts a first run."""
    if verdict.method != FIRST_RUN:
        return verdict
    if settings.policy.accept_first:
        reason = f"first run, accepted by --ai-accept-first: {verdict.reason}"
        return replace(verdict, status=Status.PASS, reason=reason)
    return make_inconclusive(f"no baseline: {verdict.reason}", n=0)


def judge_non_inferiority(
    candidate: Slice,
    baseline: Slice,
    margin: float,
    alpha: float,
    name: str,
    *,
    pairs: PairCounts | None = None,
    effect: tuple[float, ...] = (1.0, 1.0),
    alpha_fail: float | None = None,
) -> Verdict:
    """Whether the candidate's share over the limit exceeds the baseline's by at most `margin`, which is its budget.

    By `pairs` where both were asked at the same moments, else by the two samples; `effect` is the design effect of the
    pairs, or of each sample. A baseline that breaks the budget itself lets nothing PASS.
    """
    k1, k0 = _count_over(candidate), _count_over(baseline)
    counts = SampleCounts(candidate.n, k1, baseline.n, k0) if pairs is None else pairs
    decided = judge_difference(counts, margin, alpha, alpha_fail or alpha, effect)
    shown = f"{k1} of {candidate.n} against {k0} of {baseline.n}"
    notes: tuple[str, ...] = ()
    if pairs is not None:
        only = f"{pairs.worse} only this endpoint was over the limit, in {pairs.better} only the baseline"
        notes = (f"of {pairs.n} pairs, in {only}",)
    if max(effect) > 1:
        notes += (f"the requests depend on one another: {max(effect):.3g} of them are as telling as one",)
    status = Status.INCONCLUSIVE
    if decided.decision == "fail":
        status, conclusion = Status.FAIL, f"worse by at most {margin:g} is refuted"
    elif clopper_pearson_lower(k0, baseline.n, _DEGRADED) > margin:
        conclusion = f"the baseline itself breaks the budget of {margin:g}, so that to be no worse proves nothing"
    elif decided.decision == "pass":
        status, conclusion = Status.PASS, f"worse by more than {margin:g} is refuted"
    elif decided.n_needed is not None:
        conclusion = f"worse by {margin:g} is neither shown nor refuted; about {decided.n_needed} requests each decide"
    else:
        conclusion = f"worse by {margin:g} is neither shown nor refuted, "
        conclusion += "and the difference lies too close to it for any number of requests"
    if k0 > margin * baseline.n:
        notes += (f"{BASELINE_NOTE}itself is over the budget of {margin:g}: {k0} of {baseline.n} over the limit",)
    method = "Farrington and Manning's score test, exact tails"
    if pairs is not None:
        method = "Tango's score test of pairs, exact tails"
    return Verdict(
        status,
        f"{shown}: {conclusion}",
        metric="difference of the shares over the limit",
        unit="",
        direction="<=",
        estimate=decided.estimate,
        ci=(decided.lower, decided.upper),
        confidence=1 - alpha,
        method=method,
        n=candidate.n,
        n_needed=decided.n_needed,
        limit=margin,
        baseline=Baseline(name, baseline.estimate, decided.estimate, (decided.lower, decided.upper), margin),
        notes=notes,
    )


def _find_slice(slices: tuple[Slice, ...], name: str) -> Slice | None:
    return next((part for part in slices if part.name == name), None)
