"""Streams of latencies with a known share over a limit, independent and not: what the verdicts' error rates hold for.

Every stream is made for many runs at once, in the order of the requests, from their due times.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Random = np.random.Generator

_WARM_UP = 1500
"""Customers after which the simulated queue is taken as steady."""


@dataclass(frozen=True, slots=True)
class Stream:
    """A kind of service. `draw` makes latencies of which a share p is over `find_limit(p)`, shape (runs, n).

    It gets the random generator, p, and the due times in seconds, shape (runs, n). `every` is the mean number of
    seconds (`in_requests`: of requests) from one disturbance to the next at a share p; None where there is none.
    """

    name: str
    draw: Callable[[Random, float, Values], Values]
    find_limit: Callable[[float], float] = lambda p: 0.5
    every: Callable[[float], float] | None = None
    in_requests: bool = False

    def count_disturbances(self, p: float, n: int, seconds: float) -> float:
        """How many disturbances are expected in a run; infinite for a stream without."""
        length = n if self.in_requests else seconds
        return math.inf if self.every is None else length / self.every(p)


def draw_due_times(random: Random, runs: int, n: int, seconds: float) -> Values:
    """Poisson arrivals, given their number, shape (runs, n)."""
    return np.sort(random.random((runs, n)) * seconds, axis=1)


def draw_autoregressive(random: Random, phi: float, times: Values) -> Values:
    """AR(1) with standard normal margins in the order of the requests."""
    noise = random.standard_normal(times.T.shape) * math.sqrt(1 - phi * phi)
    noise[0] /= math.sqrt(1 - phi * phi)
    for i in range(1, len(noise)):
        noise[i] += phi * noise[i - 1]
    return noise.T


def draw_queue(random: Random, load: float, times: Values) -> Values:
    """Sojourn times of an M/M/1 queue in units of the mean service, by Lindley's recursion."""
    shape = (len(times), times.shape[1] + _WARM_UP)
    service, gaps = random.exponential(1, shape), random.exponential(1 / load, shape)
    steps = np.zeros(shape)
    steps[:, 1:] = service[:, :-1] - gaps[:, 1:]
    walk = steps.cumsum(axis=1)
    return (walk - np.minimum.accumulate(walk, axis=1) + service)[:, _WARM_UP:]


def _slow_down(random: Random, is_slow: NDArray[np.bool_]) -> Values:
    """20 ms in the mean, and 1 s more where it is slow."""
    return np.minimum(random.exponential(0.02, is_slow.shape), 0.4) + is_slow


def _draw_independent(random: Random, p: float, times: Values) -> Values:
    return _slow_down(random, random.random(times.shape) < p)


def _draw_drift(random: Random, p: float, times: Values) -> Values:
    """From nothing to twice the share."""
    return _slow_down(random, random.random(times.shape) < 2 * p * times / times.max())


def _make_autoregressive(phi: float) -> Stream:
    def draw(random: Random, p: float, times: Values) -> Values:
        return draw_autoregressive(random, phi, times)

    return Stream(f"AR {phi:g}", draw, lambda p: NormalDist().inv_cdf(1 - p))


def _make_queue(load: float) -> Stream:
    def draw(random: Random, p: float, times: Values) -> Values:
        return draw_queue(random, load, times)

    return Stream(f"M/M/1 queue at {load:g}", draw, lambda p: -math.log(p) / (1 - load))


def _make_pauses(period: float) -> Stream:
    """Every `period` seconds everything is slow for a share p of them, from a random phase on."""

    def draw(random: Random, p: float, times: Values) -> Values:
        phases = random.random((len(times), 1)) * period
        return _slow_down(random, (times + phases) % period < p * period)

    return Stream(f"pause every {period:g} s", draw, every=lambda p: period)


def _make_stalls(period: float) -> Stream:
    """Stalls of one length begin by a Poisson process, once in `period` seconds."""

    def draw(random: Random, p: float, times: Values) -> Values:
        length, seconds = -math.log1p(-p) * period, float(times.max())
        is_slow = np.zeros(times.shape, bool)
        for run, due in enumerate(times):
            starts = np.sort(random.uniform(-length, seconds, random.poisson((seconds + length) / period)))
            is_slow[run] = np.searchsorted(starts, due) > np.searchsorted(starts + length, due)
        return _slow_down(random, is_slow)

    return Stream(f"stall about every {period:g} s", draw, every=lambda p: period)


def _make_bursts(size: int) -> Stream:
    """Bursts of so many slow requests, beginning at random."""

    def draw(random: Random, p: float, times: Values) -> Values:
        runs, n = times.shape
        starts = (random.random((runs, n + size)) < 1 - (1 - p) ** (1 / size)).cumsum(axis=1)
        return _slow_down(random, starts[:, size:] > starts[:, :-size])

    return Stream(f"bursts of {size} requests", draw, every=lambda p: size / p, in_requests=True)


def _make_phases(mean: float, unit: str) -> Stream:
    """A two-state Markov process: slow phases of `mean` seconds or requests in the mean."""
    in_requests = unit == "requests"

    def draw(random: Random, p: float, times: Values) -> Values:
        places = np.broadcast_to(np.arange(times.shape[1], dtype=float), times.shape) if in_requests else times
        cycle = mean / p
        begins_slow = random.random(len(times)) < p
        cycles = 20 + int(2 * places.max() / cycle + 8 * math.sqrt(places.max() / cycle))
        lengths = random.exponential(1, (len(times), cycles, 2))
        lengths *= np.where(begins_slow[:, None], (mean, cycle - mean), (cycle - mean, mean))[:, None, :]
        ends = lengths.reshape(len(times), -1).cumsum(axis=1)
        is_slow = np.zeros(times.shape, bool)
        for run, due in enumerate(places):
            is_slow[run] = (np.searchsorted(ends[run], due) % 2 == 0) == begins_slow[run]
        return _slow_down(random, is_slow)

    return Stream(f"on/off, {mean:g} {unit} on", draw, every=lambda p: mean / p, in_requests=in_requests)


def _make_request_pauses(period: int) -> Stream:
    """Of every `period` requests a share p in a row is slow, from a random phase on."""

    def draw(random: Random, p: float, times: Values) -> Values:
        phases = random.random((len(times), 1)) * period
        return _slow_down(random, (np.arange(times.shape[1]) + phases) % period < p * period)

    return Stream(f"pause every {period} requests", draw, every=lambda p: period, in_requests=True)


INDEPENDENT = Stream("independent", _draw_independent)

STREAMS = (
    INDEPENDENT,
    Stream("Pareto 1.1, independent", lambda random, p, times: random.pareto(1.1, times.shape) + 1,
           lambda p: p ** (-1 / 1.1)),
    *(_make_autoregressive(phi) for phi in (0.5, 0.8, 0.95, 0.99)),
    _make_queue(0.8),
    *(_make_pauses(period) for period in (1, 5, 20)),
    *(_make_stalls(period) for period in (10, 60)),
    *(_make_bursts(size) for size in (5, 20)),
    *(_make_phases(*phase) for phase in ((1, "s"), (5, "s"), (5, "requests"), (20, "requests"))),
    *(_make_request_pauses(period) for period in (100, 1000)),
    Stream("linear drift", _draw_drift),
)  # fmt: skip
"""The streams of the audit: independent ones, memory, queues, pauses, stalls, bursts, phases, drift."""


def get_stream(name: str) -> Stream:
    """The stream of this name. Raises `StopIteration` for another."""
    return next(stream for stream in STREAMS if stream.name == name)
