"""Objective: a service-level objective, and the profiles that judge it."""

from __future__ import annotations

from dataclasses import dataclass

from harness.core.metric import ATTEMPTS
from harness.core.plan import make_slug
from harness.core.verdict import ALPHA, Level


@dataclass(frozen=True, slots=True)
class Profile:
    """How hard an objective is judged.

    `quantile` applies where a latency metric names none; `tolerance` multiplies the budget (1: none); `cap` is the
    largest number of requests, `window` the shortest time over which they are spread (s); `points` and `items` are the
    tolerance and size for accuracy-like metrics.
    """

    name: str
    quantile: float
    tolerance: float
    cap: int
    window: float = 12.0
    points: float = 0.02
    items: int = 1000
    alpha: float = ALPHA

    def loosen(self, share: float) -> float:
        """A limit on a share of bad ones with its tolerance: at most half the way from it to all of them."""
        return min(share * self.tolerance, (1 + share) / 2)


PROFILES = {
    "pr": Profile("pr", quantile=0.95, tolerance=2.0, cap=500),
    "release": Profile("release", quantile=0.99, tolerance=2.0, cap=1600),
    "strict": Profile("strict", quantile=0.99, tolerance=1.0, cap=3000),
}
"""The shipped profiles (DESIGN 6.3); `[profile.NAME]` overrides and adds."""


@dataclass(frozen=True, slots=True)
class Objective:
    """A metric and a bound: `ttft p99 <= 0.8`.

    A latency percentile is judged as a rate (DESIGN 6.4): the share of intended requests over `limit` seconds against
    the `budget` 1 - quantile; an accuracy as the share of wrong items against 1 - limit; a rate against `limit` itself.
    `loosened` is the budget with its tolerance; both are 0 for what is no share: `recovery`, `attempts`, requests per
    second. Of an error of quality (`log_loss`, `mae`) budget and loosened are bounds in its own unit. `slice` names the
    part of the data that is judged alone, `class_` the class that a figure is of, `k` how many of the first it is of,
    `by` the sensitive column whose groups are compared. `after`: of an experiment it bounds what comes after the
    faults, and not what happens under them.
    """

    suite: str
    metric: str
    quantile: float | None
    direction: str
    limit: float
    unit: str
    budget: float
    loosened: float
    cap: int
    alpha: float = ALPHA
    level: Level = Level.BLOCKER
    name: str = ""
    slice: str | None = None
    streamed: bool = False
    after: bool = False
    class_: str | None = None
    k: int | None = None
    by: str | None = None
    quality: bool = False

    @property
    def is_sampled(self) -> bool:
        """Whether it bounds a rate of many samples, and not a single value."""
        return self.loosened > 0

    @property
    def is_error(self) -> bool:
        """Whether it bounds an error of quality, which is no share: no count of rows is needed for its limit alone."""
        return self.quality and (bool(self.unit) or self.direction == "<=")

    @property
    def is_latency(self) -> bool:
        """Whether it bounds a percentile of a time, which failed requests are over."""
        return self.quantile is not None

    @property
    def is_rate(self) -> bool:
        """Whether it bounds how much is done per second."""
        return self.unit.endswith("/s")

    @property
    def slug(self) -> str:
        """The parameter id of this objective's check: stable, made of its own words."""
        tail = "" if self.quantile is None else f"-p{self.quantile * 100:g}"
        tail += "-after" if self.after else ""
        parts = "".join(f"-{make_slug(part)}" for part in (self.class_, self.by, self.slice) if part is not None)
        return make_slug(self.name) or f"{self.title}{tail}{parts}"

    @property
    def title(self) -> str:
        """The metric, with its k: `top_3`."""
        return self.metric if self.k is None else self.metric.removesuffix("k") + str(self.k)

    @property
    def text(self) -> str:
        """The objective as a line: `ttft p99 <= 800 ms`."""
        quantile = "" if self.quantile is None else f" p{self.quantile * 100:g}"
        shown = f"{self.limit * 100:g} %"
        if self.unit == "s":
            shown = f"{self.limit:g} s" if self.limit >= 1 else f"{self.limit * 1e3:g} ms"
        if self.is_rate:
            shown = f"{self.limit:g}/s"
        if self.unit == ATTEMPTS.unit or self.is_error:
            shown = f"{self.limit:g}"
        part = "" if self.class_ is None else f" of class {self.class_!r}"
        part += "" if self.by is None else f" by {self.by}"
        part += "" if self.slice is None else f" of slice {self.slice!r}"
        part += " after the lift" if self.after else ""
        return f"{self.title}{quantile}{part} {self.direction} {shown}"
