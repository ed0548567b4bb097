"""The shape of `aiharness.toml`: each section as a record, its fields the keys, its defaults the defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from harness.core.endpoint import TLS, Deadlines, Template
from harness.core.settings import Promises


@dataclass(frozen=True, slots=True)
class CredentialsSection:
    """`[endpoint.credentials]`: where the secret is, never the secret itself."""

    scheme: Literal["bearer", "header", "basic"] = "bearer"
    env: str | None = None
    file: str | None = None
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
    template: Template = field(default_factory=Template)
    sample: Any = None


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


@dataclass(frozen=True, slots=True)
class ProfileSection:
    """`[profile.NAME]`: overrides fields of the shipped profile of that name, or of `release`."""

    quantile: float | None = None
    tolerance: float | None = None
    cap: int | None = None
    points: float | None = None
    items: int | None = None


@dataclass(frozen=True, slots=True)
class RunSection:
    """`[run]`: what the command line may also say."""

    suites: list[str] = field(default_factory=list)
    profile: str = "release"
    seed: int | None = None
    responsible: str | None = None
    max_requests: int | None = None
    max_tokens: int | None = None
    max_time: float | None = None


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """The whole file."""

    endpoint: EndpointSection = field(default_factory=EndpointSection)
    objective: list[ObjectiveSection] = field(default_factory=list)
    profile: dict[str, ProfileSection] = field(default_factory=dict)
    promises: Promises = field(default_factory=Promises)
    run: RunSection = field(default_factory=RunSection)
