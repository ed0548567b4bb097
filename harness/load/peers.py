"""What other load tools call the same figures, and what they would state of the same answers.

Tested in tests/load/test_peers.py.
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.core.metric import INTER_TOKEN, LATENCY, SERVICE, TPOT, TTFT
from harness.core.report import Figure
from harness.load.figures import make_time_figure
from harness.stats.histogram import Histogram

SENT_TTFT, WHOLE_TPOT = "sent_ttft", "whole_tpot"
"""Times that only other tools state: TTFT from the send, and the seconds from the send to the last chunk by tokens."""

_VLLM, _AIPERF, _GUIDELLM, _MLPERF = "vllm bench serve", "AIPerf", "GuideLLM", "MLPerf LoadGen"
_PEERS = (
    (_VLLM, "TTFT", SENT_TTFT, "from the send; there an empty first chunk counts too"),
    (_VLLM, "TPOT", TPOT.name, ""),
    (_VLLM, "ITL", INTER_TOKEN.name, ""),
    (_VLLM, "E2EL", SERVICE.name, "there to the last chunk"),
    (_AIPERF, "time to first token", SENT_TTFT, "from the send"),
    (_AIPERF, "inter token latency", TPOT.name, "there without the tokens of the first chunk, where they are known"),
    (_AIPERF, "inter chunk latency", INTER_TOKEN.name, ""),
    (_AIPERF, "request latency", SERVICE.name, "there to the last content"),
    (_GUIDELLM, "time to first token", SENT_TTFT, "from the send"),
    (_GUIDELLM, "inter token latency", TPOT.name, "there each answer weighs as many times as it has tokens"),
    (_GUIDELLM, "time per output token", WHOLE_TPOT, "from the send to the last chunk, divided by all tokens"),
    (_GUIDELLM, "request latency", SERVICE.name, ""),
    (_MLPERF, "TTFT", TTFT.name, "from the moment when the request was due"),
    (_MLPERF, "TPOT", TPOT.name, ""),
    (_MLPERF, "sample latency", LATENCY.name, "from the moment when the request was due"),
)
"""Tool, its name of a figure, ours, and how its definition differs from ours, or ours from what the name suggests."""


def list_peer_figures(samples: Mapping[str, Histogram]) -> tuple[Figure, ...]:
    """The percentiles of these histograms under the names of other tools."""
    return tuple(
        make_time_figure(metric, f"{tool}: {name}", note, samples[metric])
        for tool, name, metric, note in _PEERS
        if samples[metric].n
    )
