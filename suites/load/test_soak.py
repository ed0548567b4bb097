"""What changes over the time of a soak: times, failures, memory, connections; what comes periodically or after a pause.

Tested in tests/load/test_soak_judging.py and tests/load/test_soak_runs.py.
"""

from __future__ import annotations

from harness.load.run_load import LOAD
from harness.load.soak_judging import judge_cold_start, judge_gauges, judge_period, judge_shares, judge_times
from harness.run.measurements import Measurements
from harness.suite import Verdict, check


@check("times do not rise over the soak", grounds=("load", "soak"), measures=(LOAD,))
def test_times(ai_measure: Measurements) -> Verdict:
    return judge_times(ai_measure(LOAD))


@check("failures do not become more over the soak", grounds=("load", "soak"), measures=(LOAD,))
def test_failures(ai_measure: Measurements) -> Verdict:
    return judge_shares(ai_measure(LOAD), "the share of failures", lambda window: window.failed)


@check("goodput does not fall over the soak", grounds=("load", "soak"), measures=(LOAD,))
def test_goodput(ai_measure: Measurements) -> Verdict:
    return judge_shares(ai_measure(LOAD), "the share of bad answers", lambda window: window.bad)


@check("no stalls come periodically", grounds=("load", "soak"), measures=(LOAD,))
def test_stalls(ai_measure: Measurements) -> Verdict:
    return judge_period(ai_measure(LOAD), "stalls", lambda soak: soak.stalls)


@check("no failures come periodically", grounds=("load", "soak"), measures=(LOAD,))
def test_bursts(ai_measure: Measurements) -> Verdict:
    return judge_period(ai_measure(LOAD), "bursts of failures", lambda soak: soak.bursts)


@check("memory does not leak", needs=("memory_gauges",), grounds=("load", "soak"), measures=(LOAD,))
def test_memory(ai_measure: Measurements) -> Verdict:
    return judge_gauges(ai_measure(LOAD), "memory", "memory")


@check("connections are given back", needs=("connection_gauges",), grounds=("load", "soak"), measures=(LOAD,))
def test_connections(ai_measure: Measurements) -> Verdict:
    return judge_gauges(ai_measure(LOAD), "connections", "connections and requests in flight")


@check("the first requests after a pause are as fast as the others", grounds=("load", "soak"), measures=(LOAD,))
def test_cold_start(ai_measure: Measurements) -> Verdict:
    return judge_cold_start(ai_measure(LOAD))
