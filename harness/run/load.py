"""The load of a gate run: made once in a child, read by every check, and judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from harness.core.errors import BudgetExhausted, UsageError
from harness.core.load import Job, LoadResult
from harness.core.objective import LATENCY_METRICS, Objective
from harness.core.pacing import Pacer
from harness.core.settings import LoadSettings
from harness.core.verdict import Case, Status, Verdict, contract, error, inconclusive
from harness.io.ledger import Ledger
from harness.io.locustrunner import Ended, free_port, locustfile, run_locust
from harness.run.gaterun import GateRun
from harness.run.loadshare import result_path
from harness.run.session import Session
from harness.stats.dependence import dependent_rate_test
from harness.stats.histogram import Histogram

STREAMED = ("ttft", "inter_token")
"""Metrics for which streamed answers are asked."""

START, AFTER = 30.0, 10.0
"""Seconds in which the child must have started, and past the last deadline in which it must have ended."""


def limits_of(objectives: Sequence[Objective]) -> dict[str, tuple[float, ...]]:
    """The limits of the load's latency objectives by metric, in seconds."""
    mine = [o for o in objectives if o.suite == "load" and o.metric in LATENCY_METRICS]
    return {metric: tuple(sorted({o.limit for o in mine if o.metric == metric})) for metric in LATENCY_METRICS}


def load(session: Session, run: GateRun) -> LoadResult:
    """The load's result: made by the first who asks, read from the run directory by everyone after.

    Raises `BudgetExhausted` before the start where a ceiling forbids the whole, `UsageError` for a load that cannot be
    made here.
    """
    settings = session.settings
    wanted = settings.load or LoadSettings()
    path = result_path(run.run_dir.path, wanted.scenario)
    if path.exists():
        return msgspec.json.decode(path.read_bytes(), type=LoadResult)
    if session.endpoint.proxy is not None:
        raise UsageError("the load suite cannot send through a proxy; take [endpoint] proxy out")
    file = locustfile(wanted.scenario)
    ledger = _reserve(session, run, wanted)
    mine = [o for o in settings.objectives if o.suite == "load"]
    query = session.sample(stream=any(o.metric in STREAMED for o in mine))
    request = session.adapter.encode(session.endpoint, query, session.facts)
    endpoint = replace(session.endpoint, protocol=session.adapter.name)
    folder = str(run.run_dir.path)
    job = Job(endpoint, (request,), wanted, folder, run.started, limits_of(mine), seed=settings.seed)
    path.parent.mkdir(exist_ok=True)
    options = ["--headless", "--host", endpoint.url, "-u", str(wanted.concurrency), "-r", "1000", "--only-summary"]
    if wanted.processes > 1:
        port = str(free_port())
        options += ["--processes", str(wanted.processes), "--master-bind-host", "127.0.0.1"]
        options += ["--master-bind-port", port, "--master-port", port]
    patience = START + wanted.duration + endpoint.deadlines.connect + endpoint.deadlines.total + AFTER
    run.progress(f"load: {wanted.scenario}: {wanted.rate:g} requests/s for {wanted.duration:g} s, open loop")
    ended = run_locust(file, options, msgspec.json.encode(job), path.with_suffix(".log"), patience)
    result = _taken(path, job, ended)
    run.run_dir.scrub(path.with_suffix(".log"))
    ledger.after_answer(result.tokens)
    run.run_dir.write(f"load/{path.name}", msgspec.json.encode(result))
    return result


def _reserve(session: Session, run: GateRun, wanted: LoadSettings) -> Ledger:
    """Count every request of the load before its start: a load cut off by a ceiling would be no load."""
    ceilings, count = session.settings.ceilings, Pacer(wanted.rate, wanted.duration).count
    ledger = Ledger(run.run_dir.path, ceilings, run.started)
    if ceilings.requests is not None and ledger.requests + count > ceilings.requests:
        raise BudgetExhausted(f"--ai-max-requests={ceilings.requests} leaves no room for a load of {count} requests")
    if ceilings.seconds is not None and run.now() + wanted.duration > ceilings.seconds:
        raise BudgetExhausted(
            f"--ai-max-time={ceilings.seconds:g} s leaves no room for a load of {wanted.duration:g} s"
        )
    for _ in range(count):
        ledger.before_request()
    return ledger


def _taken(path: Path, job: Job, ended: Ended) -> LoadResult:
    """What the child wrote, with what is wrong with it if the child did not end as it should."""
    count = Pacer(job.load.rate, job.load.duration).count
    try:
        found = msgspec.json.decode(path.read_bytes(), type=LoadResult)
    except (OSError, msgspec.MsgspecError):
        found = LoadResult(job.load.scenario, job.endpoint.protocol, count)
    if ended.status != 0 or ended.overran or not found.finished:
        problem = found.problem or f"the load generator died: {ended.words}"
        return replace(found, problem=problem, finished=False)
    return found


def judge_load(result: LoadResult, objective: Objective, alpha_fail: float) -> Verdict:
    """Judge one objective by the counts of the 20 time blocks, whose samples depend on one another.

    `inter_token` judges gaps, every other metric requests; a failed request is over every latency limit. A load that
    did not keep up decides nothing: what it would have decided stands in a note.
    """
    if (broken := _unfit(result)) is not None:
        return broken
    counts = result.blocks[objective.metric]
    over = counts.over_p90 if objective.metric == "error_rate" else counts.over_limit(objective.limit)
    k, n = sum(over), sum(counts.n)
    what = "gaps" if objective.metric == "inter_token" else "requests"
    bad = "failed" if objective.metric == "error_rate" else f"took longer than {objective.limit * 1e3:g} ms or failed"
    if result.gone is not None:
        examples = (*result.broken, *result.failures)
        return Verdict(
            Status.FAIL,
            f"the endpoint disappeared under load: {result.gone}; {k} of {n} {what} {bad}",
            n=n, method="ended early", counterexamples=examples,
        )  # fmt: skip
    if not all(counts.n):
        return inconclusive(f"a time block of the run has no {what} to judge: give a higher rate or a longer duration")
    test = dependent_rate_test(
        counts.n, over, counts.over_p90, objective.budget, objective.loosened, objective.alpha, alpha_fail
    )
    status = {"pass": Status.PASS, "fail": Status.FAIL}.get(test.decision, Status.INCONCLUSIVE)
    said = {
        Status.PASS: f"a share of {objective.loosened * 100:.3g} % is refuted",
        Status.FAIL: f"the budget of {objective.budget * 100:.3g} % is refuted",
    }.get(status, f"neither {objective.budget * 100:.3g} % nor {objective.loosened * 100:.3g} % is refuted")
    reason, notes = f"{k} of {n} {what} {bad}: {said}", _notes(result, objective, test.design_effect)
    if result.client_bound:
        notes = (f"without this it would be {status}: {reason}", *notes)
        status, reason = Status.INCONCLUSIVE, f"the load generator did not keep up: {result.client_bound[0]}"
    return Verdict(
        status,
        reason,
        metric="error rate" if objective.metric == "error_rate" else f"share over the limit of {objective.text}",
        unit="",
        direction="<=",
        estimate=test.estimate,
        ci=(test.lower, test.upper),
        confidence=1 - objective.alpha,
        method="Clopper-Pearson at the effective size over 20 time blocks",
        n=n,
        limit=objective.budget,
        limit_loosened=objective.loosened,
        counterexamples=(*result.broken, *result.failures) if status is Status.FAIL else (),
        notes=notes,
    )


def judge_generator(result: LoadResult) -> Verdict:
    """Whether the load was the one asked for: PASS or INCONCLUSIVE, never the service's fault."""
    if result.problem is not None:
        return error(result.problem, n=result.completed)
    if result.gone is not None:
        return inconclusive(f"the load ended early: {result.gone}", n=result.completed)
    if result.client_bound:
        return inconclusive("; ".join(result.client_bound), n=result.completed, method="contract")
    made = result.generator
    holds = (
        f"{result.sent} of {result.intended} requests were sent, late by {(made.lag_p99 or 0) * 1e3:.3g} ms at p99, "
        f"with {(made.cpu or 0) * 100:.0f} % of a core"
    )
    return contract([Case("load")], holds)


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
    holds = f"{succeeded} answers under load were valid and whole, {result.failed} failed openly"
    return contract([Case(f"answer {i}") for i in range(succeeded)], holds, planned=max(1, succeeded))


def _unfit(result: LoadResult) -> Verdict | None:
    if result.problem is not None:
        return error(f"{result.problem} ({result.completed} of {result.intended} requests had ended)")
    if not result.finished:
        return error(f"the load was cut off after {result.completed} of {result.intended} requests")
    return None


def _notes(result: LoadResult, objective: Objective, effect: float) -> tuple[str, ...]:
    found = [f"samples under load depend on one another: design effect {effect:.3g}; a PASS covers this window only"]
    sparse = result.histograms.get(objective.metric)
    if objective.quantile is not None and sparse:
        seen, service = Histogram.from_sparse(sparse).quantile(objective.quantile), result.histograms.get("service")
        text = f"observed p{objective.quantile * 100:g} {seen * 1e3:.4g} ms (not what is judged)"
        if objective.metric == "latency" and service:
            text += f"; from the send {Histogram.from_sparse(service).quantile(objective.quantile) * 1e3:.4g} ms"
        found.append(text)
    return tuple(found)
