"""The figures of other tools, of answers whose times are known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.core.report import Figure
from tests.load.test_figures import ASKED, make_success, measure


def list_by_title(figures: tuple[Figure, ...]) -> dict[str, float | None]:
    return {figure.title: figure.p50 for figure in figures}


def test_each_tool_states_its_own_definition() -> None:
    """Sent 10 ms after it was due, chunks after 0.2, 0.3 and 0.7 s with 30 tokens."""
    p50 = list_by_title(measure([make_success(k / 10, 0.2, 0.3, 0.7) for k in range(120)]).peer_figures)
    per_token = pytest.approx(0.5 / 29, rel=0.01)
    for tool in ("vllm bench serve: TPOT", "AIPerf: inter token latency", "GuideLLM: inter token latency"):
        assert p50[tool] == per_token, tool
    assert p50["vllm bench serve: TTFT"] == p50["GuideLLM: time to first token"] == pytest.approx(0.19, rel=0.01)
    assert p50["MLPerf LoadGen: TTFT"] == pytest.approx(0.2, rel=0.01)
    assert p50["vllm bench serve: ITL"] == p50["AIPerf: inter chunk latency"] == pytest.approx(0.1, rel=0.01)
    assert p50["vllm bench serve: E2EL"] == pytest.approx(0.69, rel=0.01)
    assert p50["GuideLLM: time per output token"] == pytest.approx(0.69 / 30, rel=0.01)
    assert p50["MLPerf LoadGen: sample latency"] == pytest.approx(0.7, rel=0.01)


def test_answers_that_are_no_streams_have_no_times_of_tokens() -> None:
    whole = replace(ASKED, stream=False)
    exchanges = [replace(make_success(k / 10, 0.2), request=whole) for k in range(120)]
    assert {figure.metric for figure in measure(exchanges).peer_figures} == {"service", "latency"}
