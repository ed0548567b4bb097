"""Verdicts on a load: its objectives, the load generator, and the answers that were declared a success."""

from __future__ import annotations

from dataclasses import replace

from harness.core.load import DID_NOT_KEEP_UP, LoadResult
from harness.core.objective import Objective
from harness.core.plan import PlannedCheck
from harness.core.verdict import Case, Status, Verdict, judge_contract, make_error, make_inconclusive
from harness.run.rate_judging import TimeBlocks, describe_miss, judge_dependent_samples
from harness.stats.histogram import Histogram


def judge_load(result: LoadResult, objective: Objective, check: PlannedCheck) -> Verdict:
    """Judge one objective by the counts of the time blocks, whose samples depend on one another.

    `inter_token` judges gaps, every other metric requests; a failed request is over every latency limit. A load that
    did not keep up passes nothing: a note has the verdict that it would have had. It fails where the load generator was
    idle and the latencies from the send alone refute the budget: then the service kept every slot busy.
    """
    if (incomplete := _judge_incomplete(result)) is not None:
        return incomplete
    verdict = _judge_objective(result, objective, check, objective.metric)
    if result.gone is not None:
        reason = f"the endpoint disappeared under load: {result.gone}; {verdict.reason}"
        examples = (*result.broken, *result.failures)
        return Verdict(Status.FAIL, reason, n=verdict.n, method="ended early", counterexamples=examples)
    if not result.client_bound:
        return verdict
    if result.waited and not result.is_starved and objective.metric in ("latency", "error_rate"):
        from_send = verdict
        if objective.metric == "latency":
            from_send = _judge_objective(result, objective, check, "service")
        if from_send.status is Status.FAIL:
            return from_send.with_notes(f"counted from the send: the load could not keep up, {result.client_bound[0]}")
    return replace(
        verdict,
        status=Status.INCONCLUSIVE,
        reason=f"{DID_NOT_KEEP_UP}: {result.client_bound[0]}",
        counterexamples=(),
        notes=(f"if it had, the verdict would be {verdict.status}: {verdict.reason}", *verdict.notes),
    )


def _judge_objective(result: LoadResult, objective: Objective, check: PlannedCheck, metric: str) -> Verdict:
    counts = result.blocks[metric]
    over = counts.over_limit(0.0 if metric == "error_rate" else objective.limit)
    samples = "gaps" if metric == "inter_token" else "requests"
    return judge_dependent_samples(
        TimeBlocks(counts.n, over, counts.over_quantiles, result.seconds),
        objective,
        check,
        what=f"{samples} {describe_miss(objective)}",
        examples=(*result.broken, *result.failures),
        notes=_describe_observations(result, objective),
    )


def judge_generator(result: LoadResult) -> Verdict:
    """Whether the load was the wanted one: PASS or INCONCLUSIVE, never the service's fault."""
    if (incomplete := _judge_incomplete(result)) is not None:
        return incomplete
    if result.gone is not None:
        return make_inconclusive(f"the load ended early: {result.gone}", n=result.completed)
    if result.client_bound:
        return make_inconclusive("; ".join(result.client_bound), n=result.completed, method="contract")
    lag, cpu = (result.generator.lag_p99 or 0) * 1e3, (result.generator.cpu or 0) * 100
    sent = f"{result.sent} of {result.intended} requests were sent"
    holds = f"{sent}, late by {lag:.3g} ms at p99, with {cpu:.0f} % of a core"
    return judge_contract([Case("generator")], holds)


def judge_errors(result: LoadResult) -> Verdict:
    """Whether every answer that was declared a success is valid and complete."""
    if result.broken:
        declared = f"{result.broken_count} of {result.completed} answers declared a success were invalid or incomplete"
        reason = f"{declared}: {result.broken[0].summary}"
        return Verdict(Status.FAIL, reason, n=result.completed, method="contract", counterexamples=result.broken)
    if (incomplete := _judge_incomplete(result)) is not None:
        return incomplete
    succeeded = result.completed - result.failed
    if not succeeded:
        return make_inconclusive("no request under load succeeded: no answer was declared a success", n=0)
    holds = f"{succeeded} answers under load were valid and complete, {result.failed} failed openly"
    # One input, repeated: no rate over inputs is excluded (DESIGN 6.2).
    notes = ("one input was repeated: what the service does with others is not judged",)
    return Verdict(Status.PASS, holds, n=succeeded, method="contract", notes=notes)


def _judge_incomplete(result: LoadResult) -> Verdict | None:
    """ERROR for a load that the load generator did not finish."""
    if result.problem is not None:
        return make_error(f"{result.problem} ({result.completed} of {result.intended} requests had ended)")
    if not result.finished:
        return make_error(f"the load was cut off after {result.completed} of {result.intended} requests")
    return None


def _describe_observations(result: LoadResult, objective: Objective) -> tuple[str, ...]:
    notes = []
    if "error_rate" in result.blocks:
        in_warm_up = sum(result.errors.values()) - sum(result.blocks["error_rate"].over_limit(0.0))
        if in_warm_up > 0:
            notes.append(f"{in_warm_up} requests failed in the warm-up and are not judged")
    if objective.quantile is not None and objective.metric in result.histograms:
        observed = _compute_quantile(result, objective.metric, objective.quantile)
        note = f"observed p{objective.quantile * 100:g} {observed:.4g} ms (not what is judged)"
        if objective.metric == "latency" and "service" in result.histograms:
            note += f"; from the send {_compute_quantile(result, 'service', objective.quantile):.4g} ms"
        notes.append(note)
    return tuple(notes)


def _compute_quantile(result: LoadResult, metric: str, quantile: float) -> float:
    """A quantile of a latency in milliseconds."""
    return Histogram.from_sparse(result.histograms[metric]).quantile(quantile) * 1e3
