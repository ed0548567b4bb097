"""A sweep of a gate run: one open-loop load after another, each from a drained queue, until the capacity is known."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from harness.core.arrival_settings import STEADY
from harness.core.errors import UsageError
from harness.core.load import Counts, LoadResult, name_least
from harness.core.load_settings import LoadSettings
from harness.core.measurement import Measurement, Scope
from harness.core.metric import REQUEST_RATE
from harness.core.objective import Objective
from harness.core.plan import Cost, PlannedCheck
from harness.core.sweep import MOST_LOADS, CapacitySettings, ProbeRecord, SweepResult
from harness.core.verdict import Level, Status, Verdict
from harness.load.judging import judge_load
from harness.load.known import ASKED_BESIDE
from harness.load.run_load import make_load
from harness.load.sweep_words import describe_sweep
from harness.run.gate_run import GateRun
from harness.run.session import Session
from harness.stats.capacity import CapacitySearch, OverloadTest, Probe, ProbeOutcome
from harness.stats.dependence import measure_dependence
from harness.stats.histogram import Histogram
from harness.stats.knee import KneePoint

_DRAIN_LOOKS, _DRAIN_PAUSE, _DRAIN_SLOWER = 20, 1.0, 3.0
"""How often a sample is asked until the queue counts as drained, with so many seconds between, and by which factor it
may be slower than before the first load."""

_SHOWN_ALPHA = 0.05
"""The alpha at which a load that proves nothing is looked at."""


@dataclass(slots=True)
class _Sweep:
    """A sweep under way."""

    scope: Scope
    session: Session
    run: GateRun
    settings: CapacitySettings
    search: CapacitySearch
    unloaded: float = 0.0
    records: list[ProbeRecord] = field(default_factory=list)
    sent: int = 0
    ended: str = ""
    problem: str = ""
    gone: str = ""

    def make_probe(self, probe: Probe) -> None:
        """Make the loads of a probe, and add its outcome to the search. Where a load cannot be made the sweep ends."""
        objectives = self.scope.objectives
        tests: dict[str, OverloadTest] = {}
        if probe.aim == "fail":
            share_of_alpha = probe.alpha / len(objectives)
            tests = {objective.text: OverloadTest(objective.budget, share_of_alpha) for objective in objectives}
        outcome: ProbeOutcome | None = None
        while outcome is None or (outcome == "inconclusive" and self._is_worth_repeating(probe, tests.values())):
            if self.records:
                self._drain()
            load = self._plan_load(probe)
            result = self._make_load(load, _list_stops(objectives, tests, probe, load.judged_requests))
            if result is None:
                break
            verdicts = []
            if result.saturation is None:
                verdicts = [_judge_at(result, objective, tests, probe) for objective in objectives]
            outcome = outcome or _combine(verdicts)
            shares = {objective.text: _compute_share(result, objective) for objective in objectives}
            if result.is_starved:
                tests = {}
            for objective in objectives if tests else ():
                test = tests[objective.text]
                test.add(_compute_share(result, objective, load.judged_requests if result.saturation else 0))
                if test.is_refuted:
                    outcome = "fail"
            undecided = [verdict.reason for verdict in verdicts if verdict.status is Status.INCONCLUSIVE]
            self._note(probe, result, outcome, shares, undecided)
        if outcome is not None:
            self.search.add(probe, outcome, is_over=self.records[-1].outcome == "over")

    def _is_worth_repeating(self, probe: Probe, tests: Iterable[OverloadTest]) -> bool:
        return self.search.has_time_for(probe) and any(test.is_worth_repeating for test in tests)

    def _note(
        self, probe: Probe, result: LoadResult, outcome: ProbeOutcome, shares: dict[str, float], undecided: list[str]
    ) -> None:
        """Note a load: for the search, and for the report."""
        objectives = self.scope.objectives
        worst = max(objectives, key=lambda objective: shares[objective.text] / objective.budget)
        share = shares[worst.text]
        seconds = result.saturation.seconds if result.saturation else probe.seconds
        self.search.note(
            KneePoint(probe.rate, result.judged, share, worst.budget, _measure_effect(result, worst)), seconds
        )
        record = _record(result, probe, outcome, shares)
        if result.saturation is not None and outcome != "fail":
            record = replace(record, outcome="over", reason=result.saturation.describe())
        elif probe.aim == "locate":
            record = replace(record, outcome="over" if share > worst.budget else "under")
        elif outcome == "inconclusive":
            record = replace(record, reason="; ".join(undecided))
        self.records.append(record)
        if result.client_bound and record.outcome not in ("fail", "over"):
            self.search.forbid_above(probe.rate)

    def _plan_load(self, probe: Probe) -> LoadSettings:
        return replace(
            self.scope.settings.load or LoadSettings(),
            scenario=STEADY, shape=STEADY, rate=probe.rate, duration=probe.seconds,
            warm_up=min(self.settings.warm_up, probe.seconds / 3),
        )  # fmt: skip

    def _make_load(self, load: LoadSettings, stops: Sequence[tuple[str, float, int]]) -> LoadResult | None:
        """The load of a probe; None, with the reason noted, where it cannot be made or ended without showing why."""
        count = load.requests + ASKED_BESIDE + _DRAIN_LOOKS
        if len(self.records) >= MOST_LOADS or self.sent + count > self.settings.requests + ASKED_BESIDE:
            self.ended = "the loads or requests that it may make are used up"
            return None
        self.sent += count
        # Another seed for each load: its arrivals and its requests are a fresh sample.
        settings = replace(
            self.scope.settings,
            sections={**self.scope.settings.sections, "load": load},
            seed=self.scope.settings.seed + len(self.records) + 1,
        )
        folder = self.run.run_dir.path / "capacity" / f"load-{len(self.records) + 1:02}"
        folder.mkdir(parents=True, exist_ok=True)
        result = make_load(Scope(settings, self.scope.suite), self.session, self.run, folder, stops)
        self.problem, self.gone = result.problem or "", result.gone or ""
        return None if self.problem or self.gone else result

    def _drain(self) -> None:
        """Wait until a single request is about as fast as before the first load."""
        for _ in range(_DRAIN_LOOKS):
            if self._time_sample() <= _DRAIN_SLOWER * self.unloaded + 0.05:
                return
            time.sleep(_DRAIN_PAUSE)

    def _time_sample(self) -> float:
        began = self.run.now()
        self.session.ask()
        return self.run.now() - began

    def make_result(self) -> SweepResult:
        """What is known now."""
        capacity = self.search.capacity
        high = capacity.high if math.isfinite(capacity.high) else None
        result = SweepResult(
            self.settings.target_rate, capacity.low, high, capacity.confidence, tuple(self.records), (),
            self.ended, self.problem, self.gone,
        )  # fmt: skip
        objectives = [objective.text for objective in self.scope.objectives]
        prices = self.settings.price_per_hour, self.settings.price_per_million_tokens
        return replace(result, sentences=describe_sweep(result, objectives, *prices))

    def run_all(self) -> SweepResult:
        """Make every probe of the sweep."""
        self.unloaded = self._time_sample()
        while (probe := self.search.next_probe) is not None:
            self.run.progress.note(f"sweep: {_describe_probe(probe)}; so far {_describe_interval(self.search)}")
            self.make_probe(probe)
            if self.ended or self.problem or self.gone:
                break
        return self.make_result()


def make_sweep(scope: Scope, session: Session, run: GateRun) -> SweepResult:
    """Search the capacity by loads one after another. Raises as `make_load`."""
    settings = _get_settings(scope)
    if scope.settings.load is not None and scope.settings.load.loop:
        raise UsageError("a capacity is a rate of single requests: [load] must have no sessions and no closed loop")
    target = settings.target_rate
    search = CapacitySearch(target, settings.duration, highest=settings.highest_rate, target=target)
    result = _Sweep(scope, session, run, settings, search).run_all()
    for sentence in result.sentences:
        run.progress.note(sentence)
    return result


def _get_settings(scope: Scope) -> CapacitySettings:
    settings = scope.settings.find_section(CapacitySettings)
    assert settings is not None  # the ground of every check that judges a sweep
    return settings


def _judge_at(result: LoadResult, objective: Objective, tests: Mapping[str, OverloadTest], probe: Probe) -> Verdict:
    """The verdict at the alphas of one probe. Nothing over the budget itself is tolerated: the capacity is one rate."""
    alpha = probe.alpha or _SHOWN_ALPHA
    alpha_fail = tests[objective.text].first_alpha if tests else alpha
    check = PlannedCheck("", objective.suite, Level.BLOCKER, "", "estimate", alpha_fail=alpha_fail)
    return judge_load(result, replace(objective, loosened=objective.budget, alpha=alpha), check)


def _combine(verdicts: list[Verdict]) -> ProbeOutcome:
    statuses = {verdict.status for verdict in verdicts}
    if Status.FAIL in statuses:
        return "fail"
    return "pass" if statuses == {Status.PASS} else "inconclusive"


def _get_blocks(result: LoadResult, objective: Objective) -> tuple[Counts, tuple[int, ...]]:
    """The time blocks of an objective, without the time for which the load generator itself held requests up, and the
    samples over the limit in each."""
    name, limit = _choose_blocks(objective)
    return result.blocks[name], result.blocks[name].over_limit(limit)


def _choose_blocks(objective: Objective) -> tuple[str, float]:
    """The name of the blocks, and the limit."""
    if objective.metric == "error_rate":
        return objective.metric, 0.0
    return name_least(objective.metric), objective.limit


def _compute_share(result: LoadResult, objective: Objective, planned: int = 0) -> float:
    """The share over the limit, of the samples or of so many requests as were planned."""
    counts, over = _get_blocks(result, objective)
    return sum(over) / max(1, planned or sum(counts.n))


def _list_stops(
    objectives: Sequence[Objective], tests: Mapping[str, OverloadTest], probe: Probe, planned: int
) -> list[tuple[str, float, int]]:
    """The numbers of requests over a limit that decide a load before its end. Gaps are not one a request."""
    stops = []
    for objective in objectives:
        count = math.floor(objective.budget * planned) + 1
        if probe.aim == "fail":
            share = tests[objective.text].refuting_share if tests else math.inf
            count = math.ceil(share * planned) if share <= 1 else planned + 1
        if count <= planned and objective.metric != "inter_token":
            stops.append((*_choose_blocks(objective), count))
    return stops


def _measure_effect(result: LoadResult, objective: Objective) -> float:
    """How many requests tell as much as an independent one; 1 where too few do not show it."""
    counts, over = _get_blocks(result, objective)
    with suppress(ValueError):
        return measure_dependence(counts.n, over, counts.over_quantiles).inflate(_SHOWN_ALPHA)
    return 1.0


def _list_quantiles(result: LoadResult, q: float) -> dict[str, float]:
    """This quantile of every metric (s), where it is known."""
    quantiles = {}
    for metric, sparse in result.histograms.items():
        value = Histogram.from_sparse(sparse).quantile(q)
        if math.isfinite(value):
            quantiles[metric] = value
    return quantiles


def _record(result: LoadResult, probe: Probe, outcome: ProbeOutcome, shares: dict[str, float]) -> ProbeRecord:
    failed = sum(result.blocks["error_rate"].over_limit(0.0))
    p50, p95, p99 = (_list_quantiles(result, q) for q in (0.5, 0.95, 0.99))
    return ProbeRecord(
        probe.rate,
        outcome,
        next((figure.value or 0.0 for figure in result.figures if figure.metric == REQUEST_RATE.name), 0.0),
        failed / max(1, result.judged),
        shares,
        p50,
        p95,
        "; ".join(result.client_bound),
        aim=probe.aim,
        seconds=result.saturation.seconds if result.saturation else probe.seconds,
        growth=result.saturation.growth if result.saturation else 0.0,
        tokens=result.tokens / max(1, result.completed - result.failed),
        p99=p99,
    )


def _describe_probe(probe: Probe) -> str:
    aims = {"locate": "where is the knee?", "pass": "does it keep the objectives?", "fail": "does it break them?"}
    return f"{probe.rate:.4g} requests/s for {probe.seconds:.3g} s: {aims[probe.aim]}"


def _describe_interval(search: CapacitySearch) -> str:
    capacity = search.capacity
    high = f"less than {capacity.high:.4g}" if math.isfinite(capacity.high) else "no rate failed"
    return f"at least {capacity.low:.4g}, {high}"


def _compute_cost(scope: Scope) -> Cost:
    settings = _get_settings(scope)
    requests = settings.requests + 2 * ASKED_BESIDE
    return Cost(requests, scope.tokens_per_answer * requests, settings.duration)


SWEEP = Measurement(
    SweepResult,
    _compute_cost,
    lambda scope: "load/sweep",
    make_sweep,
    alone=True,
    note=lambda scope: f"loads at rates up to {_get_settings(scope).highest_rate:g} requests/s",
)
"""The sweep of `[capacity]`."""
