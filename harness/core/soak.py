"""What a soak shows over time: the part of `load/soak.json` that only a soak has. Plain data for JSON.

Tested in tests/load/test_slices.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MOST_WINDOWS, FEWEST_IN_WINDOW = 60, 20
"""Windows into which a soak's requests are put, and the requests that each must have on average: else fewer windows."""


@dataclass(frozen=True, slots=True)
class Window:
    """The judged requests that were due from `begin` to `end`, in seconds of the schedule.

    Of the `requests`, `failed` failed, and `bad` failed or broke a limit. `p50` and `p95` are those of the successes'
    times in seconds, by metric; empty where none succeeded.
    """

    begin: float
    end: float
    requests: int
    failed: int
    bad: int
    p50: Mapping[str, float] = field(default_factory=dict)
    p95: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Episode:
    """A time in which requests were slow or failed: from second `begin` of the schedule on, for `seconds`.

    `worst` is the largest mean time in it (s), or the largest share of failures. `held_up`: the load generator sent
    requests late then, or shortly before.
    """

    begin: float
    seconds: float
    worst: float
    held_up: bool = False


@dataclass(frozen=True, slots=True)
class FirstRequest:
    """The first request after a pause: when it was due, and its time in seconds; None where it failed."""

    due: float
    seconds: float | None


@dataclass(frozen=True, slots=True)
class SoakRecord:
    """What a soak measured over time. All times are in seconds from the start of the schedule.

    `windows` are equal parts of the time in which requests were sent, `idle_times` the pauses between. `stalls` are
    times in which requests were slow, `bursts` those in which they failed, both seen in bins of `bin_seconds`; `first`
    are the first requests after the pauses. `gauges` are what the service's own page of metrics said, as pairs of time
    and value. `lost` requests were in flight when the load was killed, before it was resumed.
    """

    windows: tuple[Window, ...] = ()
    idle_times: tuple[tuple[float, float], ...] = ()
    bin_seconds: float = 0.0
    stalls: tuple[Episode, ...] = ()
    bursts: tuple[Episode, ...] = ()
    first: tuple[FirstRequest, ...] = ()
    gauges: Mapping[str, tuple[tuple[float, float], ...]] = field(default_factory=dict)
    lost: int = 0
