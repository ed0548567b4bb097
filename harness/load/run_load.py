"""The load of a gate run: the measurement, made in a child, and the verdicts on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from harness.core.errors import BudgetExhausted, UsageError
from harness.core.load import Job, LoadResult, unloadable
from harness.core.measurement import TOKENS_PER_ANSWER, Measurement, Scope
from harness.core.objective import INTER_TOKEN, LATENCY, TTFT, Objective
from harness.core.pacing import Pacer
from harness.core.plan import Cost, PlannedCheck
from harness.core.settings import LoadSettings
from harness.core.verdict import Case, Counterexample, Status, Verdict, judge_contract, make_error, make_inconclusive
from harness.load.counts import get_result_path, make_result_id
from harness.load.locust_process import LocustExit, find_free_port, find_locustfile, run_locust
from harness.run.gate_run import GateRun
from harness.run.rate_judging import TimeBlocks, describe_miss, judge_dependent_samples
from harness.run.session import Session
from harness.stats.histogram import Histogram

_START, _AFTER = 30.0, 10.0
"""Seconds in which the child must have started, and past the last deadline in which it must have ended."""


def collect_limits(objectives: Sequence[Objective]) -> dict[str, tuple[float, ...]]:
    """The limits of the load's latency objectives by metric, in seconds."""
    metrics = (LATENCY.name, TTFT.name, INTER_TOKEN.name)
    return {metric: tuple(sorted({o.limit for o in objectives if o.metric == metric})) for metric in metrics}


def make_load(scope: Scope, session: Session, run: GateRun) -> LoadResult:
    """Make the load in a child and return its result.

    Raises `BudgetExhausted` before the start where a ceiling forbids the whole, `UsageError` for a load that cannot be
    made here.
    """
    wanted = _settings(scope)
    path = get_result_path(run.run_dir.path, wanted.scenario)
    if why := unloadable(session.endpoint, wanted.duration):
        raise UsageError(why)
    file = find_locustfile(wanted.scenario)
    _reserve(session, run, wanted)
    objectives = scope.objectives
    query = session.sample(stream=any(objective.streamed for objective in objectives))
    request = session.adapter.encode(session.endpoint, query, session.facts)
    endpoint = replace(session.endpoint, protocol=session.adapter.name)
    folder = str(run.run_dir.path)
    limits = collect_limits(objectives)
    job = Job(endpoint, (request,), wanted, folder, run.started, limits, seed=scope.settings.seed, suite=scope.suite)
    path.parent.mkdir(exist_ok=True)
    options = ["--headless", "--host", endpoint.url, "-u", str(wanted.concurrency), "-r", "1000", "--only-summary"]
    if wanted.processes > 1:
        port = str(find_free_port())
        options += ["--processes", str(wanted.processes), "--master-bind-host", "127.0.0.1"]
        options += ["--master-bind-port", port, "--master-port", port]
    patience = _START + wanted.duration + endpoint.deadlines.connect + endpoint.deadlines.total + _AFTER
    run.progress(f"load: {wanted.scenario}: {wanted.rate:g} requests/s for {wanted.duration:g} s, open loop")
    ended = run_locust(file, options, msgspec.json.encode(job), path.with_suffix(".log"), patience)
    result = _read_result(path, job, ended)
    run.run_dir.scrub(path.with_suffix(".log"))
    run.ledger.after_answer(result.tokens)
    return result


def _settings(scope: Scope) -> LoadSettings:
    return scope.settings.load or LoadSettings()


def _compute_cost(scope: Scope) -> Cost:
    wanted = _settings(scope)
    requests = Pacer(wanted.rate, wanted.duration).count
    return Cost(requests, TOKENS_PER_ANSWER * requests, wanted.duration)


LOAD = Measurement(
    LoadResult, _compute_cost, lambda scope: make_result_id(_settings(scope).scenario), make_load, alone=True
)
"""The open-loop load of `[load]`."""


def _reserve(session: Session, run: GateRun, wanted: LoadSettings) -> None:
    """Count every request of the load before its start: a load cut off by a ceiling would be no load."""
    ceilings, count = session.settings.ceilings, Pacer(wanted.rate, wanted.duration).count
    if ceilings.requests is not None and run.ledger.requests + count > ceilings.requests:
        raise BudgetExhausted(f"--ai-max-requests={ceilings.requests} leaves no room for a load of {count} requests")
    if ceilings.seconds is not None and run.now() + wanted.duration > ceilings.seconds:
        raise BudgetExhausted(
            f"--ai-max-time={ceilings.seconds:g} s leaves no room for a load of {wanted.duration:g} s"
        )
    for _ in range(count):
        run.ledger.before_request()


def _read_result(path: Path, job: Job, ended: LocustExit) -> LoadResult:
    """What the child wrote; it has a `problem` if the child did not end as it should."""
    try:
        result = msgspec.json.decode(path.read_bytes(), type=LoadResult)
    except (OSError, msgspec.MsgspecError):
        count = Pacer(job.load.rate, job.load.duration).count
        result = LoadResult(job.load.scenario, job.endpoint.protocol, count)
    if ended.status != 0 or ended.overran or not result.finished:
        problem = result.problem or f"the load generator died: {ended.description}"
        return replace(result, problem=problem, finished=False)
    return result


def judge_load(result: LoadResult, objective: Objective, check: PlannedCheck) -> Verdict:
    """Judge one objective by the counts of the 20 time blocks, whose samples depend on one another.

    `inter_token` judges gaps, every other metric requests; a failed request is over every latency limit. A load that
    did not keep up PASSes nothing: what it would have decided stands in a note. It FAILs where the child was idle, and
    what it counted from the send alone refutes the budget: then the service held every place.
    """
    if (broken := _unfit(result)) is not None:
        return broken
    what = "gaps" if objective.metric == "inter_token" else "requests"
    examples = (*result.broken, *result.failures)
    verdict = _judged(result, objective, check, what, examples)
    if result.gone is not None:
        why = f"the endpoint disappeared under load: {result.gone}; {verdict.reason}"
        return Verdict(Status.FAIL, why, n=verdict.n, method="ended early", counterexamples=examples)
    if not result.client_bound:
        return verdict
    if result.waited and not result.starved and objective.metric in ("latency", "error_rate"):
        from_send = verdict
        if objective.metric == "latency":
            from_send = _judged(result, objective, check, what, examples, counted="service")
        if from_send.status is Status.FAIL:
            return from_send.with_notes(f"counted from the send: the load could not keep up, {result.client_bound[0]}")
    return replace(
        verdict,
        status=Status.INCONCLUSIVE,
        reason=f"the load generator did not keep up: {result.client_bound[0]}",
        counterexamples=(),
        notes=(f"without this it would be {verdict.status}: {verdict.reason}", *verdict.notes),
    )


def _judged(
    result: LoadResult,
    objective: Objective,
    check: PlannedCheck,
    what: str,
    examples: tuple[Counterexample, ...],
    counted: str | None = None,
) -> Verdict:
    counts = result.blocks[counted or objective.metric]
    over = counts.over_p90 if objective.metric == "error_rate" else counts.over_limit(objective.limit)
    blocks, said = TimeBlocks(counts.n, over, counts.over_p90), f"{what} {describe_miss(objective)}"
    return judge_dependent_samples(
        blocks, objective, check, what=said, examples=examples, notes=_notes(result, objective)
    )


def judge_generator(result: LoadResult) -> Verdict:
    """Whether the load was the one asked for: PASS or INCONCLUSIVE, never the service's fault."""
    if (broken := _unfit(result)) is not None:
        return broken
    if result.gone is not None:
        return make_inconclusive(f"the load ended early: {result.gone}", n=result.completed)
    if result.client_bound:
        return make_inconclusive("; ".join(result.client_bound), n=result.completed, method="contract")
    made = result.generator
    holds = (
        f"{result.sent} of {result.intended} requests were sent, late by {(made.lag_p99 or 0) * 1e3:.3g} ms at p99, "
        f"with {(made.cpu or 0) * 100:.0f} % of a core"
    )
    return judge_contract([Case("generator")], holds)


def judge_errors(result: LoadResult) -> Verdict:
    """Whether every answer declared a success was a valid and whole one."""
    if result.broken:
        first = result.broken[0]
        why = f"{result.broken_count} of {result.completed} answers declared a success were invalid or incomplete"
        return Verdict(
            Status.FAIL, f"{why}: {first.summary}", n=result.completed, method="contract", counterexamples=result.broken
        )
    if (broken := _unfit(result)) is not None:
        return broken
    succeeded = result.completed - result.failed
    if not succeeded:
        return make_inconclusive("no request under load succeeded: nothing was declared a success", n=0)
    holds = f"{succeeded} answers under load were valid and whole, {result.failed} failed openly"
    # One input, repeated: no rate over inputs is excluded (DESIGN 6.2).
    notes = ("one input was repeated: what the service does with others is not judged",)
    return Verdict(Status.PASS, holds, n=succeeded, method="contract", notes=notes)


def _unfit(result: LoadResult) -> Verdict | None:
    if result.problem is not None:
        return make_error(f"{result.problem} ({result.completed} of {result.intended} requests had ended)")
    if not result.finished:
        return make_error(f"the load was cut off after {result.completed} of {result.intended} requests")
    return None


def _notes(result: LoadResult, objective: Objective) -> tuple[str, ...]:
    early = sum(result.errors.values()) - sum(sum(c.over_p90) for m, c in result.blocks.items() if m == "error_rate")
    found = [f"{early} requests failed in the warm-up and are not judged"] if early > 0 else []
    sparse = result.histograms.get(objective.metric)
    if objective.quantile is not None and sparse:
        seen, service = Histogram.from_sparse(sparse).quantile(objective.quantile), result.histograms.get("service")
        text = f"observed p{objective.quantile * 100:g} {seen * 1e3:.4g} ms (not what is judged)"
        if objective.metric == "latency" and service:
            text += f"; from the send {Histogram.from_sparse(service).quantile(objective.quantile) * 1e3:.4g} ms"
        found.append(text)
    return tuple(found)
