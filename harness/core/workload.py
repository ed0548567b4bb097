"""What requests a load consists of: the keys of `[load]` about it, and what a load child makes its requests from.

Plain data that can be written as JSON. Tested in tests/load/workload/test_settings.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

from harness.core.adapter import Facts
from harness.core.bounds import OverZero
from harness.core.exchange import Query
from harness.core.registry import describe_unknown, list_plugins

SPREADS = ("constant", "uniform", "normal", "lognormal")
AUTO, SAMPLE = "auto", "sample"
"""The workload that is chosen by what the endpoint takes, and the one that repeats the sample."""
AGENT = "agent"
OF_SESSIONS = ("sessions", AGENT)
"""Workloads whose requests are the turns of conversations."""

_MOST_TURNS = 200
_LONGEST = 1_000_000
"""Tokens of one text, or seconds of a pause, above which a typing error is more likely than a wish."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A distribution of lengths in tokens, of turns, or of seconds: values from `min` to `max`.

    `distribution` is constant, uniform, normal or lognormal; without one it is constant, normal where a `stdev` is
    given, uniform where `min` and `max` are given and no `mean`. `stdev` is that of the values, for lognormal too.
    """

    mean: OverZero[float] | None = None
    stdev: float = 0.0
    min: float = 0.0
    max: float | None = None
    distribution: str = ""

    @property
    def kind(self) -> str:
        """The distribution, also where none is named."""
        if self.distribution:
            return self.distribution
        if self.mean is None:
            return "uniform"
        return "normal" if self.stdev else "constant"

    @property
    def middle(self) -> float:
        """The mean, or the middle of a range."""
        return self.mean if self.mean is not None else (self.min + (self.max or self.min)) / 2

    @property
    def smallest(self) -> float:
        """The smallest value: of a constant, that value."""
        return self.middle if self.kind == "constant" else self.min

    @property
    def largest(self) -> float:
        """The largest value that is likely: the bound, or the mean with four standard deviations."""
        return self.max if self.max is not None else self.middle + 4 * self.stdev

    def find_problem(self) -> tuple[str, str] | None:
        """The key that makes this distribution impossible, and why; or None."""
        if self.kind not in SPREADS:
            return "distribution", describe_unknown("distribution", self.kind, SPREADS)
        if not 0 <= self.stdev < math.inf:
            return "stdev", f"must be 0 or more, got {self.stdev!r}"
        if not 0 <= self.min <= self.largest <= _LONGEST:
            if self.max is None and self.largest < self.min:
                return "mean", f"must be at least min ({self.min:g}), got {self.largest:g}"
            return "max", f"must be from min ({self.min:g}) to {_LONGEST}, got {self.largest:g}"
        if self.kind == "uniform" and self.max is None:
            return "max", "a uniform distribution needs min and max; or give mean"
        if self.kind in ("normal", "lognormal") and not (self.mean and self.stdev):
            return "stdev", f"a {self.kind} distribution needs mean and stdev, both over 0"
        if self.mean is not None and not self.min <= self.mean <= self.largest:
            return "mean", f"must be from min to max, got {self.mean:g}"
        return None

    def describe(self, unit: str) -> str:
        """The distribution in words."""
        bounds = f", {self.min:g} to {self.max:g}" if self.max is not None else ""
        if self.kind == "uniform":
            return f"{self.min:g} to {self.max:g} {unit}"
        spread = f" with a standard deviation of {self.stdev:g} ({self.kind}{bounds})" if self.stdev else ""
        return f"{self.middle:g} {unit}{spread}"


@dataclass(frozen=True, slots=True)
class SharedPrefix:
    """What a `share` of the prompts begins with: one of `count` texts of `tokens` tokens."""

    tokens: OverZero[int]
    share: OverZero[float] = 1.0
    count: OverZero[int] = 1


@dataclass(frozen=True, slots=True)
class SessionProfile:
    """What the sessions of a workload are where nothing else is given: turns, seconds between them, and tokens.

    `own` is what only this session begins with, `shared` what all begin with.
    """

    turns: Spread
    think: Spread
    input_tokens: Spread
    output_tokens: Spread
    own: Spread | None = None
    shared: SharedPrefix | None = None


def _scale(scale: float, mean: float, stdev: float, smallest: float, distribution: str) -> Spread:
    middle = max(mean * scale, smallest)
    return Spread(middle, stdev * scale, smallest, middle + 4 * stdev * scale, distribution)


def make_agent_profile(scale: float) -> SessionProfile:
    """Sessions of a coding agent, as inference-perf publishes them (docs/conversation_replay.md), times `scale`."""
    return SessionProfile(
        turns=_scale(scale, 38, 6, 2, "normal"),
        think=_scale(scale, 8, 6, 0.05, "lognormal"),
        input_tokens=_scale(scale, 1652, 3000, 8, "lognormal"),
        output_tokens=_scale(scale, 585, 400, 8, "lognormal"),
        own=_scale(scale, 14_000, 15_000, 8, "lognormal"),
        shared=SharedPrefix(max(1, round(8359 * scale))),
    )


_CHAT_PROFILE = SessionProfile(
    turns=Spread(min=2, max=6),
    think=Spread(mean=2, stdev=1, min=0.2, max=10, distribution="lognormal"),
    input_tokens=Spread(mean=64, stdev=32, min=12, max=256, distribution="lognormal"),
    output_tokens=Spread(mean=64, stdev=32, min=12, max=256, distribution="lognormal"),
)


@dataclass(frozen=True)
class WorkloadSettings:
    """The requests of a load.

    `workload` is a name of `aiharness list workloads`, or `auto`: what the endpoint takes, no request twice.
    `input_tokens` is the length of prompts, `output_tokens` the limit of tokens of each answer, `shared_prefix` what
    several prompts begin with. `dataset` is a file of prompts, conversations or lengths (`column`: the field that holds
    the prompt), `template` a prompt with fields in double braces. `session_turns` is how many a session has, `scale`
    how large an agent's sessions are, as a share of the published ones.
    """

    workload: str = AUTO
    input_tokens: Spread | None = None
    output_tokens: Spread | None = None
    shared_prefix: SharedPrefix | None = None
    dataset: str | None = None
    column: str | None = None
    template: str | None = None
    session_turns: Spread | None = None
    scale: OverZero[float] = 0.1

    @property
    def has_sessions(self) -> bool:
        """Whether requests are the turns of conversations."""
        return self.workload in OF_SESSIONS

    @property
    def profile(self) -> SessionProfile:
        """What the sessions are, with what is given of them."""
        profile = make_agent_profile(self.scale) if self.workload == AGENT else _CHAT_PROFILE
        return replace(
            profile,
            turns=self.session_turns or profile.turns,
            input_tokens=self.input_tokens or profile.input_tokens,
            output_tokens=self.output_tokens or profile.output_tokens,
            shared=self.shared_prefix or profile.shared,
        )

    @property
    def most_turns(self) -> int:
        """The most turns that a session has; 1 for requests that are no sessions."""
        return max(1, math.ceil(self.profile.turns.largest)) if self.has_sessions else 1

    @property
    def is_open(self) -> bool:
        """Whether nothing is said of what is sent."""
        return self.workload == AUTO and self.dataset is None and self.template is None

    def find_workload_problem(self) -> tuple[str, str] | None:
        """The key that makes these requests impossible, and why; or None."""
        known = (AUTO, *list_plugins("workloads"))
        if self.workload not in known:
            return "workload", describe_unknown("workload", self.workload, known)
        if self.workload in ("dataset", "trace") and not self.dataset:
            return "dataset", f'workload {self.workload!r} needs a file: dataset = "FILE.jsonl"'
        if self.workload == "template" and not self.template:
            return "template", "workload 'template' needs one: template = \"Summarise this: {{text}}\""
        for name in ("input_tokens", "output_tokens", "session_turns"):
            spread = getattr(self, name)
            if spread is not None and (problem := spread.find_problem()):
                return f"{name}.{problem[0]}", problem[1]
        if self.shared_prefix and self.shared_prefix.share > 1:
            return "shared_prefix.share", f"must be at most 1, got {self.shared_prefix.share:g}"
        return self._find_session_problem()

    def _find_session_problem(self) -> tuple[str, str] | None:
        if self.session_turns is not None and not self.has_sessions:
            return "session_turns", 'is of sessions: give workload = "sessions" or "agent", or leave it out'
        if self.session_turns is not None and not 1 <= self.session_turns.largest <= _MOST_TURNS:
            return "session_turns", f"must be from 1 to {_MOST_TURNS}, got at most {self.session_turns.largest:g}"
        if self.scale > 1:
            return "scale", f"must be at most 1, the published size, got {self.scale:g}"
        return None


@dataclass(frozen=True)
class MixPart(WorkloadSettings):
    """One part of a mix: its requests have this weight among those of all parts."""

    weight: OverZero[float] = 1.0


@dataclass(frozen=True, slots=True)
class Material:
    """What the requests of a load are made from: request `k` is a function of this and of `k` alone.

    `workload` is the name of the plug-in that makes them, never `auto`. `sample` is one valid query, `texts` are the
    texts that prompts are made of (none: they are written), `entries` the inputs of a data set, `parts` those of a mix,
    each with its `weight`. `has_own_sample`: the sample was configured, and not made by the adapter. `reason` says why
    requests repeat although that was not asked for, `cache` what shows that repeats are answered from a cache,
    `reaches_limit` whether every answer to a request of the workload reached its limit of tokens without load,
    `row_count` how many rows each request has (0: none, or not the same number in all).
    """

    workload: str
    sample: Query
    settings: WorkloadSettings = field(default_factory=WorkloadSettings)
    facts: Facts = field(default_factory=Facts)
    seed: int = 0
    texts: tuple[str, ...] = ()
    entries: tuple[Any, ...] = ()
    has_own_sample: bool = False
    reason: str = ""
    parts: tuple[Material, ...] = ()
    cache: str = ""
    reaches_limit: bool = False
    weight: float = 1.0
    row_count: int = 0
