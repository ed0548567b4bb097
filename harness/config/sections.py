"""The shape of `aiharness.toml`: each section as a record, its fields the keys, its defaults the defaults.

Tested in tests/config/test_config_errors.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from harness.core.bounds import Bound, NotNegative, OverZero, ShareMargin, ShareOverZero, ShareUnderOne, WithinOne
from harness.core.endpoint import TLS, Deadlines, Template
from harness.core.experiment import Fault, TimedFault
from harness.core.local_model import LocalModel
from harness.core.relation import Relation
from harness.core.settings import Promises


@dataclass(frozen=True, slots=True)
class CredentialsSection:
    """`[endpoint.credentials]`: where the secret is, or the command that prints it; never the secret itself."""

    scheme: Literal["bearer", "header", "basic"] = "bearer"
    env: str | None = None
    file: str | None = None
    command: list[str] = field(default_factory=list)
    refresh: OverZero[float] = 300.0
    header: str | None = None
    username: str = ""


@dataclass(frozen=True, slots=True)
class EndpointSection:
    """`[endpoint]`; fields as in `harness.core.endpoint.Endpoint`."""

    url: str | None = None
    protocol: str = "auto"
    model: str | None = None
    version: str | None = None
    credentials: CredentialsSection | None = None
    deadlines: Deadlines = field(default_factory=Deadlines)
    tls: TLS = field(default_factory=TLS)
    proxy: str | None = None
    http2: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    public_headers: list[str] = field(default_factory=list)
    query: dict[str, str] = field(default_factory=dict)
    template: Template = field(default_factory=Template)
    sample: Any = None
    other_samples: list[Any] = field(default_factory=list)
    expect: Any = None
    sample_file: str | None = None
    prefix: str | None = None
    binary: bool = False
    unix_socket: str | None = None
    replicas: list[str] = field(default_factory=list)
    sign: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    other_credentials: CredentialsSection | None = None


@dataclass(frozen=True, slots=True)
class ObjectiveSection:
    """`[[objective]]`: `metric = "latency p95"`, `limit = "<= 800ms"`."""

    suite: str
    metric: str
    limit: str
    level: str = "blocker"
    confidence: float | None = None
    margin: float | None = None
    name: str = ""
    slice: str | None = None
    class_: str | None = None
    k: OverZero[int] | None = None
    by: str | None = None


@dataclass(frozen=True, slots=True)
class SuiteSection:
    """`[suite.NAME]`: another protocol, model, sample or options for this suite, at the same URL."""

    protocol: str | None = None
    model: str | None = None
    sample: Any = None
    options: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class DataSection:
    """`[data]`: files of labelled inputs, relative to the configuration; columns and meaning in docs."""

    file: str | None = None
    label: str = "label"
    labelled: bool = True
    inputs: list[str] = field(default_factory=list)
    group: str | None = None
    shape: list[int] = field(default_factory=list)
    golden: str | None = None
    tolerance: NotNegative[float] | None = None
    atol: NotNegative[float] | None = None
    rtol: NotNegative[float] | None = None
    ulp: NotNegative[int] | None = None
    cosine: Annotated[float, Bound("from -1 to 1", -1, 1, includes_high=True)] | None = None
    types: dict[str, Literal["number", "boolean", "text"]] = field(default_factory=dict)
    missing: Literal["refuse", "null", "omit"] = "refuse"
    labels: dict[str, int | float | str | bool] = field(default_factory=dict)
    task: Literal["", "binary", "multiclass", "regression", "embedding", "ranking", "text"] = ""
    classes: list[str] = field(default_factory=list)
    slices: list[str] = field(default_factory=list)
    sensitive: list[str] = field(default_factory=list)
    weight: str | None = None
    time: str | None = None
    time_margin: ShareMargin = 0.1
    slice_margin: ShareMargin = 0.1
    smallest_group: OverZero[int] = 30
    leave_out: list[str] = field(default_factory=list)
    baseline_margin: ShareMargin | None = None
    changed_limit: ShareUnderOne | None = None
    training: str | None = None
    leak_limit: ShareUnderOne = 0.01
    retries: ShareUnderOne = 0.02
    resume: str | None = None


@dataclass(frozen=True, slots=True)
class DriftSection:
    """`[drift]`: a sample of inputs as they were, such as the training data; a column of it may be recorded answers."""

    reference: str | None = None
    prediction: str | None = None
    measure: Literal["psi", "ks"] = "psi"
    limit: OverZero[float] = 0.1
    vector_limit: OverZero[float] = 0.02


@dataclass(frozen=True, slots=True)
class HelperSection:
    """`[evaluation.embeddings]`: a further endpoint, with a secret of its own, that helps to judge."""

    url: str
    model: str
    protocol: str = "openai_embeddings"
    credentials: CredentialsSection | None = None
    options: dict[str, Any] = field(default_factory=dict)
    prefix: str | None = None


@dataclass(frozen=True, slots=True)
class JudgeSection(HelperSection):
    """`[judge]`: a model that grades answers, and the file of answers that people have labelled."""

    protocol: str = "openai_chat"
    template: str | None = None
    labelled: str | None = None
    repeats: OverZero[int] = 2
    swaps: OverZero[int] = 50


@dataclass(frozen=True, slots=True)
class EvaluationSection:
    """`[evaluation]`: prompts with references, or the results of another tool, relative to the configuration."""

    file: str | None = None
    prompt: str = "prompt"
    reference: str = "reference"
    grader: str = "exact"
    repeats: OverZero[int] = 1
    k: OverZero[int] | None = None
    claims: Literal["items", "population"] = "items"
    tolerance: NotNegative[float] = 0.0
    relative_tolerance: NotNegative[float] = 0.0
    threshold: Annotated[float, Bound("a cosine, over -1 and at most 1", -1, 1, True, True)] = 0.8
    function: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    embeddings: HelperSection | None = None
    results: str | None = None
    format: str = "auto"
    margin: WithinOne = 0.02


@dataclass(frozen=True, slots=True)
class LinkSection:
    """`[links.NAME]`: a link that runs through a fault proxy; `proxy` is its name there (default: NAME)."""

    api: str
    proxy: str | None = None
    listen: str | None = None
    upstream: str | None = None


@dataclass(frozen=True, slots=True)
class PlatformSection:
    """`[platform.NAME]`: a replica of the service, by its process or by commands that act on it."""

    pid: OverZero[int] | None = None
    pid_file: str | None = None
    kill: list[str] = field(default_factory=list)
    stop: list[str] = field(default_factory=list)
    pause: list[str] = field(default_factory=list)
    drain: list[str] = field(default_factory=list)
    restart: list[str] = field(default_factory=list)
    start: list[str] = field(default_factory=list)
    resume: list[str] = field(default_factory=list)
    deadline: OverZero[float] = 30.0
    serves: Annotated[float, Bound("from 0 to 1, a share of the requests", high=1, includes_high=True)] = 0.0


@dataclass(frozen=True, slots=True)
class FaultSection(Fault):
    """`[[fault]]`: a fault of a link, one of a replica of the platform, or without both, one that clients make."""

    link: str = field(default="", kw_only=True)


@dataclass(frozen=True, slots=True)
class TimedFaultSection(TimedFault):
    """`[[experiment.fault]]`: a fault on one link, or on several `links` at once."""

    link: str = field(default="", kw_only=True)
    links: list[str] = field(default_factory=list, kw_only=True)


@dataclass(frozen=True, slots=True)
class ExperimentObjectiveSection:
    """`[[experiment.objective]]`: an objective of this experiment alone, under its faults or after them."""

    metric: str
    limit: str
    level: str = "blocker"
    confidence: float | None = None
    margin: float | None = None
    name: str = ""
    phase: Literal["during", "after"] = "during"


@dataclass(frozen=True, slots=True)
class ExperimentSection:
    """`[[experiment]]`: faults over time; `rate`, `baseline` and `recovery` are those of `[chaos]` by default."""

    name: str
    fault: list[TimedFaultSection]
    hypothesis: str = ""
    rate: OverZero[float] | None = None
    baseline: OverZero[float] | None = None
    recovery: OverZero[float] | None = None
    stop: list[str] = field(default_factory=list)
    blast_radius: ShareOverZero = 1.0
    seed: NotNegative[int] | None = None
    metastability: bool = False
    objective: list[ExperimentObjectiveSection] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class TargetsSection:
    """`[targets]`: hosts other than this machine whose fault proxies may set faults."""

    allow: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ProfileSection:
    """`[profile.NAME]`: overrides fields of the shipped profile of that name, or of `release`."""

    quantile: Annotated[float, Bound("over 0 and under 1, like 0.99 for p99", 0, 1, True)] | None = None
    tolerance: Annotated[float, Bound("a factor on the budget of at least 1, like 2", 1)] | None = None
    cap: OverZero[int] | None = None
    window: OverZero[float] | None = None
    points: ShareUnderOne | None = None
    items: OverZero[int] | None = None


@dataclass(frozen=True, slots=True)
class WaiverSection:
    """`[[waiver]]`: a check whose failure does not block until the end of the day `expires` (UTC)."""

    check: str
    reason: str
    owner: str
    expires: str


@dataclass(frozen=True, slots=True)
class RunSection:
    """`[run]`: options that the command line has too, and wins; `block` names warnings that are to block."""

    suites: list[str] = field(default_factory=list)
    profile: str = "release"
    block: list[str] = field(default_factory=list)
    seed: NotNegative[int] | None = None
    responsible: str | None = None
    max_requests: OverZero[int] | None = None
    max_tokens: OverZero[int] | None = None
    max_time: OverZero[float] | None = None


@dataclass(frozen=True, slots=True)
class ReportSection:
    """`[report]`: the file of a map of evidence that replaces the shipped one, relative to the configuration."""

    evidence_map: str | None = None


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """The file without the suites' own sections, which their policies declare."""

    endpoint: EndpointSection = field(default_factory=EndpointSection)
    objective: list[ObjectiveSection] = field(default_factory=list)
    profile: dict[str, ProfileSection] = field(default_factory=dict)
    promises: Promises = field(default_factory=Promises)
    run: RunSection = field(default_factory=RunSection)
    report: ReportSection = field(default_factory=ReportSection)
    suite: dict[str, SuiteSection] = field(default_factory=dict)
    data: DataSection = field(default_factory=DataSection)
    evaluation: EvaluationSection = field(default_factory=EvaluationSection)
    judge: JudgeSection | None = None
    drift: DriftSection = field(default_factory=DriftSection)
    reference: LocalModel | None = None
    relation: list[Relation] = field(default_factory=list)
    links: dict[str, LinkSection] = field(default_factory=dict)
    platform: dict[str, PlatformSection] = field(default_factory=dict)
    fault: list[FaultSection] = field(default_factory=list)
    experiment: list[ExperimentSection] = field(default_factory=list)
    targets: TargetsSection = field(default_factory=TargetsSection)
    waiver: list[WaiverSection] = field(default_factory=list)
