"""What a sweep shows, in three sentences, and the verdict on the target rate. Pure.

Tested in tests/load/test_sweep.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from harness.core.load import describe_time
from harness.core.sweep import ProbeRecord, SweepResult
from harness.core.verdict import Status, Verdict, make_error, make_inconclusive

_MOSTLY_FAILED = 0.5
"""The part of the requests over the limit that failed, from which on errors limit the capacity."""


def describe_sweep(
    result: SweepResult, objectives: Sequence[str], price: float = 0.0, token_price: float = 0.0
) -> tuple[str, ...]:
    """Three sentences: the interval, what limits it, and what the target rate needs.

    `price` is that of a replica for an hour, `token_price` that of a million generated tokens; 0: not known.
    """
    return (
        f"Capacity for {' and '.join(objectives)}: {_describe_ends(result)} at {result.confidence * 100:g} %.",
        _describe_limit(result),
        _describe_need(result, price, token_price),
    )


def judge_target(result: SweepResult) -> Verdict:
    """Whether the capacity is at least the target rate."""
    if result.problem:
        return make_error(result.problem)
    n, target = len(result.probes), f"the target of {result.target:g} requests/s"
    if result.gone:
        return Verdict(Status.FAIL, f"the endpoint disappeared during the sweep: {result.gone}", n=n)
    notes = result.sentences
    if result.low >= result.target:
        reason = f"{target} is within the capacity: {_describe_ends(result)}"
        return Verdict(Status.PASS, reason, n=n, method="capacity search", notes=notes)
    if result.high is not None and result.high <= result.target:
        reason = f"{target} is over the capacity: {_describe_ends(result)}"
        return Verdict(Status.FAIL, reason, n=n, method="capacity search", notes=notes)
    reason = f"{target} is neither within nor over the capacity: {_describe_ends(result)}; give a longer duration"
    return make_inconclusive(reason, n=n, method="capacity search", notes=notes)


def _describe_ends(result: SweepResult) -> str:
    low = f"at least {result.low:.4g}" if result.low else "no lower end (no rate passed)"
    high = "no upper end (no rate failed)" if result.high is None else f"less than {result.high:.4g} requests/s"
    return f"{low}, {high}"


def _describe_limit(result: SweepResult) -> str:
    """What limited the capacity, from the lowest failed probe (else the highest one), against the highest passed."""
    if not result.probes:
        return "What limits it is not known: no load has ended."
    failed = [probe for probe in result.probes if probe.outcome == "fail"]
    if not failed and result.low:
        failed = [probe for probe in result.probes if probe.outcome == "over" and probe.rate > result.low]
    bound = [probe for probe in result.probes if probe.client_bound]
    if not failed:
        if bound:
            return f"The client limited the sweep at {bound[0].rate:.4g} requests/s: {bound[0].client_bound}."
        undecided = [f"{probe.rate:.4g}" for probe in result.probes if probe.outcome == "inconclusive"]
        if undecided:
            return f"What limits it is not known: no rate failed, and {', '.join(undecided)} requests/s are undecided."
        return f"Nothing limited the service up to {max(probe.rate for probe in result.probes):.4g} requests/s."
    worst = min(failed, key=lambda probe: probe.rate)
    passed = [probe for probe in result.probes if probe.outcome in ("pass", "under") and probe.rate < worst.rate]
    best = max(passed, key=lambda probe: probe.rate, default=None)
    return f"At {worst.rate:.4g} requests/s {_name_limit(worst, best)}."


def _name_limit(worst: ProbeRecord, best: ProbeRecord | None) -> str:
    if worst.failed > _MOSTLY_FAILED * max(worst.shares.values()):
        return f"errors limited it: {worst.failed:.1%} of the requests failed"
    before = best.p50 if best else {}
    waited, decoded = (worst.p50.get(metric, 0.0) - before.get(metric, 0.0) for metric in ("ttft", "inter_token"))
    if "inter_token" in worst.p50 and "inter_token" in before:
        rest = _measure_rest(worst.p50) - _measure_rest(before)
        if rest > waited and decoded > 0:
            times = f"{describe_time(before['inter_token'])} to {describe_time(worst.p50['inter_token'])}"
            return f"decoding speed limited it: the median gap between chunks grew from {times}"
    grown = f"the median latency was {describe_time(worst.p50.get('latency', 0.0))}"
    if best:
        grown += f", {describe_time(best.p50.get('latency', 0.0))} at {best.rate:.4g} requests/s"
    return f"queueing limited it: {grown}"


def _measure_rest(times: Mapping[str, float]) -> float:
    """Seconds after the first token."""
    return times.get("latency", 0.0) - times.get("ttft", 0.0)


def _describe_need(result: SweepResult, price: float, token_price: float) -> str:
    """Replicas for the target rate: enough by the lower end, and the fewest that the upper end allows."""
    cost_of_tokens = _describe_token_cost(result, token_price)
    if not result.low:
        return f"How many replicas {result.target:g} requests/s need is not known: no rate passed{cost_of_tokens}."
    most = math.ceil(result.target / result.low - 1e-9)
    fewest = most
    if result.high is not None:
        fewest = math.floor(result.target / result.high) + 1
    count, cost = f"{most}", f", {most * price:.4g} an hour"
    if fewest < most:
        count, cost = f"{fewest} to {most}", f", {fewest * price:.4g} to {most * price:.4g} an hour"
    noun = "replica" if most == 1 else "replicas"
    needed = f"{result.target:g} requests/s need {count} {noun} like this one{cost if price else ''}"
    return f"{needed}, if their capacities add up{cost_of_tokens}."


def _describe_token_cost(result: SweepResult, price: float) -> str:
    """What the tokens of the target rate cost in an hour, as the end of a sentence."""
    measured = [probe for probe in result.probes if probe.tokens]
    if not (price and measured):
        return ""
    tokens = min(measured, key=lambda probe: probe.rate).tokens
    cost = result.target * 3600 * tokens / 1e6 * price
    return f"; at {tokens:.3g} generated tokens an answer these cost {cost:.4g} an hour"
