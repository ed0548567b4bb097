"""Exchanges: times from the intended send, headers, and what an answer cost."""

from __future__ import annotations

from harness.core.exchange import Answer, Exchange, Query, Request, Response, Timing, Usage


def test_timing_counts_from_the_intended_send() -> None:
    timing = Timing(1.0, sent=1.5, first_byte=1.6, tokens=(2.0, 2.5, 2.75), done=3.0)
    assert timing.latency == 2.0
    assert timing.service_time == 1.5
    assert timing.ttft == 1.0
    assert timing.inter_token == (0.5, 0.25)
    never = Timing(1.0)
    assert never.latency is never.service_time is never.ttft is None


def test_what_an_answer_cost_is_stated_or_counted() -> None:
    timing = Timing(0.0, tokens=(1.0, 2.0))
    request = Request("POST", "/")
    assert Exchange(request, timing).generated_tokens == 2
    stated = Answer(usage=Usage(completion_tokens=0))
    assert Exchange(request, timing, answer=stated).generated_tokens == 0
    assert Exchange(request, timing, answer=Answer(usage=Usage())).generated_tokens == 2
    assert Query("x").options == {}


def test_headers_and_media_types() -> None:
    response = Response(200, (("content-type", "Text/Event-Stream; charset=utf-8"), ("a", "1"), ("a", "2")))
    assert response.content_type == "text/event-stream"
    assert response.header("A") == "1"
    assert Response(200).content_type == ""
