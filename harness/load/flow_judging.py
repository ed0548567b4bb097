"""Verdicts on how a service queues under load: fair, without blocking, without a cliff, with a bound.

Each judges what one load showed: a PASS says that it was not seen under this load, at these rates. Tested in
tests/load/test_flow.py.
"""

from __future__ import annotations

from collections.abc import Callable

from harness.core.flow import Flow, LevelCount
from harness.core.load import LONGEST_STALL, LoadResult, describe_time
from harness.core.verdict import Status, Verdict, make_inconclusive
from harness.load.flow import FIRST_SERVED
from harness.stats.beta import binomial_cdf, binomial_sf

_ALPHA = 0.001
"""The chance at which each of these checks may be wrong about a healthy service."""
_FEWEST = 40
"""Requests below which a load shows nothing of this."""
_MOST_PASSED_OVER, _FEWEST_SILENCES = 0.0005, 5
"""The share of requests that many others pass in a fair queue (with exponential service times it is e^-8, .0003); the
silences after large requests from which these block.
"""
_CLIFF, _FEWEST_ENDED, _FEWEST_SECONDS = 0.6, 10, 1.0
"""The share of the best rate that is a cliff; ends and seconds at a level below which its rate is not known."""
_FEWEST_QUEUED, _LONGEST_QUEUE, _GROWTH = 32, 3.0, 1.4
"""Requests that wait, the seconds that it takes to answer them, and how many times those of half the time they are,
from which a queue counts as growing without end.
"""


def judge_fairness(result: LoadResult) -> Verdict:
    """Whether no request waits while many later ones of its size are answered."""

    def judge(flow: Flow) -> Verdict:
        reason = f"{flow.passed_over} of {flow.n} requests waited while many later ones of their size were answered"
        if binomial_sf(flow.passed_over, flow.n, _MOST_PASSED_OVER) <= _ALPHA:
            worst = f"the worst while {flow.most_passed} were"
            return _fail(result, f"the queue is unfair: {reason}, {worst}")
        return _hold(result, reason)

    return _judge(result, judge)


def judge_blocking(result: LoadResult) -> Verdict:
    """Whether no large request holds up all others."""

    def judge(flow: Flow) -> Verdict:
        if not flow.silences:
            return _hold(result, "requests that waited never saw for long that nobody was served")
        reason = (
            f"{flow.silences} times, for {describe_time(flow.silent_seconds)} on average, nobody was served although "
            f"several requests waited; {flow.after_large} of these times ended with the answer to one of the largest"
        )
        by_chance = 1 - (1 - max(flow.large, 0.05)) ** FIRST_SERVED
        chance = binomial_sf(flow.after_large, flow.silences, by_chance)
        if flow.after_large >= _FEWEST_SILENCES and chance <= _ALPHA:
            return _fail(result, f"a large request blocks all others (head of line): {reason}")
        return _hold(result, reason)

    return _judge(result, judge)


def judge_cliff(result: LoadResult) -> Verdict:
    """Whether the service answers as many per second when more are in flight.

    A cliff is one from which it does not come back: as many requests or more are in flight when the schedule ends. What
    comes back has answered as many as came, at every level.
    """

    def judge(flow: Flow) -> Verdict:
        known = [level for level in flow.levels if level.seconds >= _FEWEST_SECONDS and level.ended >= _FEWEST_ENDED]
        pairs = [(one, _pool_above(flow, low)) for one in known for low in _list_lows(flow) if low > one.high]
        for one, more in pairs:
            if more.seconds >= _FEWEST_SECONDS and _is_cliff(one, more, _ALPHA / len(pairs)):
                return _fail(result, f"throughput falls off a cliff: {_describe(more)}, and {_describe(one)}")
        if not known:
            return make_inconclusive("no number of requests in flight lasted long enough to show a rate", n=flow.n)
        return _hold(result, "; ".join(map(_describe, known)))

    return _judge(result, judge)


def _list_lows(flow: Flow) -> list[int]:
    """Where the levels begin up to that of the schedule's end."""
    return [level.low for level in flow.levels if level.low <= flow.at_end]


def _pool_above(flow: Flow, low: int) -> LevelCount:
    """The levels from `low` on as one."""
    levels = [level for level in flow.levels if level.low >= low]
    seconds, ended = sum(level.seconds for level in levels), sum(level.ended for level in levels)
    return LevelCount(low, levels[-1].high, seconds, ended)


def _is_cliff(one: LevelCount, more: LevelCount, alpha: float) -> bool:
    """Whether the rate with more in flight is under `_CLIFF` of that with fewer: of all ends the share that belongs to
    it is then binomial, given their sum.
    """
    share = _CLIFF * more.seconds / (_CLIFF * more.seconds + one.seconds)
    return binomial_cdf(more.ended, more.ended + one.ended, share) <= alpha


def _describe(level: LevelCount) -> str:
    flight = f"{level.low}" if level.low == level.high else f"{level.low} to {level.high}"
    return f"{level.ended / level.seconds:.3g} answers/s with {flight} in flight"


def judge_bound(result: LoadResult) -> Verdict:
    """Whether overload is refused, and not queued without end."""

    def judge(flow: Flow) -> Verdict:
        wait = flow.at_end / max(flow.answers_per_second, 1e-9)
        reason = f"at the end of the schedule {flow.at_end} requests waited, {flow.halfway} halfway"
        if flow.refused:
            return _hold(result, f"{flow.refused} requests were refused with 429 or 503; {reason}")
        is_growing = flow.at_end >= _GROWTH * flow.halfway
        if flow.at_end >= _FEWEST_QUEUED and wait >= _LONGEST_QUEUE and is_growing:
            queue = f"the queue grows without a bound: {reason}, which takes {wait:.3g} s to answer"
            return _fail(result, f"{queue}, and none was refused (429 or 503)")
        return _hold(result, reason)

    return _judge(result, judge)


def _judge(result: LoadResult, judge: Callable[[Flow], Verdict]) -> Verdict:
    """What the flow shows, where it is that of a whole load."""
    flow = result.flow
    if result.problem is not None or not result.finished:
        return make_inconclusive("the load did not end", n=result.completed)
    if flow is None:
        return make_inconclusive(
            "several load processes, or the parts of a soak that went on, do not each see all answers", n=0
        )
    if flow.n < _FEWEST:
        return make_inconclusive(f"fewer than {_FEWEST} requests were answered", n=flow.n)
    verdict = judge(flow)
    # Arrivals that the load generator was late with by itself come all at once: the queue is of its making.
    is_own_burst = bool(result.client_bound) and (not result.waited or result.stall > LONGEST_STALL)
    if (result.is_starved or is_own_burst) and verdict.status is Status.FAIL:
        return make_inconclusive(f"{result.client_bound[0]}; {verdict.reason}", n=flow.n)
    return verdict


def _fail(result: LoadResult, reason: str) -> Verdict:
    return Verdict(Status.FAIL, reason, n=result.completed, method="order and times of the answers")


def _hold(result: LoadResult, reason: str) -> Verdict:
    return Verdict(Status.PASS, reason, n=result.completed, method="order and times of the answers")
