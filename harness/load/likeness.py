"""Whether the answers of a load are those that were asked for: else its times are compared with nothing alike.

Tested in tests/load/test_likeness.py.
"""

from __future__ import annotations

from harness.core.load import LoadResult
from harness.core.metric import GOODPUT, INTER_TOKEN, TPOT, TTFOT, TTFT
from harness.core.objective import Objective
from harness.core.verdict import Status
from harness.load.counts import WorkerCounts

FEWEST_DISTINCT = 0.5
"""The share of distinct requests below which a latency may be that of a cache."""

_FEWEST_READS, _LEAST_LENGTH = 0.5, 0.9
"""Chunks per stated token, and tokens per asked one, below which a stream was held back and answers are short."""

_WITHIN_STREAM = (TTFT.name, TTFOT.name, INTER_TOKEN.name)


def find_bursts(counts: WorkerCounts) -> str:
    """What shows that streams were held back and flushed; empty where nothing does."""
    if not counts.stated_tokens or counts.reads >= _FEWEST_READS * counts.stated_tokens:
        return ""
    return f"{counts.stated_tokens} tokens came in {counts.reads} chunks: the stream was held back and flushed"


def find_shortfall(counts: WorkerCounts) -> str:
    """What shows that answers were shorter than asked; empty where nothing does, or no length was asked."""
    if not counts.asked_tokens or counts.given_tokens >= _LEAST_LENGTH * counts.asked_tokens:
        return ""
    share = counts.given_tokens / counts.asked_tokens
    return f"answers had {share:.0%} of the tokens that output_tokens asked for, and 90 % are wanted"


def find_unlikeness(result: LoadResult, objective: Objective, status: Status) -> str:
    """Why an objective with a verdict of this status says nothing of the service; empty where it does.

    A time that is too long for repeats or for short answers is too long for others, too: that stays a FAIL.
    """
    metric = objective.metric
    if metric == "error_rate":
        return ""
    has_stream_limits = any(result.blocks[name].over for name in _WITHIN_STREAM if name in result.blocks)
    if result.bursts and (metric in _WITHIN_STREAM or (metric == GOODPUT.name and has_stream_limits)):
        return f"{result.bursts}; how long its text took is not known"
    if status is not Status.PASS:
        return ""
    if result.cache and result.distinct < FEWEST_DISTINCT:
        return f"a cache answers repeats: {result.cache}; {result.distinct:.0%} of the requests were distinct"
    if result.shortfall:
        return f"{result.shortfall}: make the service go on (ignore_eos), or give a limit as [endpoint.options]"
    if metric == TPOT.name and result.in_chunks:
        return f"{result.in_chunks} answers state no tokens (usage): their time per token is not known"
    if metric == GOODPUT.name and not _has_limits(result):
        return "no objective on a time sets a limit that goodput could be measured by"
    return ""


def _has_limits(result: LoadResult) -> bool:
    return any(counts.over for name, counts in result.blocks.items() if name in result.histograms)
