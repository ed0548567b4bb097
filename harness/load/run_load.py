"""The load of a gate run: a measurement that a locust child makes.

Tested in tests/load/test_whole_loads.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec

from harness.core.arrival_settings import SOAK, STEADY
from harness.core.endpoint import Endpoint
from harness.core.errors import BudgetExhausted, UsageError
from harness.core.exchange import Query
from harness.core.load import Job, LoadResult, describe_slow_path, find_load_obstacle
from harness.core.load_settings import LoadSettings
from harness.core.measurement import Measurement, Scope
from harness.core.metric import LIMITED_TIMES
from harness.core.objective import Objective
from harness.core.plan import Cost, PlannedCheck
from harness.core.workload import AUTO, SAMPLE
from harness.load.controls import count_control_step
from harness.load.judging import JUDGES_FAILURES, STRAY_FAILURES
from harness.load.known import ASKED_BESIDE, Controlled, confirm_wrong_answers, find_known, judge_lost_echoes
from harness.load.live import LoadState, describe_live_load
from harness.load.load_result import get_result_path, make_result_id
from harness.load.locust_process import LocustExit, find_free_port, find_locustfile, run_locust
from harness.load.material import Source, choose_material, probe_material
from harness.load.others import watch_in_flight
from harness.load.reference import Reference, ask_reference
from harness.load.second_endpoint import add_baseline, count_endpoints, refuse_unlike, refuse_whole_loads
from harness.run.gate_run import GateRun
from harness.run.gauges import read_in_flight
from harness.run.session import Session
from harness.run.valid_inputs import Rows

_START, _AFTER = 30.0, 10.0
"""Seconds in which the child must have started, and in which it must have ended after the last deadline."""

_INTERRUPTED = (
    "load: interrupted: a soak of the gate cannot go on, only begin again; `aiharness load soak` makes the same soak "
    "from aiharness.toml, and goes on after Ctrl-C or a kill with --resume"
)


def collect_limits(objectives: Sequence[Objective]) -> dict[str, tuple[float, ...]]:
    """The limits of the load's latency objectives by metric, in seconds."""
    limits: dict[str, set[float]] = {metric.name: set() for metric in LIMITED_TIMES}
    for objective in objectives:
        if objective.metric in limits:
            limits[objective.metric].add(objective.limit)
    return {metric: tuple(sorted(values)) for metric, values in limits.items()}


def list_objectives(run: GateRun, check: PlannedCheck) -> tuple[Objective, ...]:
    """The objectives of the suite that this check belongs to."""
    return Scope(run.settings, check.suite).objectives


def make_load(
    scope: Scope, session: Session, run: GateRun, at: Path | None = None, stops: Sequence[tuple[str, float, int]] = ()
) -> LoadResult:
    """Make the load in a child and return its result. Its files lie in the folder `at`, else in the run directory;
    `stops` are the job's.

    Raises `BudgetExhausted` before the start where a ceiling forbids the whole, `UsageError` for a load that cannot be
    made here.
    """
    load = _get_load_settings(scope)
    if obstacle := find_load_obstacle(session.endpoint, load.duration):
        raise UsageError(obstacle)
    file = find_locustfile(load.scenario)
    second = run.get_baseline_session(scope.suite) if at is None else None
    _reserve_requests(session, run, load, second)
    query = session.sample(stream=any(objective.streamed for objective in scope.objectives))
    request = session.adapter.encode(session.endpoint, query, session.facts)
    endpoint = replace(session.endpoint, protocol=session.adapter.name)
    folder, limits = at or run.run_dir.path, collect_limits(scope.objectives)
    job = Job(endpoint, (request,), load, str(folder), run.started, limits, seed=scope.settings.seed, suite=scope.suite)
    able = session.capabilities
    may_reword = able.text and not able.embeds and not session.promises.deterministic

    def ask_sample() -> Reference:
        return ask_reference(lambda: session.ask(query), may_reword=may_reword)

    reference = ask_sample()
    source = describe_source(session, query)
    material = choose_material(load, scope.settings.seed, source)
    material, has_texts = probe_material(material, source, load.requests, session.ask)
    has_texts = has_texts and reference.has_text
    controlled = Controlled()
    if at is None:  # a sweep judges times alone
        controlled = find_known(material, source, load.requests, session.ask, session.request, may_reword=may_reword)
    job = replace(job, reference=reference.content, has_text=has_texts, material=material)
    job = replace(job, known=controlled.known, echo=controlled.echo, stops=tuple(stops))
    job = _add_second(job, session, second, query)
    path = get_result_path(folder, load.scenario)
    path.parent.mkdir(exist_ok=True)
    log = path.with_suffix(".log")
    patience = _START + job.seconds + _measure_waiting(endpoint) + _AFTER
    _announce_load(run, job)
    with run.progress.part(make_result_id(load.scenario)) as part:
        part.deadline, part.remark = 0.0, partial(_describe_state, path, job)
        with watch_in_flight(partial(read_in_flight, session.client, load)) as looks, _explain_interrupt(run, load):
            child = run_locust(file, _make_locust_options(job), msgspec.json.encode(job), log, patience)
    result = _read_result(path, job, child)
    if not (controlled.known or controlled.echo):
        result = replace(result, not_compared=reference.problem)
    if not session.promises.deterministic:
        result = confirm_wrong_answers(result, controlled, reference, ask_sample, session.ask)
    result = judge_lost_echoes(result, controlled, job.seed, load.requests, session.ask)
    result = replace(result, others=looks.find_others(result))
    run.progress.note(
        f"load: {result.completed} of {result.intended} requests have ended, {result.failed} of them failed"
    )
    run.run_dir.scrub(log)
    run.ledger.after_answer(result.tokens)
    return result


def _measure_waiting(endpoint: Endpoint) -> float:
    """Arrivals that wait for a slot are sent for `connect + first_byte` seconds more, and then answered."""
    return endpoint.deadlines.connect + endpoint.deadlines.first_byte + endpoint.deadlines.total


@contextmanager
def _explain_interrupt(run: GateRun, load: LoadSettings) -> Iterator[None]:
    """Say after Ctrl-C in a soak what can be done about it."""
    try:
        yield
    except KeyboardInterrupt:
        if load.shape_name == SOAK:
            run.progress.note(_INTERRUPTED)
        raise


def _add_second(job: Job, session: Session, second: Session | None, query: Query) -> Job:
    """The job with the second endpoint that takes turns, if there is one. Raises `UsageError` where it is unlike."""
    if second is None:
        return job
    protocol = job.endpoint.protocol
    refuse_unlike(session.ask(query), second.ask(query), second.endpoint.url, protocol)
    return add_baseline(job, replace(second.endpoint, protocol=protocol))


def _announce_load(run: GateRun, job: Job) -> None:
    """Say on the terminal what is about to be sent, and by the slow path where that is taken."""
    load = job.load
    loop = "" if load.loop else f", open loop{_name_second(job)}"
    run.progress.note(f"load: {load.scenario}: {load.describe_rate()}{loop}")
    if slow_path := describe_slow_path(job.endpoint):
        run.progress.note(f"load: {slow_path}")


def _name_second(job: Job) -> str:
    return "" if job.baseline is None else f", in turns with {job.baseline.url}"


def _describe_state(path: Path, job: Job) -> str:
    """How the load goes, as the child writes it down every second."""
    state, load = None, job.load
    with suppress(OSError, msgspec.MsgspecError):
        state = msgspec.json.decode(path.read_bytes(), type=LoadState)
    if state is None or not state.completed:
        return f"no request has ended yet; the load itself takes {job.seconds:g} s"
    elapsed = load.curve.find_time(state.sent)
    if load.loop:
        elapsed = state.sent / (state.generator.achieved_rate or float("inf"))
    return describe_live_load(state, load, elapsed, job.limits)


def describe_source(session: Session, query: Query) -> Source:
    """What the requests of the load are made from. Rows of another form than the service takes are left out."""
    endpoint, inputs, labels = session.endpoint, [], []
    has_own_sample = endpoint.sample is not None or session.sample_query is not None
    data = session.settings.data
    if data is not None and data.dataset is not None:
        rows = Rows(session)
        inputs = [rows.query([row]).inputs for row in rows.list_data()]
        if inputs and data.dataset.answers == "classes":
            labels = [str(label) for label in data.dataset.labels or ()]
    return Source(endpoint, session.facts, session.capabilities, query, inputs, has_own_sample, labels)


def describe_plan(scope: Scope) -> str:
    """What the load will send and be judged by, in words, as far as it is known before the first request."""
    load = _get_load_settings(scope)
    line = _describe_requests(load, scope.settings.seed)
    if load.shape_name != STEADY or load.loop:
        line = f"{load.describe_rate()}; {line}"
    if not any(objective.metric in JUDGES_FAILURES for objective in scope.objectives):
        line += f"; no objective judges failures: at most {STRAY_FAILURES:.0%} of the requests may fail"
    return line


def _describe_requests(load: LoadSettings, seed: int) -> str:
    if load.workload == SAMPLE:
        return "one request body, the sample: repeats may be answered from a cache"
    line = "distinct requests" if load.workload == AUTO else f"workload {load.workload}"
    for name, spread in (("prompts", load.input_tokens), ("answers", load.output_tokens)):
        if spread is not None:
            line += f", {name} of about {spread.describe('tokens')}"
    line += f", seed {seed}"
    step = count_control_step(load)
    return f"{line}; where right answers are known, one of {step} requests has one: its answer is verified"


def _make_locust_options(job: Job) -> list[str]:
    load = job.load
    options = ["--headless", "--host", job.endpoint.url, "-u", str(load.concurrency), "-r", "1000", "--only-summary"]
    if load.processes > 1:
        port = str(find_free_port())
        options += ["--processes", str(load.processes), "--master-bind-host", "127.0.0.1"]
        options += ["--master-bind-port", port, "--master-port", port]
    return options


def _get_load_settings(scope: Scope) -> LoadSettings:
    return scope.settings.load or LoadSettings()


def _compute_cost(scope: Scope) -> Cost:
    load = _get_load_settings(scope)
    endpoints = count_endpoints(load, scope.settings.baseline)
    requests = endpoints * load.requests + ASKED_BESIDE + 2 * (endpoints - 1)
    return Cost(requests, scope.tokens_per_answer * requests, endpoints * load.duration)


def _choose_file(scope: Scope) -> str:
    return make_result_id(_get_load_settings(scope).scenario)


LOAD = Measurement(LoadResult, _compute_cost, _choose_file, make_load, alone=True, note=describe_plan)
"""The open-loop load of `[load]`."""


def _reserve_requests(session: Session, run: GateRun, load: LoadSettings, second: Session | None) -> None:
    """Count every request of the load before its start: a ceiling must not cut a load off."""
    endpoints = 1
    if second is not None:
        refuse_whole_loads(load)
        endpoints = 2
    ceilings, count, seconds = session.settings.ceilings, endpoints * load.requests, endpoints * load.duration
    if ceilings.requests is not None and run.ledger.requests + count + ASKED_BESIDE > ceilings.requests:
        raise BudgetExhausted(f"--ai-max-requests={ceilings.requests} leaves no room for a load of {count} requests")
    if ceilings.seconds is not None and run.now() + seconds > ceilings.seconds:
        raise BudgetExhausted(f"--ai-max-time={ceilings.seconds:g} s leaves no room for a load of {seconds:g} s")
    run.ledger.before_load(count)


def _read_result(path: Path, job: Job, child: LocustExit) -> LoadResult:
    """The result that the child wrote; it has a `problem` if the child did not end normally."""
    try:
        result = msgspec.json.decode(path.read_bytes(), type=LoadResult)
    except (OSError, msgspec.MsgspecError):
        count = job.load.requests
        result = LoadResult(job.load.scenario, job.endpoint.protocol, count)
    if child.status != 0 or child.overran or not result.finished:
        problem = result.problem or f"the load generator died: {child.description}"
        return replace(result, problem=problem, finished=False, overran=child.overran)
    return result
