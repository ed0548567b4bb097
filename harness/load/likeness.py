"""Whether the answers of a load are those that were asked for: else its times are compared with nothing alike.

Tested in tests/load/test_likeness.py.
"""

from __future__ import annotations

from harness.core.load import LoadResult
from harness.core.metric import GOODPUT, INTER_TOKEN, TPOT, TTFOT, TTFT
from harness.core.objective import Objective
from harness.core.verdict import Status
from harness.core.workload import Material
from harness.load.counts import WorkerCounts

FEWEST_DISTINCT = 0.5
"""The share of distinct requests below which a latency may be that of a cache."""

_FEWEST_READS, _LEAST_LENGTH = 0.5, 0.9
"""Chunks per stated token, and tokens per asked one, below which a stream was held back and answers are short."""

_FEWEST_CUT = 0.2
"""If under this share of answers reach their limit under load, all 3 answers before it did so by chance in under 1 %
of cases (0.2^3): the load has changed them.
"""

_ADVICE = "Shorter answers are quicker: have all be as long as asked (ignore_eos), or limit them in [endpoint.options]"
_WITHIN_STREAM = (TTFT.name, TTFOT.name, INTER_TOKEN.name)


def find_bursts(counts: WorkerCounts) -> str:
    """What shows that streams were held back and flushed; empty where nothing does."""
    if not counts.stated_tokens or counts.reads >= _FEWEST_READS * counts.stated_tokens:
        return ""
    return f"{counts.stated_tokens} tokens came in {counts.reads} chunks: the stream was held back and flushed"


def find_shortfall(counts: WorkerCounts, material: Material | None = None) -> str:
    """What shows that answers were shorter than asked, or than without load; empty where nothing does."""
    cut = counts.cut / max(1, counts.endings)
    if counts.asked_tokens and counts.given_tokens < _LEAST_LENGTH * counts.asked_tokens:
        share = counts.given_tokens / counts.asked_tokens
        return (
            f"answers had {share:.0%} of the tokens that output_tokens asked for, and 90 % are wanted; {cut:.0%} of "
            "them were cut by their limit"
        )
    if material is not None and material.reaches_limit and counts.endings and cut < _FEWEST_CUT:
        return f"without load every answer reached its limit of tokens, and under load {cut:.0%} did: they end early"
    return ""


def find_unlikeness(result: LoadResult, objective: Objective, status: Status) -> str:
    """Why an objective with a verdict of this status says nothing of the service; empty where it does.

    A time that is too long for repeats or for short answers is too long for others, too: that stays a FAIL.
    """
    metric = objective.metric
    if metric == "error_rate":
        return ""
    if result.others:
        return f"{result.others}; times beside other requests than these are no measure of it"
    has_stream_limits = any(result.blocks[name].over for name in _WITHIN_STREAM if name in result.blocks)
    if result.bursts and (metric in _WITHIN_STREAM or (metric == GOODPUT.name and has_stream_limits)):
        return f"{result.bursts}; how long its text took is not known"
    return _find_unlike_pass(result, metric) if status is Status.PASS else ""


def _find_unlike_pass(result: LoadResult, metric: str) -> str:
    """Why a limit that these answers keep may not be kept by those that were asked for."""
    if result.cache and result.distinct < FEWEST_DISTINCT:
        return f"a cache answers repeats: {result.cache}; {result.distinct:.0%} of the requests were distinct"
    if result.shortfall:
        return f"{result.shortfall}. {_ADVICE}"
    if metric == TPOT.name and result.in_chunks:
        return f"{result.in_chunks} answers state no tokens (usage): their time per token is not known"
    if metric == GOODPUT.name and not _has_limits(result):
        return "no objective on a time sets a limit that goodput could be measured by"
    return ""


def _has_limits(result: LoadResult) -> bool:
    return any(counts.over for name, counts in result.blocks.items() if name in result.histograms)
