"""Verdicts on a load: its objectives, the load generator, and the answers that were declared a success."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.core.arrival_settings import SOAK, STEADY, STRESS
from harness.core.load import DID_NOT_KEEP_UP, LONGEST_STALL, MOST_FAILED, Counts, LoadResult, describe_time, name_least
from harness.core.metric import GOODPUT
from harness.core.objective import Objective
from harness.core.plan import PlannedCheck
from harness.core.verdict import Case, Status, Verdict, judge_contract, make_error, make_inconclusive
from harness.load.likeness import FEWEST_DISTINCT, find_unlikeness
from harness.load.rate_objectives import judge_throughput
from harness.run.rate_judging import TimeBlocks, describe_miss, judge_dependent_samples
from harness.stats.block_histogram import BlockHistogram
from harness.stats.dependence import FAR_BELOW, judge_dependent_rate
from harness.stats.histogram import GAMMA, Histogram
from harness.stats.intervals import clopper_pearson_lower

STRAY_FAILURES = 0.01
"""The share of failed requests that a load without an objective on them may have."""

JUDGES_FAILURES = ("error_rate", "latency", "ttft", "ttfot", "tpot", "goodput")
"""Metrics whose objectives count every failed request."""


def judge_load(result: LoadResult, objective: Objective, check: PlannedCheck) -> Verdict:
    """Judge one objective by the counts of the time blocks, whose samples depend on one another.

    `inter_token` judges gaps, every other metric requests; a failed request is over every latency limit. A load that
    was not the one asked for passes nothing: a note has the verdict that it would have had. Where the load generator
    itself delayed requests, a PASS must hold with all of that delay counted against the service (a request that is sent
    later does not end earlier), a FAIL without any of it; where it changes the verdict, that is INCONCLUSIVE.
    """
    if (incomplete := _judge_incomplete(result)) is not None:
        return _judge_overrun(result, objective, check) or incomplete
    if objective.is_rate:
        return _judge_rate(result, objective, check)
    verdict = _judge_objective(result, objective, check, objective.metric)
    if result.gone is not None:
        return _fail_gone(result, verdict)
    if result.client_bound or result.late:
        verdict = _judge_bounded(result, objective, check, verdict)
    return _judge_likeness(result, objective, verdict)


def _judge_rate(result: LoadResult, objective: Objective, check: PlannedCheck) -> Verdict:
    """The verdict on a rate per second: a request that the load generator sent late may be missing in it."""
    verdict = judge_throughput(result, objective, check)
    if result.gone is not None:
        return _fail_gone(result, verdict)
    reasons = (*result.client_bound, *(result.late if verdict.status is Status.FAIL else ()))
    if reasons:
        return _leave_undecided(verdict, reasons[0])
    return _judge_likeness(result, objective, verdict)


def _fail_gone(result: LoadResult, verdict: Verdict) -> Verdict:
    reason = f"the endpoint disappeared under load: {result.gone}; {verdict.reason}"
    examples = (*result.broken, *result.failures)
    return Verdict(Status.FAIL, reason, n=verdict.n, method="ended early", counterexamples=examples)


def _leave_undecided(verdict: Verdict, reason: str) -> Verdict:
    """What is left of a verdict on a load that the load generator may have shaped."""
    return replace(
        verdict,
        status=Status.INCONCLUSIVE,
        reason=f"{DID_NOT_KEEP_UP}: {reason}",
        counterexamples=(),
        notes=(f"if it had, the verdict would be {verdict.status}: {verdict.reason}", *verdict.notes),
    )


def _judge_likeness(result: LoadResult, objective: Objective, verdict: Verdict) -> Verdict:
    """Answers that are not those that were asked for (from a cache, too short, held back) show no time of these."""
    reason = find_unlikeness(result, objective, verdict.status)
    if not reason:
        return verdict
    return replace(
        verdict,
        status=Status.INCONCLUSIVE,
        reason=reason,
        counterexamples=(),
        notes=(f"of what was sent the verdict would be {verdict.status}: {verdict.reason}", *verdict.notes),
    )


def _judge_bounded(result: LoadResult, objective: Objective, check: PlannedCheck, verdict: Verdict) -> Verdict:
    """The verdict of a load that the load generator may have shaped, by the bounds of its effect."""
    reason = (*result.client_bound, *result.late)[0]
    metric = objective.metric
    least = _judge_objective(result, objective, check, metric if metric == "error_rate" else name_least(metric))
    if least.status is Status.FAIL and not result.is_starved:
        return least.with_notes(f"{reason}; it fails without the time that the load generator took, too")
    if not result.client_bound:
        most = verdict
        if metric == "error_rate":
            most = _judge_objective(result, objective, check, MOST_FAILED)
        # Pieces that came while the loop stood still are stamped together: gaps between them are not seen.
        is_hidden = metric == "inter_token" and result.stall > LONGEST_STALL
        if most.status in (Status.PASS, least.status) and not is_hidden:
            return verdict.with_notes(f"{reason}; this changes nothing: with and without it the verdict is the same")
    return _leave_undecided(verdict, reason)


def _judge_overrun(result: LoadResult, objective: Objective, check: PlannedCheck) -> Verdict | None:
    """The FAIL that a load which was stopped at its deadline has shown until then; None where it has shown none."""
    if not result.overran or result.is_starved:
        return None
    metric = objective.metric
    if objective.is_rate:
        verdict = judge_throughput(result, objective, check)
    else:
        verdict = _judge_objective(result, objective, check, metric if metric == "error_rate" else name_least(metric))
    if verdict.status is not Status.FAIL:
        return None
    return verdict.with_notes(f"of the {result.completed} requests that had ended: {result.problem}")


def _judge_objective(result: LoadResult, objective: Objective, check: PlannedCheck, metric: str) -> Verdict:
    counts, limit = result.blocks[metric], 0.0
    if objective.is_latency:
        limit = objective.limit
    if repr(limit) in counts.over:
        return _judge_counts(result, objective, check, metric, counts.over_limit(limit))
    return _judge_later_limit(result, objective, check, metric)


def _judge_later_limit(result: LoadResult, objective: Objective, check: PlannedCheck, metric: str) -> Verdict:
    """The verdict by a limit that was set after the load: by the buckets, 2 % wide, in whose middle it may lie.

    Raises `KeyError` where the result has no histograms by block.
    """
    histogram = BlockHistogram.from_sparse(result.by_block[metric])
    least, most = (histogram.count_above_bucket(limit).tolist() for limit in (objective.limit, objective.limit / GAMMA))
    verdict = _judge_counts(result, objective, check, metric, tuple(least))
    worst = _judge_counts(result, objective, check, metric, tuple(most))
    note = "this limit was set after the load: requests over it are counted by buckets that are 2 % wide"
    if verdict.status is Status.FAIL or verdict.status is worst.status:
        return verdict.with_notes(note)
    reason = f"within the 2 % of a bucket around this limit the verdict would be {worst.status} and {verdict.status}"
    return replace(worst, status=Status.INCONCLUSIVE, reason=reason, counterexamples=()).with_notes(note)


def _judge_counts(
    result: LoadResult, objective: Objective, check: PlannedCheck, metric: str, over: tuple[int, ...]
) -> Verdict:
    counts = result.blocks[metric]
    samples = "gaps" if objective.metric == "inter_token" else "requests"
    return judge_dependent_samples(
        TimeBlocks(counts.n, over, _choose_quantiles(result, objective, metric), result.seconds),
        objective,
        check,
        what=f"{samples} {_describe_miss(objective)}",
        examples=(*result.broken, *result.failures),
        notes=(*_describe_observations(result, objective), *_describe_schedule(result, counts.n, over)),
    )


def _describe_miss(objective: Objective) -> str:
    if objective.metric == GOODPUT.name:
        return "failed or broke a limit"
    return describe_miss(objective)


def _describe_schedule(result: LoadResult, n: Sequence[int], over: Sequence[int]) -> tuple[str, ...]:
    """What a verdict on a load whose rate changed is about, and how many were over the limit at each rate."""
    if result.loop:
        return (result.describe_loop(),)
    if result.shape in (STEADY, SOAK):
        return ()
    if result.shape == STRESS:
        seconds = f"the last {result.seconds:g} s"
        judged = f"{result.schedule}: only {seconds} are judged, in which the service must have recovered"
        return (judged, result.recovery) if result.recovery else (judged,)
    notes = [f"{result.schedule}: this is on all requests of the schedule together, and on no rate by itself"]
    parts = [f"{name} {sum(over[a:b])} of {sum(n[a:b])}" for name, a, b in result.phases]
    if parts:
        notes.append(f"not judged by themselves: {', '.join(parts)}")
    return tuple(notes)


def _choose_quantiles(result: LoadResult, objective: Objective, metric: str) -> tuple[tuple[int, ...], ...]:
    """The counts over the run's own quantiles; none where the percentile that is judged is far below the limit."""
    if objective.quantile is not None and objective.metric in result.histograms:
        observed = Histogram.from_sparse(result.histograms[objective.metric]).quantile(objective.quantile)
        if observed * FAR_BELOW < objective.limit:
            return ()
    # How the service's answers depend on one another, not how the load generator was delayed.
    return result.blocks.get(name_least(metric), result.blocks[metric]).over_quantiles


def judge_generator(result: LoadResult, objectives: Sequence[Objective], check: PlannedCheck) -> Verdict:
    """Whether the load was the wanted one: PASS or INCONCLUSIVE, never the service's fault.

    Requests that the load generator delayed matter where an objective is left open for it. Without an objective nothing
    bounds their effect: then they must not have been delayed by over `LONGEST_STALL` seconds.
    """
    if (incomplete := _judge_incomplete(result)) is not None:
        return incomplete
    if result.gone is not None:
        return make_inconclusive(f"the load ended early: {result.gone}", n=result.completed)
    if result.client_bound:
        bound = make_inconclusive("; ".join(result.client_bound), n=result.completed, method="contract")
        return bound.with_notes(*_name_path(result))
    if open_reason := _find_open_reason(result, objectives, check):
        return make_inconclusive(open_reason, n=result.completed, method="contract")
    lag, cpu = describe_time(result.generator.lag_p99 or 0.0), (result.generator.cpu or 0) * 100
    sent = f"{result.sent} of {result.intended} requests were sent"
    holds = f"{sent}, late by {lag} at p99, with {cpu:.0f} % of a core"
    notes = [*_name_path(result), *(f"{reason}; no verdict depends on it" for reason in result.late)]
    if result.loop:
        notes.insert(0, result.describe_loop())
    return judge_contract([Case("generator")], holds).with_notes(*notes)


def _find_open_reason(result: LoadResult, objectives: Sequence[Objective], check: PlannedCheck) -> str:
    """Why a delay by the load generator leaves something open; empty where it does not."""
    for objective in objectives if result.late else ():
        verdict = judge_load(result, objective, check)
        if verdict.status is Status.INCONCLUSIVE and verdict.reason.startswith(DID_NOT_KEEP_UP):
            return f"{verdict.reason}, which leaves {objective.text} open"
    delay = max(result.generator.lag_p99 or 0.0, result.stall)
    if result.late and not objectives and delay > LONGEST_STALL:
        return f"{DID_NOT_KEEP_UP}: {result.late[0]}"
    return ""


def judge_failures(result: LoadResult, objectives: Sequence[Objective]) -> Verdict:
    """Whether the service answers to the end of the load: FAIL when it is gone, else what its failures are judged by.

    Where no objective judges them, at most `STRAY_FAILURES` of the requests may fail: FAIL where the time blocks refute
    that at 99 %, INCONCLUSIVE where only independent failures would.
    """
    verdict, note = _judge_failed(result, objectives), result.describe_connections()
    return verdict.with_notes(note) if note else verdict


def _judge_failed(result: LoadResult, objectives: Sequence[Objective]) -> Verdict:
    failed, completed = result.failed, result.completed
    if result.shape == STRESS:  # that requests fail at the peak is what it is for
        failed, completed = sum(result.blocks["error_rate"].over_limit(0.0)), result.judged
    if result.gone is not None:
        reason = f"the endpoint disappeared under load: {result.gone}"
        examples = (*result.broken, *result.failures)
        return Verdict(Status.FAIL, reason, n=completed, method="contract", counterexamples=examples)
    if (incomplete := _judge_incomplete(result)) is not None:
        return incomplete
    if not completed:
        return make_inconclusive("no request under load has ended", n=0)
    if result.losses:
        return _leave_open(result)
    share = f"{failed} of {completed} requests failed ({failed / completed:.3g})"
    judges = [objective.text for objective in objectives if objective.metric in JUDGES_FAILURES]
    if not judges and clopper_pearson_lower(failed, completed, 0.05) > STRAY_FAILURES:
        return _judge_strays(result, share)
    by = f"judged by {', '.join(judges)}" if judges else "which is under the 1 % that may fail without an objective"
    return Verdict(Status.PASS, f"it answered to the end of the load; {share}, {by}", n=completed, method="contract")


def _judge_strays(result: LoadResult, share: str) -> Verdict:
    """The verdict on failures that are too many to be strays, which no objective judges."""
    counts = result.blocks.get("error_rate") or Counts((), {repr(0.0): ()})
    over = counts.over_limit(0.0)
    limit = "without an objective at most 1 % of the requests may fail; give one on error_rate for another limit"
    if sum(over):
        test = judge_dependent_rate(counts.n, over, (), STRAY_FAILURES, 2 * STRAY_FAILURES, alpha_fail=0.01)
        if test.decision == "fail":
            reason, n = f"{sum(over)} of {sum(counts.n)} requests failed: {limit}", sum(counts.n)
            examples = (*result.broken, *result.failures)
            return Verdict(Status.FAIL, reason, n=n, method="contract", counterexamples=examples)
    why = "they come in episodes, too few to refute it, or were sent before the judged part"
    return make_inconclusive(f"{share}: {limit}; {why}", n=result.completed, method="contract")


def judge_answers(result: LoadResult) -> Verdict:
    """Whether every answer under load that can be verified is right."""
    if result.wrong_count:
        first = result.wrong[0].summary
        reason = f"{result.wrong_count} of {result.compared} verified answers are wrong: {first}"
        return Verdict(Status.FAIL, reason, n=result.compared, method="contract", counterexamples=result.wrong)
    if (incomplete := _judge_incomplete(result)) is not None:
        return incomplete
    if not result.compared:
        return make_inconclusive(result.not_compared or "no request under load succeeded: no answer to compare", n=0)
    if result.losses:
        return _leave_open(result)
    holds = f"each of {result.compared} verified answers under load is right"
    notes = (*_describe_verified(result), *_describe_requests(result))
    return Verdict(Status.PASS, holds, n=result.compared, method="contract", notes=notes)


def _describe_verified(result: LoadResult) -> tuple[str, ...]:
    """Which share of the answers was verified, what that excludes, and what it leaves open."""
    excluded = 1 - 0.05 ** (1 / max(1, result.compared))
    notes = [
        f"{result.compared} of {result.completed} answers could be verified, because the right one is known: of such "
        f"requests fewer than {excluded:.2g} are answered wrongly, at 95 %"
    ]
    if result.unechoed:
        of = f"{result.unechoed} of {result.echoed} answers do not repeat their code, and no other's"
        notes.append(f"{of}: a model may do so, and it is not shown that the load does")
    return tuple(notes)


def judge_errors(result: LoadResult, *, compares: bool = False) -> Verdict:
    """Whether every answer that was declared a success is valid and complete; `compares`: and as without load."""
    if result.broken:
        declared = f"{result.broken_count} of {result.completed} answers declared a success were invalid or incomplete"
        reason = f"{declared}: {result.broken[0].summary}"
        return Verdict(Status.FAIL, reason, n=result.completed, method="contract", counterexamples=result.broken)
    if compares and result.wrong_count:
        return judge_answers(result)
    if (incomplete := _judge_incomplete(result)) is not None:
        return incomplete
    succeeded = result.completed - result.failed
    if not succeeded:
        return make_inconclusive("no request under load succeeded: no answer was declared a success", n=0)
    if result.losses:
        return _leave_open(result)
    holds = f"{succeeded} answers under load were valid and complete, {result.failed} failed openly"
    verdict = Verdict(Status.PASS, holds, n=succeeded, method="contract", notes=_describe_requests(result))
    if result.compared:
        return verdict.with_notes(*_describe_verified(result))
    if result.not_compared:
        return verdict.with_notes(f"the content of the answers was not compared: {result.not_compared}")
    return verdict


def _describe_requests(result: LoadResult) -> tuple[str, ...]:
    """What was sent, for a PASS: no rate over other inputs is excluded (DESIGN 6.2)."""
    if result.repeated == result.sent:
        return ("one input was repeated: what the service does with others is not judged",)
    return (f"{result.distinct:.0%} distinct requests: {result.workload}",)


def _judge_incomplete(result: LoadResult) -> Verdict | None:
    """ERROR for a load that the load generator did not finish."""
    if result.problem is not None:
        return make_error(f"{result.problem} ({result.completed} of {result.intended} requests had ended)")
    if not result.finished:
        return make_error(f"the load was cut off after {result.completed} of {result.intended} requests")
    return None


def _leave_open(result: LoadResult) -> Verdict:
    """What a load that lost a worker says of all its answers: nothing failed in those that are known."""
    known = f"nothing failed this check in the {result.completed} of {result.intended} requests that are known"
    return make_inconclusive(f"{'; '.join(result.losses)}; {known}", n=result.completed, method="contract")


def _name_path(result: LoadResult) -> list[str]:
    return [result.generator.slow_path] if result.generator.slow_path else []


def _describe_observations(result: LoadResult, objective: Objective) -> tuple[str, ...]:
    notes = _name_path(result)
    if objective.metric != "error_rate" and result.sent and result.distinct < FEWEST_DISTINCT:
        notes.append(f"{result.distinct:.0%} of the requests were distinct: repeats may be answered from a cache")
    if "error_rate" in result.blocks:
        in_warm_up = sum(result.errors.values()) - sum(result.blocks["error_rate"].over_limit(0.0))
        if in_warm_up > 0:
            part = "before the recovery was over" if result.shape == STRESS else "in the warm-up"
            notes.append(f"{in_warm_up} requests failed {part} and are not judged")
    if objective.quantile is not None and objective.metric in result.histograms:
        observed = _compute_quantile(result, objective.metric, objective.quantile)
        note = f"observed p{objective.quantile * 100:g} {describe_time(observed)} (not what is judged)"
        if objective.metric == "latency" and "service" in result.histograms:
            note += f"; from the send {describe_time(_compute_quantile(result, 'service', objective.quantile))}"
        notes.append(note)
    return tuple(notes)


def _compute_quantile(result: LoadResult, metric: str, quantile: float) -> float:
    """A quantile of a latency in seconds."""
    return Histogram.from_sparse(result.histograms[metric]).quantile(quantile)
