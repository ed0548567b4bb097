"""Run a chaos experiment: baseline, a timeline of faults, and recovery, under one open-loop load."""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Sequence
from dataclasses import replace

from harness.chaos.abandoned_judging import await_idle
from harness.chaos.console import OperatorConsole
from harness.chaos.direct import AnyInjector, DirectInjector, check_endpoint
from harness.chaos.fault_record import FaultRecord
from harness.chaos.injector import Injector, lift_faults
from harness.chaos.link_use import MOST_REQUESTS_OF_USE, compute_seconds_of_use, find_link_use
from harness.chaos.live_view import LiveView
from harness.chaos.operator_log import OperatorLog, add_remark
from harness.chaos.phases import Phases
from harness.chaos.platform import PlatformInjector
from harness.chaos.pulse_judging import compute_lowered_seconds
from harness.chaos.query_asking import MOST_ASKED, make_mark, prepare_queries
from harness.chaos.recovery_judging import compute_watch
from harness.chaos.repeated_runs import bisect_experiment, find_failed_check, shrink_experiment
from harness.chaos.steady_load import LEAVING_STEP, WARM_UP, SteadyLoad
from harness.chaos.struck import LinkUse
from harness.chaos.toxiproxy_api import ProxyGone
from harness.core.disturbance import Disturbance
from harness.core.experiment import OF_CLIENTS, ChaosSettings, Experiment, ExperimentPlan, TimedFault
from harness.core.experiment_kinds import EXPERIMENT_KINDS
from harness.core.fault import load_fault
from harness.core.measurement import Measurement, Scope
from harness.core.plan import Cost, make_slug
from harness.core.pulse import MOST_PULSES
from harness.core.settings import Settings
from harness.core.shrinking import MOST_RUNS
from harness.io.rundir import read_fault_lines
from harness.run.gate_run import GateRun
from harness.run.gauges import read_in_flight
from harness.run.session import Session

_SPARE = 10.0
"""Seconds for calls to the proxies."""


def prepare_links(settings: Settings) -> list[str]:
    """Look at every link before any request is sent, and create the proxies that are missing.

    Without an experiment nothing is looked at. Returns notes on what was created, and on faults of a killed run that
    were lifted. Raises as `Injector` does.
    """
    notes: list[str] = []
    gone: list[ProxyGone] = []
    planned = [fault for plan in settings.experiments for fault in plan.faults]
    if any(fault.place == OF_CLIENTS for fault in planned):
        check_endpoint(settings.endpoint_of("chaos"), settings.allow)
    for link in settings.links if planned else ():
        faults = [fault for fault in planned if fault.link == link.name]
        if not faults and link.listen is None:
            continue
        try:
            with Injector(link, allow=settings.allow) as injector:
                for fault in faults:
                    injector.check_fault(fault)
                    injector.check_place(fault, settings.endpoint.url)
                injector.settle()
            notes += injector.notes
        except ProxyGone as problem:
            gone.append(problem)
    if gone:
        raise gone[0]
    return notes


def lift_faults_of_runs(
    api_urls: Sequence[str], run_dirs: Sequence[str] = (), *, allow: Sequence[str] = ()
) -> list[str]:
    """End every fault of ours at these API URLs, and at those whose faults the run directories show as never lifted.

    Returns a line for each thing done. Raises `UsageError` with these lines and what is still on.
    """
    urls = list(api_urls)
    for folder in run_dirs:
        last = {(str(line.get("name")), str(line.get("applied_at"))): line for line in read_fault_lines(folder)}
        urls += [str(line["api"]) for line in last.values() if line.get("lifted_at") is None and line.get("api")]
    return lift_faults(urls, allow=allow)


def run_experiment(scope: Scope, session: Session, run: GateRun) -> Experiment:
    """Run the experiment of the scope's case.

    Raises `UsageError` as `Injector` does, `BudgetExhausted` for a ceiling; every fault is lifted then.
    """
    plan: ExperimentPlan = scope.case
    operator = _open_log(session, run)
    if reason := operator.find_stop() or _ask_to_begin(plan, session, run):
        now = session.client.clock.now()
        operator.write(now, plan.name, f"not begun: {reason}")
        return Experiment(plan, now, undecided=f"the experiment was not begun: {reason}")

    def measure(part: ExperimentPlan) -> Experiment:
        return _measure(replace(scope, case=part), session, run)

    def write(text: bytes) -> str:
        return str(run.run_dir.write(f"{scope.suite}/{make_slug(plan.name)}.smallest.toml", text))

    experiment = measure(plan)
    if plan.metastability:
        return bisect_experiment(experiment, measure, operator.find_stop)
    failed = find_failed_check(experiment)
    if not (failed and plan.chaos.shrink and len(plan.faults) > 1):
        return experiment
    return shrink_experiment(experiment, failed, measure, operator.find_stop, write)


def _open_log(session: Session, run: GateRun) -> OperatorLog:
    log: OperatorLog = session.once("the operator's log of this run", lambda: OperatorLog(run.run_dir))
    return log


def _measure(scope: Scope, session: Session, run: GateRun) -> Experiment:
    """Run the phases of the experiment of the scope's case once."""
    plan: ExperimentPlan = scope.case
    operator = _open_log(session, run)

    def report(line: str) -> None:
        operator.write(session.client.clock.now(), plan.name, line)
        run.progress.note(f"chaos: {plan.name}: {line}")

    try:
        with contextlib.ExitStack() as stack:
            injectors = _open_links(plan, session, run, stack)
            apis = {name: injector.api_url for name, injector in injectors.items()}
            direct = {name for name, injector in injectors.items() if injector.carries_url(session.endpoint.url)}
            pool = session.once("the queries of chaos loads", lambda: prepare_queries(session, run))
            if plan.seed is not None:
                pool = replace(pool, seed=plan.seed)
            is_between = any(isinstance(injectors[name], Injector) for name in direct)
            steady_load = SteadyLoad(scope, session, run, pool, direct=is_between)
            uses = dict.fromkeys(injectors, LinkUse()) | dict.fromkeys(direct, LinkUse(1.0, "address"))
            for name, injector in injectors.items():
                if isinstance(injector, PlatformInjector):
                    uses[name] = LinkUse(injector.replica.serves, "configuration")
                if isinstance(injector, Injector) and injector.is_own_proxy and name not in direct:
                    report(f"does {name} carry our requests?")
                    uses[name] = _find_use(injector, name, session, run, steady_load)
            is_of_aborts = EXPERIMENT_KINDS["aborts"](plan)
            before = read_in_flight(session.client, session.settings.load) if is_of_aborts else None
            load = stack.enter_context(steady_load)
            record = FaultRecord(plan, apis, run.run_dir, load.began, load.now)
            begun = Experiment(plan, load.began)
            parts = (load, injectors, frozenset(direct), uses, plan.join_objectives(scope.objectives), record)
            phases = Phases(begun, *parts, operator.find_stop, report)
            run.progress.remark_with(lambda: f"faults: {', '.join(phases.list_active()) or 'none'}")
            if session.settings.gameday:
                show, touch = run.progress.note, run.progress.touch
                view = LiveView(load, phases.list_active, plan.stop, operator.take_notes, show, touch)
                stack.enter_context(view)
                stack.enter_context(run.progress.show_with(view.print if view.stays_below else None))
            experiment = phases.run_all()
            if before is not None and (after := await_idle(session, before)) is not None:
                experiment = replace(experiment, in_flight=(before, after))
            return experiment
    except ProxyGone as gone:
        return Experiment(plan, run.now(), broken=str(gone))
    except KeyboardInterrupt:
        report("interrupted: every fault was lifted")
        raise


def _open_links(
    plan: ExperimentPlan, session: Session, run: GateRun, stack: contextlib.ExitStack
) -> dict[str, AnyInjector]:
    """An injector for each disturbed place, links in their steady state. Raises as `Injector` does."""
    injectors = {
        f"link {link.name}": stack.enter_context(Injector(link, allow=session.settings.allow))
        for link in session.settings.links
        if link.name in plan.links
    }
    for fault in plan.faults:
        if fault.link:
            injectors[fault.place].check_fault(fault)
            injectors[fault.place].check_place(fault, session.endpoint.url)
    for injector in injectors.values():
        injector.settle()
        injector.set_mark(make_mark(run, session))
        injector.seed = session.settings.seed if plan.seed is None else plan.seed
        injector.guardian.start()  # now, so that faults of several links begin together
    places = dict[str, AnyInjector](injectors)
    if any(fault.place == OF_CLIENTS for fault in plan.faults):
        places[OF_CLIENTS] = stack.enter_context(DirectInjector(session, run, plan.chaos.rate))
    replicas = {replica.name: replica for replica in session.settings.platform}
    for name, place in {fault.platform: fault.place for fault in plan.faults if fault.platform}.items():
        secrets = session.endpoint.list_secrets()
        places[place] = stack.enter_context(PlatformInjector(replicas[name], secrets))
    return places


def _ask_to_begin(plan: ExperimentPlan, session: Session, run: GateRun) -> str:
    """Why the operator of a game day does not begin this experiment; empty when it begins."""
    if not session.settings.gameday or session.settings.assume_yes:
        return ""
    console = session.once("the operator's console", lambda: OperatorConsole(run.run_dir.path, sys.stdin))
    answer = console.ask(f"Begin experiment {plan.name!r}? [y]es, [n]o, [q]uit the game day:")
    if answer.startswith("q"):
        add_remark(run.run_dir.path, "lift", "the operator ended the game day")
        return "the operator ended the game day"
    return "" if answer.startswith("y") else "the operator left it out"


def _find_use(injector: Injector, link: str, session: Session, run: GateRun, load: SteadyLoad) -> LinkUse:
    """Which of our requests the link carries; each link is looked at once a run, and once more for streams alone."""

    def look() -> LinkUse:
        return find_link_use(injector, session, run, lambda index: load.make_request(index)[1], salt=link)

    use: LinkUse = session.once(("a link carries our requests", link, load.only_streams), look)
    return use


def _compute_cost(scope: Scope) -> Cost:
    """A look at each link, and the steady load, at most until recovery is ruled out; as often as it is shrunk."""
    plan: ExperimentPlan = scope.case
    chaos, looks = plan.chaos, len(plan.links)
    deadline = scope.settings.endpoint.deadlines.total
    seconds = chaos.baseline + plan.duration + compute_watch(chaos)
    requests = WARM_UP + math.ceil((1 + 1 / LEAVING_STEP) * chaos.rate * (seconds + deadline + _SPARE))
    requests += looks * MOST_REQUESTS_OF_USE + MOST_ASKED + sum(_count_requests(fault, chaos) for fault in plan.faults)
    runs = 1
    if plan.metastability:
        lowered, runs = compute_lowered_seconds(chaos.recovery, chaos.rate), 1 + MOST_PULSES
        seconds += lowered + compute_watch(chaos) - chaos.recovery
        requests += math.ceil(chaos.rate * (seconds + lowered))
    elif chaos.shrink and len(plan.faults) > 1:
        runs += MOST_RUNS
    requests *= runs
    seconds = runs * (seconds + looks * compute_seconds_of_use(chaos.rate))
    return Cost(requests, scope.tokens_per_answer * requests, seconds)


def _count_requests(fault: TimedFault, chaos: ChaosSettings) -> int:
    """The requests that a fault sends by itself, at most: those of clients that disturb."""
    kind = load_fault(fault.kind)
    if not isinstance(kind, Disturbance):
        return 0
    return math.ceil(kind.count_requests(kind.parse(fault.attributes), chaos.rate) * (fault.duration + _SPARE))


EXPERIMENT = Measurement(
    Experiment, _compute_cost, lambda scope: f"{scope.suite}/{make_slug(scope.case.name)}", run_experiment, alone=True
)
"""The experiment of the scope's case."""
