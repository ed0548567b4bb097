"""What can be set of a load when `locust -f` is run by hand, in one group of options; and the job of a gate."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable
from typing import Any, NoReturn

import msgspec

from harness.config.value_forms import describe_wrong_number
from harness.core.arrival_settings import LOOPS, SHAPES
from harness.core.gate import Exit
from harness.core.load import Job
from harness.core.load_settings import LoadSettings
from harness.core.settings import DEFAULT_SEED
from harness.load.locust_process import JOB_VARIABLE

_ARGPARSE_USAGE = 2

_NUMBERS_OF_SHAPES = {
    "from_rate": "requests/s from which a ramp goes to the rate",
    "peak": "requests/s of a spike or a stress",
    "peak_at": "second at which it begins",
    "peak_for": "seconds that it lasts",
    "recovery": "seconds after the peak of a stress that are not judged",
    "burstiness": "shape of gamma gaps: under 1 requests come in bursts",
    "speed": "a replay divides its times by it",
    "pauses": "how often a soak sends nothing for a while",
    "pause": "seconds that each pause of a soak lasts",
    "session_turns": "turns of each session of a load of sessions",
    "think": "seconds from an answer to the next request, of sessions and of a closed loop",
    "scale": "share of its published size that an agent's session has",
}
_NUMBERS = {
    "rate": "requests/s, whatever the service does",
    "duration": "seconds of the schedule, or 30m, 8h, 2d",
    "warm_up": "first seconds that are sent and not judged",
}
_NUMBERS_OF_TURNS = {
    "turn": "seconds of one turn of an endpoint and its baseline",
    "margin": "by which share it may be worse than the baseline, such as 0.1",
}
NUMBERS = (*_NUMBERS, *_NUMBERS_OF_SHAPES, *_NUMBERS_OF_TURNS)
"""The options that are numbers, by the names of their settings."""

_TIMES = ("duration", "warm_up", "peak_at", "peak_for", "recovery", "pause", "think")
"""Those of them that are seconds, and can be written as 90, 90s, 30m or 1h30m."""
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhd])")


def _make_number_reader(name: str) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            return parse_option(name, text)
        except ValueError as problem:
            message = str(problem)
            if name not in _TIMES:
                message = describe_wrong_number(text, name, float, f"--{name.replace('_', '-')} ")
            raise argparse.ArgumentTypeError(message) from None

    return parse


def _end_as_gate(parser: argparse.ArgumentParser) -> None:
    """Let wrong usage end with the gate's exit status, and not with argparse's, which is that of an interrupted run."""
    end = parser.exit

    def end_as_gate(status: int = 0, message: str | None = None) -> NoReturn:
        end(int(Exit.USAGE) if status == _ARGPARSE_USAGE else status, message)

    parser.exit = end_as_gate  # type: ignore[method-assign]
    if parser.prog == "__main__.py":
        parser.prog = "aiharness load"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the group `aiharness`. `-u` is the most requests in flight at once: each user is a slot for one."""
    group = parser.add_argument_group("aiharness (open loop: -u bounds the requests in flight)")
    _end_as_gate(parser)
    for name, text in _NUMBERS.items():
        group.add_argument(f"--{name.replace('_', '-')}", type=_make_number_reader(name), help=text)
    group.add_argument("--arrivals", choices=LOOPS, help="equal gaps, a Poisson process, gamma gaps; or a closed loop")
    group.add_argument("--workload", help="what is sent: a name of aiharness list workloads")
    group.add_argument("--shape", choices=tuple(SHAPES), help="how the rate changes; a scenario's own one wins")
    group.add_argument("--steps", help="rates that last equally long, such as 5,10,20")
    group.add_argument("--dataset", help="a file of prompts, or of a trace with times")
    for name, text in (_NUMBERS_OF_SHAPES | _NUMBERS_OF_TURNS).items():
        group.add_argument(f"--{name.replace('_', '-')}", type=_make_number_reader(name), help=text)
    group.add_argument("--baseline", help="a second URL, which takes turns with this one, or a saved run")
    group.add_argument("--model", help="the model to ask")
    group.add_argument("--protocol", help="protocol of the service; detected when it is not given")
    group.add_argument("--seed", type=int, default=DEFAULT_SEED, help="seed of the schedule")
    group.add_argument("--run-dir", help="folder of the run's result; default .aiharness/runs/TIME")
    group.add_argument("--objective", action="append", default=[], help='of a sweep, like "latency p95 <= 800ms"')
    group.add_argument("--metrics", help="path or URL of the service's own page of metrics, which a soak reads")
    group.add_argument("--prometheus", type=int, metavar="PORT", help="show figures to Prometheus on 127.0.0.1:PORT")
    group.add_argument("--resume", metavar="RUN", help="go on with the soak in this run directory")
    group.add_argument("--stream", action="store_true", help="ask for streamed answers: TTFT and gaps between chunks")
    parser.set_defaults(num_users=LoadSettings().concurrency, spawn_rate=100.0)


def parse_option(name: str, value: Any) -> float:
    """The value of one of `NUMBERS`; a time may have units, as 8h. Raises `ValueError` that says what is valid."""
    text = str(value).strip()
    parts = _PART.findall(text)
    if name in _TIMES and parts and "".join(map("".join, parts)) == text:
        return sum(float(number) * _SECONDS[unit] for number, unit in parts)
    try:
        return float(text)
    except ValueError:
        if name not in _TIMES:
            raise
        raise ValueError(f"{text!r} is not a valid time: give seconds, or 90s, 30m, 1h30m, 2d") from None


def is_gate_child() -> bool:
    """Whether a gate has started this process."""
    return JOB_VARIABLE in os.environ


def read_job() -> Job | None:
    """The job that the gate has handed over, or None where locust was started by hand."""
    if not is_gate_child():
        return None
    number = int(os.environ[JOB_VARIABLE].partition(":")[0])
    return msgspec.json.decode(os.pread(number, os.fstat(number).st_size, 0), type=Job)


def get_gate_pid() -> int:
    """The process id of the gate."""
    return int(os.environ[JOB_VARIABLE].partition(":")[2])
