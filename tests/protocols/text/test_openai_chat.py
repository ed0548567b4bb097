"""OpenAI chat: recorded streams and answers of real servers, every cut of a stream, and what is refused."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from harness.core.adapter import Facts
from harness.core.endpoint import Endpoint
from harness.core.errors import ProtocolError, UsageError
from harness.core.exchange import Answer, EventKind, Query, Response, StreamEvent, Usage
from harness.protocols.text.openai_chat import ADAPTER
from tests.protocols.recorded import load

STREAMS = load("streams")
ANSWERS = {name.partition("/")[2]: body for name, body in load("answers").items() if name.startswith("openai_chat/")}
ENDPOINT = Endpoint("http://127.0.0.1:1")
SIX = "three plus zero is six."


def events_of(stream: bytes, *cuts: int) -> tuple[list[StreamEvent], str | None]:
    """The events of a stream fed in pieces, and the error that ended them."""
    places = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    decoder, events = ADAPTER.decoder(ENDPOINT), []
    try:
        for a, b in pairwise(places):
            events += decoder.feed(stream[a:b])
        events += decoder.close()
    except ProtocolError as error:
        return events, str(error)
    return events, None


def assemble_stream(stream: str) -> tuple[list[EventKind], Answer]:
    events, error = events_of(stream.encode())
    assert error is None
    return [event.kind for event in events], ADAPTER.assemble(events)


@pytest.mark.parametrize(
    ("name", "text", "reason", "usage", "model", "done"),
    [
        ("vllm", SIX, "stop", Usage(9, 7, 16), "tiny-chat", True),
        ("llama-server", SIX, "stop", Usage(9, 7, 16), "tiny-chat", True),
        ("llama-cpp-python", SIX, "stop", None, "tiny-chat", True),
        ("transformers-serve", SIX, "stop", Usage(9, 7, 16), "MODELS/tiny-chat@main", False),
        ("litellm", SIX, "stop", Usage(9, 7, 16, 0), "tiny-chat", True),
        ("ollama", SIX, "stop", Usage(9, 7, 16), "tiny", True),
        ("ollama_length", "one two three four five six seven eight", "length", None, "tiny", True),
    ],
)
def test_recorded_stream(name: str, text: str, reason: str, usage: Usage | None, model: str, done: bool) -> None:
    kinds, answer = assemble_stream(STREAMS[name])
    assert (answer.text, answer.finish_reason, answer.usage, answer.model) == (text, reason, usage, model)
    assert answer.complete
    assert kinds.count(EventKind.FINISH) == 1
    assert kinds.index(EventKind.ROLE) < kinds.index(EventKind.DELTA)
    assert (kinds[-1] is EventKind.DONE) is done


def test_new_id_in_every_chunk_is_borne() -> None:
    kinds, answer = assemble_stream(STREAMS["mockllm"])
    assert answer.text == "I do not know."
    assert answer.complete
    assert kinds.count(EventKind.OTHER) == 1  # the model's name, told once


def test_two_choices_need_two_finish_reasons() -> None:
    _, answer = assemble_stream(STREAMS["vllm_n2"])
    assert answer.complete
    events, _ = events_of(STREAMS["vllm_n2"].encode())
    assert {event.index for event in events if event.kind is EventKind.FINISH} == {0, 1}
    second = next(event for event in events if event.kind is EventKind.FINISH and event.index == 1)
    assert not ADAPTER.assemble([event for event in events if event is not second]).complete
    assert not ADAPTER.assemble([*events, second]).complete


def test_error_inside_a_stream_of_status_200() -> None:
    events, error = events_of(STREAMS["litellm_upstream_killed"].encode())
    assert error is None
    assert events[-1].kind is EventKind.ERROR
    assert "Not enough data" in events[-1].value["message"]
    answer = ADAPTER.assemble(events)
    assert not answer.complete
    assert answer.text


def test_error_after_the_finish_reason_is_no_proper_end() -> None:
    stream = chunk([{"delta": {"content": "a"}}]) + chunk([{"finish_reason": "stop"}])
    assert assemble_stream(stream)[1].complete
    kinds, answer = assemble_stream(stream + "event: error\ndata: {}\n\n")
    assert kinds[-1] is EventKind.ERROR
    assert not answer.complete


def test_text_is_that_of_the_first_choice() -> None:
    parts = [{"index": index, "delta": {"content": text}} for index, text in ((1, "x"), (0, "a"), (1, "y"), (0, "b"))]
    ends = [{"index": 1, "finish_reason": "length"}, {"index": 0, "finish_reason": "stop"}]
    _, answer = assemble_stream(chunk(parts) + chunk(ends))
    assert (answer.text, answer.finish_reason, answer.complete) == ("ab", "stop", True)


def test_done_after_a_cut_is_not_complete() -> None:
    """llama-cpp-python stops a running stream for a new request: no finish reason, then [DONE]."""
    chunks = STREAMS["llama-cpp-python"].split("\n\n")
    cut = [chunk for chunk in chunks if '"finish_reason": "stop"' not in chunk]
    assert len(cut) == len(chunks) - 1
    kinds, answer = assemble_stream("\n\n".join(cut))
    assert kinds[-1] is EventKind.DONE
    assert answer.text == SIX
    assert not answer.complete


def test_truncated_stream_is_not_complete() -> None:
    _, answer = assemble_stream(STREAMS["llmock_truncated"])
    assert answer.text
    assert not answer.complete


def test_malformed_chunk_names_its_event() -> None:
    events, error = events_of(STREAMS["llmock_malformed"].encode())
    assert error is not None
    assert error.startswith("event ")
    assert "not JSON" in error
    assert not ADAPTER.assemble(events).complete


@pytest.mark.parametrize("name", sorted(STREAMS))
def test_byte_by_byte_gives_the_same(name: str) -> None:
    stream = STREAMS[name].encode()
    assert events_of(stream, *range(len(stream))) == events_of(stream)


@given(st.sampled_from(sorted(STREAMS)), st.lists(st.integers(0, 10_000), max_size=20))
def test_any_cut_gives_the_same(name: str, cuts: list[int]) -> None:
    stream = STREAMS[name].replace("six", "s🙂x").encode()
    assert events_of(stream, *cuts) == events_of(stream)


def chunk(choices: Any = None, **more: Any) -> str:
    return "data: " + json.dumps({"choices": choices or [], **more}) + "\n\n"


_TEXTS = st.lists(st.text(st.characters(codec="utf-8"), min_size=1), max_size=8)


@given(_TEXTS, st.booleans(), st.sampled_from(["\n", "\r\n", "\r"]))
def test_round_trip(texts: list[str], together: bool, end: str) -> None:
    assume(
        not any(tag in "".join(texts) for tag in ("think>", "THINK]", "thinking>"))
    )  # what stands in these is thinking
    """Whatever the text, and whether or not the last of it shares the finish reason's chunk."""
    parts = [{"index": 0, "delta": {"role": "assistant", "content": text}} for text in texts]
    if together and parts:
        parts[-1] |= {"finish_reason": "length"}
    else:
        parts.append({"index": 0, "delta": {}, "finish_reason": "length"})
    stream = "".join(chunk([part]) + ": ping\n\n" for part in parts) + chunk(usage={"completion_tokens": 3})
    _, answer = assemble_stream(stream.replace("\n", end))
    assert answer.text == "".join(texts)
    assert (answer.finish_reason, answer.usage, answer.complete) == ("length", Usage(None, 3), True)


def test_lenient_with_what_servers_do() -> None:
    stream = (
        'data: {"choices": null, "usage": null, "prompt_filter_results": []}\n\n'
        "event: ping\ndata: {}\n\n"
        "data:\n\n"
        ": keep-alive\n\n"
        + chunk([{"delta": {"content": None, "role": None, "tool_calls": None}, "finish_reason": ""}])
        + chunk([{"index": 0, "delta": {"reasoning_content": "hm", "content": ""}}])
        + chunk([{"index": 0, "delta": {"content": "a"}, "logprobs": None}])
        + chunk([{"index": 0, "delta": None, "finish_reason": "stop"}])
        + "data:[DONE]\n\n"
    )
    events, error = events_of(stream.encode())
    assert error is None
    assert [event.text for event in events if event.kind is EventKind.REASONING] == ["hm"]
    kinds = [event.kind for event in events if event.kind is not EventKind.OTHER]
    assert kinds == [EventKind.REASONING, EventKind.DELTA, EventKind.FINISH, EventKind.DONE]
    assert ADAPTER.assemble(events).complete


@pytest.mark.parametrize(
    ("data", "place"),
    [
        ("not json", "event 2: the body is not JSON"),
        ("[]", r"event 2 \$: an array"),
        ('{"object": "chunk"}', r"event 2 \$: no choices"),
        ('{"choices": {}}', r"event 2 \$\.choices: an object"),
        ('{"choices": 5}', r"event 2 \$\.choices: a number"),
        ('{"choices": [5]}', r"event 2 \$\.choices\[0\]: a number"),
        ('{"choices": [{}, {"delta": []}]}', r"event 2 \$\.choices\[1\]\.delta: an array"),
        ('{"choices": [{"delta": {"content": 5}}]}', r"\.delta\.content: a number"),
        ('{"choices": [{"delta": {"content": [{"text": "a"}]}}]}', r"\.delta\.content: an array"),
        ('{"choices": [{"delta": {"role": 1}}]}', r"\.delta\.role: a number"),
        ('{"choices": [{"index": "0"}]}', r"\.index: a string where a whole number"),
        ('{"choices": [{"index": true}]}', r"\.index"),
        ('{"choices": [{"index": -1}]}', r"\.index"),
        ('{"choices": [{"finish_reason": 1}]}', r"\.finish_reason: a number"),
        ('{"choices": [], "usage": 7}', r"\$\.usage: a number"),
        ('{"choices": [], "usage": {"completion_tokens": 1.5}}', r"\$\.usage\.completion_tokens"),
        ('{"choices": [], "usage": {"completion_tokens": -1}}', r"\$\.usage\.completion_tokens"),
        ('{"choices": [], "model": 4}', r"\$\.model: a number"),
        ('{"choices": [NaN]}', "bare NaN"),
        ("[" * 100 + "]" * 100, "nested 100 levels deep"),
    ],
)
def test_refused_chunk(data: str, place: str) -> None:
    stream = (chunk([{"delta": {"content": "a"}}]) + f"data: {data}\n\n").encode()
    events, error = events_of(stream)
    assert [event.text for event in events] == ["a"]
    assert error is not None
    with pytest.raises(ProtocolError, match=place):
        raise ProtocolError(error)
    assert events_of(stream, *range(len(stream))) == (events, error)


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=5))
@example(b'data: {"choices": [{"index": 99999999999999999999999}]}\n\n', [])
def test_hostile_stream(stream: bytes, cuts: list[int]) -> None:
    assert events_of(stream, *cuts) == events_of(stream)


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_recorded_answer(name: str) -> None:
    answer = ADAPTER.decode(ENDPOINT, Response(200, body=ANSWERS[name].encode()))
    assert answer.text
    assert answer.finish_reason in ("stop", "length")
    assert answer.complete
    assert answer.model is not None
    assert answer.usage is not None
    assert answer.usage.completion_tokens


def whole(**changes: Any) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"}
    return json.dumps({"model": "m", "choices": [choice | changes.pop("choice", {})]} | changes).encode()


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"", "empty"),
        (b"<html>", "not JSON"),
        (b"[]", r"\$: an array"),
        (b"{}", r"\$\.choices: null"),
        (whole(choices=[]), r"\$\.choices: no choice"),
        (whole(choices=[3]), r"\$\.choices\[0\]: a number"),
        (whole(choice={"message": None}), r"\$\.choices\[0\]\.message: null"),
        (whole(choice={"message": {"content": 7}}), r"\$\.choices\[0\]\.message\.content: a number"),
        (whole(choice={"finish_reason": []}), r"\$\.choices\[0\]\.finish_reason: an array"),
        (whole(error={"message": "out of memory"}), r"\$\.error: an error in an answer of status 200: out of memory"),
        (whole(error="boom"), r"\$\.error: .*boom"),
        (whole(usage={"prompt_tokens": "7"}), r"\$\.usage\.prompt_tokens: a string"),
        (whole().replace(b'"a"', b"NaN"), "bare NaN"),
    ],
)
def test_refused_answer(body: bytes, place: str) -> None:
    with pytest.raises(ProtocolError, match=place):
        ADAPTER.decode(ENDPOINT, Response(200, body=body))


def test_answer_without_finish_reason_is_not_complete() -> None:
    assert not ADAPTER.decode(ENDPOINT, Response(200, body=whole(choice={"finish_reason": None}))).complete
    assert ADAPTER.decode(ENDPOINT, Response(200, body=whole(error=None))).complete


def test_request_of_a_prompt() -> None:
    query = Query("Hi \ud800", stream=True, options={"max_tokens": 5, "stop": None})
    request = ADAPTER.encode(ENDPOINT, query, Facts(models=("a", "b")))
    assert (request.method, request.path, request.stream) == ("POST", "/v1/chat/completions", True)
    assert json.loads(request.body) == {
        "model": "a",
        "messages": [{"role": "user", "content": "Hi \ud800"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 5,
    }


def test_model_is_the_configured_one_or_left_out() -> None:
    query = Query([{"role": "system", "content": "s"}], options={})
    configured = Endpoint("http://127.0.0.1:1/api/v1", model="mine")
    request = ADAPTER.encode(configured, query, Facts(models=("a",)))
    assert request.path == "/chat/completions"
    assert json.loads(request.body)["model"] == "mine"
    assert "model" not in json.loads(ADAPTER.encode(ENDPOINT, query, Facts()).body)


@pytest.mark.parametrize("inputs", [5, None, [], [[1.0]], ["a"], [{"content": "no role"}]])
def test_input_that_is_no_conversation(inputs: Any) -> None:
    with pytest.raises(UsageError, match="sample"):
        ADAPTER.encode(ENDPOINT, Query(inputs), Facts())


def test_option_that_is_no_json() -> None:
    with pytest.raises(UsageError, match="JSON"):
        ADAPTER.encode(ENDPOINT, Query("a", options={"temperature": float("nan")}), Facts())
