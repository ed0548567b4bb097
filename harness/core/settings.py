"""Settings: what a run was asked to do, after command line, environment, file and defaults are joined."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.core.endpoint import Endpoint
from harness.core.gate import Policy
from harness.core.objective import PROFILES, Objective, Profile

DEFAULT_SEED = 20_240_229


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
    """

    deterministic: bool = False
    latency_ceiling: float = 10.0
    certificate_days: float = 7.0


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run was asked to do.

    `reports` are extra formats as (name, path or None); `sources` says for each setting where it came from, for the
    header and the report.
    """

    endpoint: Endpoint
    suites: tuple[str, ...]
    objectives: tuple[Objective, ...] = ()
    profile: Profile = PROFILES["release"]
    seed: int = DEFAULT_SEED
    ceilings: Ceilings = Ceilings()
    promises: Promises = Promises()
    wait_ready: float | None = None
    policy: Policy = field(default_factory=Policy)
    run_dir: str | None = None
    reports: tuple[tuple[str, str | None], ...] = ()
    baseline: str | None = None
    responsible: str | None = None
    sources: Mapping[str, str] = field(default_factory=dict)

    def grounds(self) -> frozenset[str]:
        """What the configuration gives ground to judge; a check whose grounds are not all here is not planned."""
        endpoint = self.endpoint
        found = {
            "https": endpoint.secure,
            "credentials": endpoint.credentials is not None,
            "model": endpoint.model is not None,
            "version": endpoint.version is not None,
            "deterministic": self.promises.deterministic,
        }
        return frozenset(name for name, there in found.items() if there)


GROUNDS = {
    "https": "the endpoint is spoken to over plain http",
    "credentials": "no credentials are configured",
    "model": "no model name is configured (--ai-model or [endpoint] model)",
    "version": "no model version is configured ([endpoint] version)",
    "deterministic": "[promises] deterministic is not set",
}
"""Each ground that a check may need, and why it is not judged without."""
