"""Which of our own requests a link carries: told by their mark, or by its byte counter in slots with and without them.

Somebody else's traffic on the link does not know in which slots we send, so that it cannot imitate the effect: the
permutation test is exact for any foreign traffic. Slots begin on an absolute schedule, whatever the answers take.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from harness.chaos.query_asking import ask_together
from harness.chaos.struck import LinkUse
from harness.core.exchange import Exchange, Request
from harness.io.clock import read_monotonic, sleep_real
from harness.run.gate_run import GateRun
from harness.run.session import Session
from harness.stats.permutation import compute_rank_sum_p

if TYPE_CHECKING:
    from harness.chaos.injector import Injector

_SLOTS, _LOADS, _TOGETHER, _MARKED = 16, (4, 24), 4, 8
"""Slots of a round, half of which are loaded; the requests of a loaded one in each round, and how many at once; marked
requests that are looked for first."""

MOST_REQUESTS_OF_USE = _MARKED + 1 + _SLOTS // 2 * sum(_LOADS)
"""The requests that `find_link_use` sends at most."""

USE_ALPHA = 0.005
"""The probability with which `find_link_use` is wrong about a link that carries none of our requests."""

_LEAST_SLOTS = 0.5
"""A round decides for a link where at least 7 of 8 loaded slots carry more: then over half of all slots would, at 95 %
(0.5293, the exact binomial bound)."""

_SHORTEST, _LONGEST = 0.25, 4.0
"""Seconds of a slot at least and at most."""


def compute_seconds_of_use(rate: float) -> float:
    """The seconds that `find_link_use` takes with fast answers, at no more than `rate` requests/s."""
    return sum(_SLOTS * _choose_period(load, rate, 0.0) for load in _LOADS)


def find_link_use(
    injector: Injector, session: Session, run: GateRun, make_request: Callable[[int], Request], *, salt: str
) -> LinkUse:
    """Whether marked requests of ours come to the link; where none does, whether it carries more bytes while we send.

    A second round with a larger load follows where the first one decides nothing. `salt` makes the order of the slots
    another one. Raises `BudgetExhausted`, and as `Injector` does.
    """
    random = Random(f"{session.settings.seed}:{salt}")
    before = injector.count_marked()
    begun = read_monotonic()
    ask_together(session, run, [make_request(index) for index in range(_MARKED)])
    latency = (read_monotonic() - begun) * _TOGETHER / _MARKED
    if injector.count_marked() > before:
        return LinkUse(shown_by="marks")
    request = make_request(0)
    for load in _LOADS:
        period = _choose_period(load, session.settings.chaos.rate, latency)
        order = [True] * (_SLOTS // 2) + [False] * (_SLOTS // 2)
        random.shuffle(order)
        threads = ThreadPoolExecutor(_SLOTS // 2)
        try:
            send = partial(threads.submit, ask_together, session, run, [request] * load)
            rates = _measure_slots(injector, order, period, send)
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
        if injector.count_marked() > before:
            return LinkUse(shown_by="marks")
        if compute_rank_sum_p(rates, order) <= USE_ALPHA / len(_LOADS):
            return LinkUse(1 - (1 - _LEAST_SLOTS) ** (1 / load), "slots")
    return LinkUse()


def _measure_slots(
    injector: Injector, order: Sequence[bool], period: float, send: Callable[[], Future[list[Exchange]]]
) -> list[float]:
    """The bytes/s on the link in each slot; the loaded ones begin with `send`."""
    rates, sent = [], []
    begun, (at, carried) = read_monotonic(), _read_counter(injector)
    for number, is_loaded in enumerate(order, 1):
        if is_loaded:
            sent.append(send())
        sleep_real(max(0.0, begun + number * period - read_monotonic()))
        since, before = at, carried
        at, carried = _read_counter(injector)
        rates.append((carried - before) / (at - since))
    for future in sent:
        future.result()
    return rates


def _choose_period(load: int, rate: float, latency: float) -> float:
    return min(_LONGEST, max(_SHORTEST, load / rate, 1.5 * latency * load / _TOGETHER))


def _read_counter(injector: Injector) -> tuple[float, int]:
    """The middle of the call, in seconds, and the bytes that the link has carried by then."""
    begun = read_monotonic()
    carried = injector.count_carried_bytes()
    return (begun + read_monotonic()) / 2, carried
