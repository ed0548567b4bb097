"""When requests of a load are due: the keys of `[load]` about it, and the shapes that the rate can have.

Plain data that can be written as JSON. Tested in tests/core/test_arrival_settings.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from harness.core.bounds import MOST_REQUESTS, MOST_SOAKED, OverZero
from harness.core.errors import UsageError
from harness.core.pacing import ARRIVALS, Pacer
from harness.core.rate_curve import Piece, RateCurve, make_steady_curve
from harness.core.registry import describe_unknown

_SHORTEST = 0.001
STEADY, STRESS, REPLAY, SOAK = "steady", "stress", "replay", "soak"
CLOSED, SESSIONS = "closed", "sessions"
"""The loops of a load that are not open throughout: no request is due by a schedule, or only the first of a session."""
LOOPS = (*ARRIVALS, CLOSED)
"""What `arrivals` may be."""
_PAUSE_SHARE, _LONGEST_PAUSE = 0.05, 300.0
"""The share of a soak that each of its pauses takes, and the most seconds, where nothing else is given."""
_MOST_PAUSES = 20
_SMALLEST_BURSTINESS, _LARGEST_BURSTINESS = 0.01, 1000.0


@dataclass(frozen=True)
class ArrivalSettings:
    """When the requests of an open-loop load are due: how the rate changes, and by which process they come.

    `rate` requests/s for `duration` seconds, of which the first `warm_up` are not judged. `shape` is how the rate
    changes (empty: that of the scenario's name, else steady): a `ramp` goes from `from_rate` to `rate`, `steps` are
    rates that last equally long, `spike` and `stress` have the base `rate` and for `peak_for` seconds from `peak_at` on
    the rate `peak`; a stress is judged from `recovery` seconds after its peak on. `replay` sends at `times`, those of
    the trace `dataset` divided by `speed`. A `soak` has the one `rate` with `pauses` in which nothing is sent, at equal
    distances, each of `pause` seconds. `burstiness` is the shape of gamma gaps.
    """

    scenario: str = STEADY
    rate: OverZero[float] = 10.0
    duration: OverZero[float] = 30.0
    warm_up: float = 3.0
    arrivals: str = "poisson"
    burstiness: OverZero[float] = 1.0
    shape: str = ""
    from_rate: float | None = None
    steps: list[float] = field(default_factory=list)
    peak: OverZero[float] | None = None
    peak_at: float | None = None
    peak_for: OverZero[float] | None = None
    recovery: float | None = None
    speed: OverZero[float] = 1.0
    pauses: int = 3
    pause: OverZero[float] | None = None
    times: list[float] = field(default_factory=list)

    @property
    def shape_name(self) -> str:
        """How the rate changes: as `shape` says, else as the scenario's name does, else not at all."""
        return self.shape or (self.scenario if self.scenario in SHAPES else STEADY)

    @property
    def curve(self) -> RateCurve:
        """The rate over time. Of a replay it is the mean."""
        return SHAPES[self.shape_name](self)

    @property
    def requests(self) -> int:
        """How many requests are intended."""
        return len(self.times) if self.shape_name == REPLAY else self.curve.count

    @property
    def mean_rate(self) -> float:
        """The mean rate in requests/s, over the whole duration."""
        return self.curve.mean_rate

    @property
    def idle_times(self) -> tuple[tuple[float, float], ...]:
        """The beginning and the end of each pause of a soak, in seconds."""
        if self.shape_name != SOAK:
            return ()
        phases, pieces = self.curve.list_phases(), self.curve.pieces
        return tuple((begin, end) for (_, begin, end), piece in zip(phases, pieces, strict=True) if not piece.rate)

    @property
    def judged_from(self) -> float:
        """The time from which on requests are judged: the end of the warm-up, or of the recovery after a stress."""
        if self.shape_name != STRESS:
            return self.warm_up
        recovery = 0.2 * self.duration if self.recovery is None else self.recovery
        return max(self.warm_up, self.peak_end + recovery)

    @property
    def peak_end(self) -> float:
        """When the peak of a spike or a stress ends."""
        begin, seconds = _place_peak(self)
        return begin + seconds

    @property
    def judged_requests(self) -> int:
        """How many requests are intended after the warm-up."""
        if self.shape_name == REPLAY:
            return sum(due >= self.warm_up for due in self.times)
        return self.requests - int(self.curve.count_until(self.judged_from))

    def make_pacer(self, seed: int) -> Pacer:
        """The schedule of this load."""
        times = self.times if self.shape_name == REPLAY else ()
        return Pacer(self.curve, self.duration, self.arrivals, seed, self.judged_from, self.burstiness, times)

    def take_trace(self, rows: Sequence[Mapping[str, Any]]) -> Self:
        """This replay at the times of its trace, from the first line on, within `duration`; it ends with the trace.

        `rows` hold a `timestamp` in milliseconds, as Mooncake publishes them. Raises `UsageError`.
        """
        stamps: list[Any] = [row.get("timestamp") for row in rows]
        if not all(type(stamp) in (int, float) and math.isfinite(stamp) for stamp in stamps):
            raise UsageError("a replay needs a timestamp in milliseconds in each line of the trace")
        if stamps != sorted(stamps):
            raise UsageError("each timestamp of the trace must be at least that of the line before; sort it")
        due = [(stamp - stamps[0]) / 1e3 / self.speed for stamp in stamps]
        times = [seconds for seconds in due if seconds < self.duration]
        ends = self.duration
        if len(times) == len(due):
            ends = min(ends, times[-1] * (1 + 1 / len(times)) + _SHORTEST)  # one more gap of the mean length
        return replace(self, times=times, duration=ends)

    def describe_rate(self) -> str:
        """The rate in words."""
        if self.shape_name == REPLAY:
            return f"{self.requests} requests at the times of a trace, on average {self.mean_rate:.3g} requests/s"
        phases = []
        for piece in self.curve.pieces:
            rates = f"{piece.rate:g}" if piece.rate == piece.end_rate else f"{piece.rate:g} to {piece.end_rate:g}"
            phases.append(f"{rates} requests/s for {piece.seconds:g} s")
        return ", then ".join(phases)

    def find_arrival_problem(self) -> tuple[str, str] | None:
        """The key that makes this schedule impossible, and why; or None."""
        if problem := _find_process_problem(self) or _find_shape_problem(self):
            return problem
        if not 0 <= self.warm_up < self.duration:
            return "warm_up", f"must be from 0 to under the duration, got {self.warm_up!r}"
        if not self.judged_from < self.duration:
            return "recovery", f"nothing is left to judge: the recovery ends at {self.judged_from:g} s, and so the load"
        most = MOST_SOAKED if self.shape_name == SOAK and self.arrivals != "gamma" else MOST_REQUESTS
        if max(self.curve.count_until(self.duration), len(self.times)) > most:
            return "rate", f"rate times duration is over {most:,} requests; give fewer"
        if not self.requests and self.shape_name != REPLAY:
            return "rate", f"{self.mean_rate:g} requests/s for {self.duration:g} s send nothing; give more of either"
        return None


def _find_process_problem(load: ArrivalSettings) -> tuple[str, str] | None:
    if load.arrivals not in LOOPS:
        return "arrivals", describe_unknown("arrivals", load.arrivals, LOOPS)
    if not _SMALLEST_BURSTINESS <= load.burstiness <= _LARGEST_BURSTINESS:
        allowed = f"{_SMALLEST_BURSTINESS:g} to {_LARGEST_BURSTINESS:g}"
        return "burstiness", f"must be from {allowed}, got {load.burstiness!r}"
    if load.shape and load.shape not in SHAPES:
        return "shape", describe_unknown("shape", load.shape, tuple(SHAPES))
    return None


def _find_shape_problem(load: ArrivalSettings) -> tuple[str, str] | None:
    if load.from_rate is not None and not 0 <= load.from_rate < float("inf"):
        return "from_rate", f"must be 0 or more, got {load.from_rate!r}"
    if any(not 0 <= rate < float("inf") for rate in load.steps) or (load.steps and not any(load.steps)):
        return "steps", f"must be rates in requests/s, 0 or more and not all 0, got {load.steps!r}"
    if load.recovery is not None and not 0 <= load.recovery < float("inf"):
        return "recovery", f"must be 0 or more seconds, got {load.recovery!r}"
    if not 0 <= load.pauses <= _MOST_PAUSES:
        return "pauses", f"must be from 0 to {_MOST_PAUSES}, got {load.pauses!r}"
    if load.shape_name == SOAK and 2 * load.pauses * _choose_pause(load) > load.duration:
        allowed = f"{load.duration / 2 / load.pauses:.3g} s, so that they take half of the duration"
        return "pause", f"each of the {load.pauses} pauses may last {allowed}, got {load.pause!r}"
    begin, seconds = _place_peak(load)
    if load.shape_name in ("spike", STRESS) and not 0 <= begin < begin + seconds < load.duration:
        return (
            "peak_at",
            f"the peak must begin and end within the {load.duration:g} s, got {begin:g} to {begin + seconds:g} s",
        )
    if load.times and not (load.times[0] >= 0 and load.times == sorted(load.times) and load.times[-1] < load.duration):
        return "times", "must be seconds in rising order from 0 to under the duration"
    return None


def _place_peak(load: ArrivalSettings) -> tuple[float, float]:
    """When the peak begins, and how long it lasts."""
    begin = 0.2 * load.duration if load.shape_name == STRESS else 0.4 * load.duration
    return load.peak_at if load.peak_at is not None else begin, load.peak_for or 0.2 * load.duration


def _make_ramp(load: ArrivalSettings) -> RateCurve:
    first = load.rate / 10 if load.from_rate is None else load.from_rate
    return RateCurve([Piece("ramp", load.duration, first, load.rate)])


def _make_steps(load: ArrivalSettings) -> RateCurve:
    rates = load.steps or [load.rate * quarter / 4 for quarter in (1, 2, 3, 4)]
    seconds = load.duration / len(rates)
    return RateCurve([Piece(f"step {i}", seconds, rate, rate) for i, rate in enumerate(rates, 1)])


def _make_spike(load: ArrivalSettings) -> RateCurve:
    begin, seconds = _place_peak(load)
    peak = load.peak or load.rate * (5 if load.shape_name == STRESS else 3)
    before = Piece("before the peak", begin, load.rate, load.rate)
    after = Piece("after the peak", load.duration - begin - seconds, load.rate, load.rate)
    return RateCurve([before, Piece("peak", seconds, peak, peak), after])


def _choose_pause(load: ArrivalSettings) -> float:
    """How long each pause of a soak is."""
    return load.pause or min(_PAUSE_SHARE * load.duration, _LONGEST_PAUSE)


def _make_soak(load: ArrivalSettings) -> RateCurve:
    """Loads of equal length with pauses between them."""
    pause, pieces = _choose_pause(load), []
    seconds = (load.duration - load.pauses * pause) / (load.pauses + 1)
    for i in range(1, load.pauses + 1):
        pieces += [Piece(f"load {i}", seconds, load.rate, load.rate), Piece(f"pause {i}", pause, 0.0, 0.0)]
    return RateCurve([*pieces, Piece(f"load {load.pauses + 1}", seconds, load.rate, load.rate)])


def _make_mean(load: ArrivalSettings) -> RateCurve:
    """The mean rate of a replay; of one whose times are not read yet, `rate`."""
    return make_steady_curve(len(load.times) / load.duration if load.times else load.rate, load.duration)


SHAPES: dict[str, Callable[[ArrivalSettings], RateCurve]] = {
    STEADY: lambda load: make_steady_curve(load.rate, load.duration),
    "ramp": _make_ramp,
    "steps": _make_steps,
    "spike": _make_spike,
    STRESS: _make_spike,
    REPLAY: _make_mean,
    SOAK: _make_soak,
}
"""Each shape of a load's rate, by its name, which is that of a scenario too."""
