"""Each turn's request holds the turns before it, with recorded answers; a seed and a number determine its bytes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from harness.core.adapter import Capabilities, Facts
from harness.core.endpoint import Endpoint
from harness.core.errors import UsageError
from harness.core.exchange import Query
from harness.core.load import Job
from harness.core.load_settings import LoadSettings
from harness.core.workload import Material, SharedPrefix, Spread
from harness.load.forms import make_workload
from harness.load.material import Source, choose_material
from harness.load.request_maker import RequestMaker, describe_workload
from harness.run.preflight import load_adapter

LOAD = LoadSettings(workload="sessions", session_turns=Spread(min=2, max=4), output_tokens=Spread(min=5, max=9))
AGENT = LoadSettings(workload="agent", scale=0.05)


def make_maker(load: LoadSettings, seed: int = 7, protocol: str = "openai_chat") -> RequestMaker:
    endpoint, adapter = Endpoint("http://127.0.0.1:1", protocol, model="m"), load_adapter(protocol)
    sample = Query("Say it", options={"max_tokens": 16})
    material = Material(load.workload, sample, load, Facts(), seed)
    job = Job(endpoint, (adapter.encode(endpoint, sample, Facts()),), load, "", 0.0, seed=seed, material=material)
    assert not job.has_controls
    return RequestMaker(job, adapter)


def read_messages(maker: RequestMaker, k: int) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = json.loads(maker.encode(k)[0].body)["messages"]
    return messages


@pytest.mark.parametrize("load", [LOAD, AGENT, replace(LOAD, shared_prefix=SharedPrefix(30, 0.5, 2))])
def test_each_turn_goes_on_where_the_one_before_ended(load: LoadSettings) -> None:
    maker, most = make_maker(load), load.most_turns
    for session in (0, 1, 130, 5000):
        before: list[dict[str, Any]] = []
        for turn in range(most):
            messages = read_messages(maker, session * most + turn)
            assert messages[: len(before)] == before
            assert len(messages) == len(before) + (2 if turn else 1 + (messages[0]["role"] == "system"))
            assert messages[-1]["role"] == ("tool" if load is AGENT and turn else "user")
            before = messages


@pytest.mark.parametrize("protocol", ["openai_chat", "openai_responses", "anthropic", "ollama"])
def test_no_two_requests_are_alike_and_every_process_makes_the_same(protocol: str) -> None:
    first, again, other = (make_maker(LOAD, seed, protocol) for seed in (7, 7, 8))
    bodies = [first.encode(k)[1] for k in range(2100)]
    assert len(set(bodies)) == len(bodies)
    assert bodies[::-1] == [again.encode(k)[1] for k in reversed(range(2100))]
    assert not {*bodies} & {other.encode(k)[1] for k in range(2100)}
    assert not any(first.is_repeat(k) for k in range(2100))


def test_the_bytes_of_a_turn_are_those_of_its_query() -> None:
    maker, workload = make_maker(LOAD), make_workload(Material("sessions", Query("x"), LOAD, seed=7))
    for k in (0, 3, 700, 12_345):
        assert read_messages(maker, k) == workload.make_query(k).inputs


def test_sessions_share_a_beginning_only_where_that_is_asked() -> None:
    most, maker = LOAD.most_turns, make_maker(LOAD)
    texts = [read_messages(maker, session * most)[0]["content"] for session in range(200)]
    assert len({text[:16] for text in texts}) == 200
    maker = make_maker(replace(LOAD, shared_prefix=SharedPrefix(30, 1.0, 2)))
    shared = [read_messages(maker, session * most)[0] for session in range(200)]
    assert {message["role"] for message in shared} == {"system"}
    assert len({message["content"] for message in shared}) == 2


def test_each_result_of_a_tool_answers_the_call_before_it() -> None:
    messages = read_messages(make_maker(AGENT), AGENT.most_turns - 1)
    calls = [message["tool_calls"][0] for message in messages if message["role"] == "assistant"]
    results = [message for message in messages if message["role"] == "tool"]
    assert len(calls) == len(results) == AGENT.most_turns - 1
    assert [call["id"] for call in calls] == [result["tool_call_id"] for result in results]
    assert len({call["id"] for call in calls}) == len(calls)
    assert all(json.loads(call["function"]["arguments"]) for call in calls)


def test_recorded_answers_have_the_length_that_was_asked_for() -> None:
    load = replace(LOAD, output_tokens=Spread(mean=40))
    body = json.loads(make_maker(load).encode(1)[0].body)
    assert body["max_tokens"] == 40
    assert 35 <= len(body["messages"][1]["content"].split()) <= 40


def test_a_service_that_takes_no_conversations_is_refused() -> None:
    sample = Query("Say it")
    for protocol, load in (("openai_completions", LOAD), ("anthropic", AGENT)):
        source = Source(Endpoint("http://127.0.0.1:1", protocol), Facts(), Capabilities(text=True), sample)
        with pytest.raises(UsageError, match="is for these protocols: openai_chat"):
            choose_material(load, 1, source)
    chat = Source(Endpoint("http://127.0.0.1:1", "openai_chat"), Facts(), Capabilities(text=True), sample)
    assert "sessions of 2 to 4 turns" in describe_workload(
        Job(chat.endpoint, (), LOAD, "", 0.0, material=choose_material(LOAD, 1, chat))
    )
