"""What one load was asked to be: its rate, its arrivals, its requests.

Tested in tests/config/test_resolve.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from harness.core.arrival_settings import CLOSED, REPLAY, SESSIONS, SOAK, STEADY, ArrivalSettings
from harness.core.bounds import MOST_REQUESTS, OverZero
from harness.core.errors import UsageError
from harness.core.registry import describe_unknown, list_plugins
from harness.core.sweep import SWEEP_SCENARIO
from harness.core.url_parsing import parse_url
from harness.core.workload import OF_SESSIONS, MixPart, Spread, WorkloadSettings

_MOST_PROCESSES, _MOST_CONCURRENCY = 64, 100_000
"""Processes of one load, and requests in flight, above which a typing error is more likely than a wish."""


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
