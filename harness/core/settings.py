"""Settings: what a run was asked to do, after command line, environment, file and defaults are joined.

Tested in tests/config/test_resolve.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, TypeVar

from harness.core.arrival_settings import SOAK
from harness.core.attack_settings import AttackSettings
from harness.core.bounds import OverZero, WithinOne
from harness.core.dataset import Dataset
from harness.core.drift import DRIFT_GROUNDS, DriftSettings, list_drift_grounds
from harness.core.endpoint import Endpoint, is_loopback
from harness.core.evaluation import EVALUATION_GROUNDS, EvaluationSettings, list_evaluation_grounds
from harness.core.evidence_map import EvidenceMap
from harness.core.experiment import ChaosSettings, ExperimentPlan, Link
from harness.core.experiment_kinds import EXPERIMENT_KINDS
from harness.core.gate import Policy
from harness.core.load_settings import LoadSettings
from harness.core.local_model import MODEL_GROUNDS, LocalModel, list_model_grounds
from harness.core.objective import PROFILES, Objective, Profile
from harness.core.platform_action import Replica
from harness.core.relation import Relation
from harness.core.stored_finding import StoredFinding
from harness.core.tolerance import Tolerance
from harness.core.waiver import Waiver

_T = TypeVar("_T")

DEFAULT_SEED = 20_240_229

MOST_REPLICAS = 8
"""Replicas beside the endpoint itself that one run compares."""


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
    certificate must still be valid. `idle`: seconds without a request after which the next one is answered as before.

    Of generation: `tools`, `structured_output` (JSON schema), `choices` (`n` over 1), `logprobs`, `prefix_cache` (each
    turn of a conversation finds the turns before it cached), `reasoning` (every accepted request is answered with
    thinking, or none is, however callers spell it, or each switch that is accepted switches it), `output_limit` (tokens
    that no answer passes). Of embeddings: `dimension` of each vector, `normalised` to length 1. Of every answer:
    `request_id`, the header with an id of its own. `idempotency`: the request header by which a repeat is recognised
    and not carried out again. `rate_limit`: requests within a minute above which the service declines with 429 and
    Retry-After. `unprovoked_failures`: the share of plain valid requests that may fail without a cause; without it they
    are counted and not judged. `refuses`: bad inputs, by the names that reports show, that are never answered as if
    they were good. `open_pages`: paths of pages for operators (metrics, documentation) that need no key on purpose.
    """

    deterministic: bool = False
    latency_ceiling: OverZero[float] = 10.0
    certificate_days: OverZero[float] = 7.0
    idle: OverZero[float] = 6.0
    tools: bool = False
    structured_output: bool = False
    choices: bool = False
    logprobs: bool = False
    prefix_cache: bool = False
    reasoning: Literal["on", "off", "callers"] | None = None
    output_limit: OverZero[int] | None = None
    dimension: OverZero[int] | None = None
    normalised: bool = False
    request_id: str | None = None
    idempotency: str | None = None
    rate_limit: OverZero[int] | None = None
    unprovoked_failures: WithinOne | None = None
    refuses: tuple[str, ...] = ()
    open_pages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DataSettings:
    """Labelled data. `golden` holds inputs with the outputs that they must give, within `tolerance`. A slice's share of
    wrong rows may be over that of the rest by `slice_margin`; the share of right rows under a baseline's by
    `baseline_margin` (None: the profile's points). `changed_limit` is the share of answers that may differ from its.
    Groups of sensitive columns that are compared have at least `smallest_group` rows; those in `left_out` are not.
    `training` are data that the model learned from: at most `leak_limit` of the rows may be among them. `retries` is
    the share of rows that may be asked a second time after a failure that noise explains; `resume` the run directory of
    an earlier run, whose answers are not asked again.
    """

    dataset: Dataset | None = None
    golden: Dataset | None = None
    tolerance: Tolerance = field(default_factory=Tolerance)
    slice_margin: float = 0.1
    smallest_group: int = 30
    left_out: tuple[str, ...] = ()
    baseline_margin: float | None = None
    changed_limit: float | None = None
    training: Dataset | None = None
    leak_limit: float = 0.01
    time_margin: float = 0.1
    retries: float = 0.02
    resume: str | None = None

    def count_repeats(self, rows: int) -> int:
        """How many of so many rows may be asked a second time."""
        return math.ceil(self.retries * rows)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run was asked to do.

    `reports` are extra formats as (name, path or None); `sources` says for each setting where it came from, for the
    header and the report; `others` holds the endpoint as those suites see it that speak another protocol to it or ask
    another model; `sections` holds the suites' own sections of the configuration, by suite; `allow` names the hosts
    beside loopback that faults may touch; `block` the ids of warnings that are to block; `extras` the optional parts
    that are installed. `only_check` is the id of the one check to judge; `places` the file and line of each objective,
    by its suite and slug. A `gameday` runs nothing but experiments, and asks before each unless `assume_yes`. With
    `prove` the contract checks are shown able to fail, after they were judged.
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
    drift: DriftSettings | None = None
    sections: Mapping[str, Any] = field(default_factory=dict)
    links: tuple[Link, ...] = ()
    platform: tuple[Replica, ...] = ()
    experiments: tuple[ExperimentPlan, ...] = ()
    reference: LocalModel | None = None
    relations: tuple[Relation, ...] = ()
    known_findings: tuple[StoredFinding, ...] = ()
    allow: tuple[str, ...] = ()
    wait_ready: float | None = None
    policy: Policy = field(default_factory=Policy)
    run_dir: str | None = None
    reports: tuple[tuple[str, str | None], ...] = ()
    baseline: str | None = None
    responsible: str | None = None
    evidence_map: EvidenceMap | None = None
    waivers: tuple[Waiver, ...] = ()
    block: tuple[str, ...] = ()
    stop_early: bool = False
    resume: str | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
    extras: tuple[str, ...] = ()
    only_check: str | None = None
    places: Mapping[tuple[str, str], str] = field(default_factory=dict)
    gameday: bool = False
    assume_yes: bool = False
    prove: bool = False

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
            "this_machine": is_loopback(endpoint.host) and endpoint.proxy is None,
            "https": endpoint.is_secure and endpoint.unix_socket is None,
            "credentials": endpoint.credentials is not None,
            "other_caller": endpoint.other_credentials is not None,
            "model": endpoint.model is not None,
            "version": endpoint.version is not None,
            **asdict(self.promises),
            "soak": self.load is not None and self.load.shape_name == SOAK,
            "data": self.data is not None and self.data.dataset is not None,
            "slices": self.data is not None and self.data.dataset is not None and bool(self.data.dataset.slices),
            **list_drift_grounds(self.drift, self.data.dataset if self.data else None),
            "labels": self.data is not None and self.data.dataset is not None and self.data.dataset.labels is not None,
            "golden": self.data is not None and self.data.golden is not None,
            "training": self.data is not None and self.data.training is not None,
            "changed_limit": self.data is not None and self.data.changed_limit is not None,
            **list_evaluation_grounds(self.evaluation),
            "second_endpoint": "://" in (self.baseline or ""),
            "saved_run": self.baseline is not None and "://" not in self.baseline,
            "several_attacks": self.attack is not None and len(self.attack.attacks) > 1,
            "findings": bool(self.known_findings),
            "extraction": self.attack is not None and self.attack.extraction is not None,
            "replicas": bool(endpoint.replicas),
            **list_model_grounds(self.reference) | {"relations": bool(self.relations)},
            "experiments": bool(self.experiments),
            **{kind: any(map(is_of_kind, self.experiments)) for kind, is_of_kind in EXPERIMENT_KINDS.items()},
            "baseline": self.baseline is not None,
            "property": "property" in self.extras,
            "torch": "torch" in self.extras,
        }
        return frozenset(name for name, is_given in grounds.items() if is_given)


GROUNDS = {
    "direct": "hand-written HTTP cannot be sent through a proxy, nor signed, nor instead of gRPC",
    "http": "the requests are no JSON over HTTP, but gRPC, binary, a form, a query or an uploaded file",
    "expect": "it is not configured what a right answer to the sample is ([endpoint] expect)",
    "no_upload": "the inputs are files or fields of a form or query, and none can be generated",
    "this_machine": "the service does not run on this machine, and cannot reach a server of the harness on loopback",
    "named": "the endpoint is a unix socket and has no host name",
    "https": "the endpoint is spoken to over plain http, or over a unix socket",
    "credentials": "no credentials are configured",
    "other_caller": "only one caller is configured ([endpoint.other_credentials] has the secret of another)",
    "model": "no model name is configured (--ai-model or [endpoint] model)",
    "version": "no model version is configured ([endpoint] version)",
    **{field.name: f"[promises] {field.name} is not set" for field in fields(Promises)},
    "soak": 'the load is no soak ([load] scenario = "soak")',
    "data": "no labelled data is configured ([data] file)",
    "labels": "the data have no labels ([data] labelled)",
    "slices": "no columns of slices are configured ([data] slices)",
    **DRIFT_GROUNDS,
    "golden": "no golden outputs are configured ([data] golden)",
    "training": "no data are named that the model learned from ([data] training)",
    "changed_limit": "no share of answers is configured that may change ([data] changed_limit)",
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
    "waits": "no [[fault]] or [[experiment]] asks the service to wait (answer_status with retry_after)",
    "overloads": "no [[fault]] or [[experiment]] overloads the service, as the fault overload does",
    "baseline": "nothing is given to compare with (--ai-baseline)",
    "saved_run": "the baseline is no saved run: give its directory as --ai-baseline",
    "several_attacks": "no second attack is chosen ([adversarial] attacks)",
    "findings": "no findings of an earlier run are named ([adversarial] corpus)",
    "extraction": "no rows are allowed for copies of the model ([adversarial] extraction)",
    "torch": "copies of the model are made with torch: pip install 'aiharness[torch]'",
    "property": "what generates requests is not installed: pip install 'aiharness[property]'",
}
"""Each ground that a check may need, beside the suites' own sections, and why it is not judged without."""
