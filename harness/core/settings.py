"""Settings: what a run was asked to do, after command line, environment, file and defaults are joined.

Tested in tests/config/test_resolve.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypeVar

from harness.core.arrival_settings import CLOSED, REPLAY, SESSIONS, SOAK, STEADY, ArrivalSettings
from harness.core.bounds import MOST_REQUESTS, OverZero
from harness.core.dataset import Dataset
from harness.core.endpoint import Endpoint, parse_url
from harness.core.errors import UsageError
from harness.core.evaluation import EVALUATION_GROUNDS, EvaluationSettings, list_evaluation_grounds
from harness.core.experiment import ChaosSettings, ExperimentPlan, Link
from harness.core.experiment_kinds import EXPERIMENT_KINDS
from harness.core.gate import Policy
from harness.core.local_model import MODEL_GROUNDS, LocalModel, list_model_grounds
from harness.core.objective import PROFILES, Objective, Profile
from harness.core.platform_action import Replica
from harness.core.registry import describe_unknown, list_plugins
from harness.core.relation import Relation
from harness.core.sweep import SWEEP_SCENARIO
from harness.core.tolerance import Tolerance
from harness.core.workload import OF_SESSIONS, MixPart, Spread, WorkloadSettings

_T = TypeVar("_T")

DEFAULT_SEED = 20_240_229

MOST_REPLICAS = 8
"""Replicas beside the endpoint itself that one run compares."""

_MOST_PROCESSES, _MOST_CONCURRENCY = 64, 100_000
"""Processes of one load, and requests in flight, above which a typing error is more likely than a wish."""


@dataclass(frozen=True, slots=True)
class Ceilings:
    """Ceilings of cost for the whole run: requests, generated tokens, seconds; None: no ceiling."""

    requests: int | None = None
    tokens: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Promises:
    """What the operator promises of the service; a check that needs a promise is planned only when it is given.

    `deterministic`: at temperature 0 the same request gives the same text, streamed or not. `latency_ceiling`: seconds
    within which every warm request must end (the smoke suite's latency sanity). `certificate_days`: days that a TLS
    certificate must still be valid.

    Of generation: `tools`, `structured_output` (JSON schema), `choices` (`n` over 1), `logprobs`, `prefix_cache` (each
    turn of a conversation finds the turns before it cached). Of embeddings:
    `dimension` of each vector, `normalised` to length 1. Of every answer: `request_id`, the header with an id of its
    own. `idempotency`: the request header by which a repeat is recognised and not carried out again. `rate_limit`:
    requests within a minute above which the service declines with 429 and Retry-After. `unprovoked_failures`: the share
    of plain valid requests that may fail without a cause; without it they are counted and not judged. `refuses`: bad
    inputs, by the names that reports show, that are never answered as if they were good.
    """

    deterministic: bool = False
    latency_ceiling: OverZero[float] = 10.0
    certificate_days: OverZero[float] = 7.0
    tools: bool = False
    structured_output: bool = False
    choices: bool = False
    logprobs: bool = False
    prefix_cache: bool = False
    dimension: OverZero[int] | None = None
    normalised: bool = False
    request_id: str | None = None
    idempotency: str | None = None
    rate_limit: OverZero[int] | None = None
    unprovoked_failures: OverZero[float] | None = None
    refuses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DataSettings:
    """Labelled data. `golden` holds inputs with the outputs that they must give, within `tolerance`. A slice's share of
    wrong rows may be over that of the rest by `slice_margin`.
    """

    dataset: Dataset | None = None
    golden: Dataset | None = None
    tolerance: Tolerance = field(default_factory=Tolerance)
    slice_margin: float = 0.1


_FASTEST_ANSWER = 0.0001
"""Seconds within which no answer comes, so that the requests of a closed loop have a bound."""


@dataclass(frozen=True)
class LoadSettings(ArrivalSettings, WorkloadSettings):
    """One open-loop load: when requests are due, what they are, and how many may be in flight.

    `concurrency` bounds the requests in flight; an arrival that finds no place waits, and its wait is in its latency.
    `arrivals` come as a Poisson process, with gamma gaps, or with constant gaps, which lock onto whatever the service
    does periodically. `metrics` is the path or URL of the service's own page of metrics. Of `sessions` the
    first turns arrive at `rate`, and each later one is due `think` seconds after the answer to the one before. With
    `arrivals = "closed"` nothing is scheduled: `concurrency` callers each ask again `think` seconds after their answer.
    Beside a second endpoint the two take turns of at least `turn` seconds, and this one may be worse by the share
    `margin`.
    """

    concurrency: OverZero[int] = 100
    processes: OverZero[int] = 1
    mix: list[MixPart] = field(default_factory=list)
    metrics: str = "/metrics"
    turn: OverZero[float] = 2.0
    margin: OverZero[float] = 0.1
    think: Spread | None = None

    @property
    def loop(self) -> str:
        """`closed`, `sessions` whose first turns alone are scheduled, or empty for an open loop."""
        if self.arrivals == CLOSED:
            return CLOSED
        return SESSIONS if self.has_sessions else ""

    @property
    def pause_between(self) -> Spread:
        """Seconds from an answer to the next request of the same caller."""
        if self.think is not None:
            return self.think
        return self.profile.think if self.has_sessions else Spread(max=0.0)

    @property
    def sessions(self) -> int:
        """How many sessions begin, or requests that are none; of a closed loop, the most that are possible."""
        if self.arrivals != CLOSED:
            return super().requests
        fastest = self.pause_between.smallest + _FASTEST_ANSWER
        return max(1, min(MOST_REQUESTS // self.most_turns, self.concurrency * (1 + int(self.duration / fastest))))

    @property
    def requests(self) -> int:
        """How many requests are intended; of sessions and of a closed loop, the most that are possible."""
        return self.sessions * self.most_turns

    @property
    def judged_requests(self) -> int:
        """How many requests are intended after the warm-up, or are possible."""
        if not self.loop:
            return super().judged_requests
        return math.ceil(self.requests * (1 - self.judged_from / self.duration))

    def describe_rate(self) -> str:
        """The rate in words, and what of the load no schedule decides."""
        pause = self.pause_between.describe("s") if self.pause_between.largest else "at once"
        if self.arrivals == CLOSED:
            return f"closed loop: {self.concurrency} callers, each asks again {pause} after its answer"
        line = super().describe_rate()
        if self.has_sessions:
            line = line.replace("requests", "sessions")
            line = f"{line}, each of {self.profile.turns.describe('turns')}; later turns {pause} after an answer"
        return line

    def _find_loop_problem(self) -> tuple[str, str] | None:
        if self.think is not None and not self.loop:
            return "think", 'needs a caller who waits: workload = "sessions" or "agent", or arrivals = "closed"'
        if self.think is not None and (problem := self.think.find_problem()):
            return f"think.{problem[0]}", problem[1]
        if self.loop == CLOSED and self.shape_name != STEADY:
            return "arrivals", f"a closed loop has no rate that a {self.shape_name} could change; leave the shape out"
        if self.loop and self.shape_name in (REPLAY, SOAK):
            return "workload", f"sessions cannot be a {self.shape_name}; give another workload or scenario"
        if self.loop == SESSIONS and self.requests > MOST_REQUESTS:
            return "rate", f"rate times duration times turns is over {MOST_REQUESTS:,} requests; give fewer"
        return None

    def find_schedule_problem(self) -> tuple[str, str] | None:
        """The key that makes the schedule impossible, and why; or None."""
        if self.shape_name == REPLAY and not self.times and self.dataset is None:
            return "dataset", 'a replay needs a trace with times: dataset = "FILE.jsonl", or times = [0, 0.5, 2]'
        return self.find_arrival_problem() or self._find_loop_problem()

    def find_metrics_problem(self) -> tuple[str, str] | None:
        """The key `metrics`, and why it is neither a path nor a URL; or None."""
        if self.metrics.startswith("/"):
            return None
        try:
            _, credentials = parse_url(self.metrics)
        except UsageError:
            credentials = None
        else:
            if credentials is None:
                return None
        shown = "one with a password" if credentials else repr(self.metrics)
        return "metrics", f'must be a path or a URL, as "/metrics" or "http://host:8082/metrics", got {shown}'

    def _find_size_problem(self) -> tuple[str, str] | None:
        if self.concurrency > _MOST_CONCURRENCY:
            return "concurrency", f"must be at most {_MOST_CONCURRENCY:,}, got {self.concurrency}"
        most = min(_MOST_PROCESSES, self.concurrency)
        if self.processes > most:
            return "processes", f"must be at most {most} ({_MOST_PROCESSES}, or concurrency), got {self.processes}"
        return None

    def find_problem(self) -> tuple[str, str] | None:
        """The key that makes this load impossible to generate or to judge, and why; or None."""
        if problem := self.find_metrics_problem() or self._find_size_problem():
            return problem
        if self.scenario not in list_plugins("scenarios"):
            return "scenario", describe_unknown("scenario", self.scenario, list_plugins("scenarios"))
        if self.scenario == SWEEP_SCENARIO:
            return "scenario", "a sweep is the suite capacity: --ai-suite=capacity, with [capacity] target_rate"
        if problem := self.find_schedule_problem():
            return problem
        if bool(self.mix) != (self.workload == "mix"):
            return "workload", 'workload = "mix" and the parts [[load.mix]] belong together: give both, or neither'
        return self._find_part_problem() or self.find_workload_problem()

    def _find_part_problem(self) -> tuple[str, str] | None:
        for index, part in enumerate(self.mix):
            problem = part.find_workload_problem()
            if part.workload in ("mix", *OF_SESSIONS):
                problem = "workload", f"a part of a mix is no {part.workload} itself"
            if problem:
                return f"mix.{index}.{problem[0]}", problem[1]
        return None


@dataclass(frozen=True, slots=True)
class AttackSettings:
    """The threat model of evasion attacks, and the attacks that are tried.

    Each input may be moved by at most `eps` in every number (Linf) within [`low`, `high`], with `budget` rows sent per
    input, over `inputs` inputs drawn from the data.
    """

    eps: OverZero[float]
    low: float = 0.0
    high: float = 1.0
    budget: OverZero[int] = 200
    inputs: OverZero[int] = 100
    attacks: tuple[str, ...] = ("square",)

    def find_problem(self) -> tuple[str, str] | None:
        """The key that makes every attack impossible, and why; or None."""
        if not self.low < self.high:
            return "high", f"must be over low, got {self.high!r} and {self.low!r}"
        if not self.attacks:
            return "attacks", f"names no attack; known: {', '.join(list_plugins('attacks'))}"
        for name in self.attacks:
            if name not in list_plugins("attacks"):
                return "attacks", describe_unknown("attack", name, list_plugins("attacks"))
        if len(set(self.attacks)) < len(self.attacks):
            return "attacks", "names an attack twice"
        return None


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run was asked to do.

    `reports` are extra formats as (name, path or None); `sources` says for each setting where it came from, for the
    header and the report; `others` holds the endpoint as those suites see it that speak another protocol to it or ask
    another model; `sections` holds the suites' own sections of the configuration, by suite; `allow` names the hosts
    beside loopback that faults may touch; `extras` the optional parts that are installed. `only_check` is
    the id of the one check to judge; `places` the file and line of each objective, by its suite and slug. A `gameday`
    runs nothing but experiments, and asks before each unless `assume_yes`.
    """

    endpoint: Endpoint
    suites: tuple[str, ...]
    objectives: tuple[Objective, ...] = ()
    profile: Profile = PROFILES["release"]
    seed: int = DEFAULT_SEED
    ceilings: Ceilings = Ceilings()
    promises: Promises = Promises()
    others: Mapping[str, Endpoint] = field(default_factory=dict)
    data: DataSettings | None = None
    evaluation: EvaluationSettings | None = None
    sections: Mapping[str, Any] = field(default_factory=dict)
    links: tuple[Link, ...] = ()
    platform: tuple[Replica, ...] = ()
    experiments: tuple[ExperimentPlan, ...] = ()
    reference: LocalModel | None = None
    relations: tuple[Relation, ...] = ()
    allow: tuple[str, ...] = ()
    wait_ready: float | None = None
    policy: Policy = field(default_factory=Policy)
    run_dir: str | None = None
    reports: tuple[tuple[str, str | None], ...] = ()
    baseline: str | None = None
    responsible: str | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
    extras: tuple[str, ...] = ()
    only_check: str | None = None
    places: Mapping[tuple[str, str], str] = field(default_factory=dict)
    gameday: bool = False
    assume_yes: bool = False

    def find_section(self, record: type[_T]) -> _T | None:
        """The configured section of this kind."""
        return next((section for section in self.sections.values() if isinstance(section, record)), None)

    @property
    def load(self) -> LoadSettings | None:
        """The load, where one is configured."""
        return self.find_section(LoadSettings)

    @property
    def attack(self) -> AttackSettings | None:
        """The threat model, where one is configured."""
        return self.find_section(AttackSettings)

    @property
    def chaos(self) -> ChaosSettings:
        """The load and the phases of an experiment that states none."""
        return self.find_section(ChaosSettings) or ChaosSettings()

    def endpoint_of(self, suite: str) -> Endpoint:
        """The endpoint as this suite speaks to it."""
        return self.others.get(suite, self.endpoint)

    def list_secrets(self) -> tuple[str, ...]:
        """The secrets of every endpoint, in every spelling, which no output may show."""
        helpers = self.evaluation.list_endpoints() if self.evaluation else ()
        secrets = [secret for endpoint in (self.endpoint, *helpers) for secret in endpoint.list_secrets()]
        return tuple(dict.fromkeys(secrets))

    def grounds(self) -> frozenset[str]:
        """What the configuration gives ground to judge; a check whose grounds are not all here is not planned.

        The name of a suite is the ground that its own section gives.
        """
        endpoint = self.endpoint
        grounds = {
            **dict.fromkeys(self.sections, True),
            "named": endpoint.unix_socket is None,
            "direct": endpoint.proxy is None and endpoint.signer is None and not endpoint.is_grpc,
            "http": not endpoint.is_grpc and not endpoint.binary and endpoint.template.is_json,
            "expect": self.endpoint_of("smoke").expect is not None,
            "no_upload": endpoint.template.is_json,
            "https": endpoint.is_secure and endpoint.unix_socket is None,
            "credentials": endpoint.credentials is not None,
            "model": endpoint.model is not None,
            "version": endpoint.version is not None,
            **asdict(self.promises),
            "soak": self.load is not None and self.load.shape_name == SOAK,
            "data": self.data is not None and self.data.dataset is not None,
            "slices": self.data is not None and self.data.dataset is not None and bool(self.data.dataset.slices),
            "golden": self.data is not None and self.data.golden is not None,
            **list_evaluation_grounds(self.evaluation),
            "second_endpoint": "://" in (self.baseline or ""),
            "replicas": bool(endpoint.replicas),
            **list_model_grounds(self.reference) | {"relations": bool(self.relations)},
            "experiments": bool(self.experiments),
            **{kind: any(map(is_of_kind, self.experiments)) for kind, is_of_kind in EXPERIMENT_KINDS.items()},
            "baseline": self.baseline is not None,
            "property": "property" in self.extras,
        }
        return frozenset(name for name, is_given in grounds.items() if is_given)


GROUNDS = {
    "direct": "hand-written HTTP cannot be sent through a proxy, nor signed, nor instead of gRPC",
    "http": "the requests are no JSON over HTTP, but gRPC, binary, a form, a query or an uploaded file",
    "expect": "it is not configured what a right answer to the sample is ([endpoint] expect)",
    "no_upload": "the inputs are files or fields of a form or query, and none can be generated",
    "named": "the endpoint is a unix socket and has no host name",
    "https": "the endpoint is spoken to over plain http, or over a unix socket",
    "credentials": "no credentials are configured",
    "model": "no model name is configured (--ai-model or [endpoint] model)",
    "version": "no model version is configured ([endpoint] version)",
    **{field.name: f"[promises] {field.name} is not set" for field in fields(Promises)},
    "soak": 'the load is no soak ([load] scenario = "soak")',
    "data": "no labelled data is configured ([data] file)",
    "slices": "no columns of slices are configured ([data] slices)",
    "golden": "no golden outputs are configured ([data] golden)",
    **EVALUATION_GROUNDS,
    "replicas": "no further URLs are configured ([endpoint] replicas)",
    **MODEL_GROUNDS,
    "relations": "no metamorphic relation is configured ([[relation]])",
    "experiments": (
        "no fault is configured ([links.NAME], and [[fault]] or [[experiment]]): without any, faults that clients make "
        "run where the chaos suite is named and the endpoint is this machine, or in [targets] allow"
    ),
    "restarts": "no [[fault]] or [[experiment]] lets replicas end in order ([platform.NAME], stop, drain or restart)",
    "clients": "no [[fault]] or [[experiment]] consists of gentle faults that clients make, such as slowloris",
    "pulses": "no [[experiment]] has metastability = true",
    "aborts": "no [[fault]] or [[experiment]] has clients that leave in the middle of their answers (abort_storm)",
    "overloads": "no [[fault]] or [[experiment]] overloads the service, as the fault overload does",
    "baseline": "nothing is given to compare with (--ai-baseline)",
    "property": "what generates requests is not installed: pip install 'aiharness[property]'",
}
"""Each ground that a check may need, beside the suites' own sections, and why it is not judged without."""
