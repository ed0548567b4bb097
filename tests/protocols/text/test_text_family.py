"""The text protocols beside OpenAI's chat: recorded answers of Ollama, which speaks four, and published shapes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from harness.core.adapter import Adapter, Facts
from harness.core.endpoint import Endpoint
from harness.core.errors import ProtocolError, UsageError
from harness.core.exchange import Answer, EventKind, Query, Response, StreamEvent, Usage
from harness.core.registry import load_plugin

ENDPOINT = Endpoint("http://h", model="tiny")


def adapter(name: str) -> Adapter:
    loaded = load_plugin("protocols", name).ADAPTER
    assert isinstance(loaded, Adapter)
    return loaded


def sse(*values: Any) -> bytes:
    """Server-sent events; a pair is (name, value), a text goes as it is."""
    out = b""
    for item in values:
        name, value = item if isinstance(item, tuple) else (None, item)
        text = value if isinstance(value, str) else json.dumps(value)
        out += (f"event: {name}\n" if name else "").encode() + f"data: {text}\n\n".encode()
    return out


def lines(*values: Any) -> bytes:
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


def format_typed_events(*values: dict[str, Any]) -> bytes:
    return sse(*((value["type"], value) for value in values))


def decode_stream(name: str, data: bytes, size: int = 7) -> tuple[list[StreamEvent], Answer]:
    speaker = adapter(name)
    decoder = speaker.decoder(ENDPOINT)
    events = [event for at in range(0, len(data), size) for event in decoder.feed(data[at : at + size])]
    events += decoder.close()
    return events, speaker.assemble(events)


COMPLETION = {
    "id": "cmpl-694",
    "object": "text_completion",
    "model": "tiny",
    "choices": [{"text": "Hello! How can I", "index": 0, "finish_reason": "length"}],
    "usage": {"prompt_tokens": 5, "completion_tokens": 5, "total_tokens": 10},
}
MESSAGE = {
    "id": "msg_cd580c8638ebd5db70435587",
    "type": "message",
    "role": "assistant",
    "model": "tiny",
    "content": [{"type": "text", "text": "three plus five is seven."}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 9, "output_tokens": 7},
}
RESPONSE = {
    "id": "resp_508453",
    "object": "response",
    "status": "completed",
    "incomplete_details": None,
    "model": "tiny",
    "output": [
        {
            "id": "msg_284124",
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "three plus zero is six.", "annotations": [], "logprobs": []}],
        }
    ],
    "error": None,
    "usage": {"input_tokens": 9, "output_tokens": 7, "total_tokens": 16},
}
CHAT = {
    "model": "tiny",
    "created_at": "2026-11-21T04:01:46.643409404Z",
    "message": {"role": "assistant", "content": "three plus zero is six."},
    "done": True,
    "done_reason": "stop",
    "total_duration": 4426579,
    "prompt_eval_count": 9,
    "eval_count": 7,
}
GENERATED = {
    "generated_text": "Hello!",
    "details": {"finish_reason": "eos_token", "generated_tokens": 3, "seed": None, "prefill": [], "tokens": []},
}
WHOLE: dict[str, tuple[dict[str, Any], str, str, Usage]] = {
    "openai_completions": (COMPLETION, "Hello! How can I", "length", Usage(5, 5, 10)),
    "anthropic": (MESSAGE, "three plus five is seven.", "stop", Usage(9, 7)),
    "openai_responses": (RESPONSE, "three plus zero is six.", "stop", Usage(9, 7, 16)),
    "ollama": (CHAT, "three plus zero is six.", "stop", Usage(9, 7)),
    "tgi": (GENERATED, "Hello!", "stop", Usage(None, 3)),
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_answer(name: str) -> None:
    body, text, reason, usage = WHOLE[name]
    answer = adapter(name).decode(ENDPOINT, Response(200, body=json.dumps(body).encode()))
    assert (answer.text, answer.finish_reason, answer.usage, answer.complete) == (text, reason, usage, True)
    assert answer.model == (None if name == "tgi" else "tiny")


def chunk(text: str, reason: str | None = None) -> dict[str, Any]:
    return {"model": "tiny", "choices": [{"text": text, "index": 0, "finish_reason": reason}]}


LOPSIDED = {"tokens": ["a"], "token_logprobs": []}

STREAMS: dict[str, bytes] = {
    "openai_completions": sse(chunk("Hel"), chunk("lo"), chunk("", "stop"), {**chunk(""), "choices": []}, "[DONE]"),
    "anthropic": format_typed_events(
        {"type": "message_start", "message": {"model": "tiny", "usage": {"input_tokens": 9, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hel"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "lo"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
        {"type": "message_stop"},
    ),
    "openai_responses": format_typed_events(
        {"type": "response.created", "response": {**RESPONSE, "status": "in_progress", "output": []}},
        {"type": "response.output_item.added", "item": {}},
        {"type": "response.output_text.delta", "delta": "Hel"},
        {"type": "response.output_text.delta", "delta": "lo"},
        {"type": "response.completed", "response": RESPONSE},
    ),
    "ollama": lines(
        {"model": "tiny", "message": {"role": "assistant", "content": "Hel"}, "done": False},
        {"model": "tiny", "message": {"role": "assistant", "content": "lo"}, "done": False},
        {**CHAT, "message": {"role": "assistant", "content": ""}},
    ),
    "tgi": sse(
        {"token": {"id": 1, "text": "Hel", "logprob": -0.5, "special": False}, "generated_text": None, "details": None},
        {"token": {"id": 2, "text": "lo", "logprob": -0.1, "special": False}, "generated_text": None, "details": None},
        {"token": {"id": 0, "text": "</s>", "logprob": 0.0, "special": True}, **GENERATED},
    ),
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_is_the_same_however_it_is_cut(name: str) -> None:
    answers = [decode_stream(name, STREAMS[name], size) for size in (1, 7, 10_000)]
    assert answers[0] == answers[1] == answers[2]
    events, answer = answers[0]
    assert (answer.text, answer.finish_reason, answer.complete) == ("Hello", "stop", True)
    assert events[-1].kind is EventKind.DONE
    assert "".join(event.text for event in events if event.kind is EventKind.DELTA) == "Hello"


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_without_its_end_is_not_complete(name: str) -> None:
    data = STREAMS[name]
    last = data[:-1].rfind(b"\n" if name == "ollama" else b"\n\n", 0, -1)
    if name in ("openai_completions", "anthropic"):
        last = data.index(b'"stop"' if name == "openai_completions" else b"event: message_delta") - 30
        last = data.rfind(b"\n\n", 0, last) + 2
    events, answer = decode_stream(name, data[: last + (1 if name == "ollama" else 0)])
    assert events
    assert answer.complete is False


@pytest.mark.parametrize("name", STREAMS)
def test_an_error_inside_a_stream_is_told(name: str) -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    broken = lines(error) if name == "ollama" else format_typed_events(error)
    events, answer = decode_stream(name, broken)
    assert [event.kind for event in events] == [EventKind.ERROR]
    assert answer.complete is False


def test_anthropic_tool_calls_whole_and_streamed() -> None:
    use = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Köln"}}
    body = {**MESSAGE, "content": [{"type": "thinking", "thinking": "…"}, use], "stop_reason": "tool_use"}
    answer = adapter("anthropic").decode(ENDPOINT, Response(200, body=json.dumps(body).encode()))
    assert (answer.finish_reason, answer.tool_calls[0].name) == ("tool_calls", "weather")
    assert json.loads(answer.tool_calls[0].arguments) == {"city": "Köln"}
    pieces = ['{"ci', 'ty": "K', 'öln"}']
    deltas = [
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": piece}}
        for piece in pieces
    ]
    _, answer = decode_stream(
        "anthropic",
        format_typed_events(
            {"type": "message_start", "message": {"model": "tiny"}},
            {"type": "content_block_start", "index": 1, "content_block": {**use, "input": {}}},
            *deltas,
            {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
            {"type": "message_stop"},
        ),
    )
    assert answer.complete
    assert (answer.tool_calls[0].id, json.loads(answer.tool_calls[0].arguments)) == ("toolu_1", {"city": "Köln"})


def test_ollama_and_responses_tool_calls() -> None:
    call = {"function": {"name": "weather", "arguments": {"city": "Rome"}}}
    body = {**CHAT, "message": {"role": "assistant", "content": "", "tool_calls": [call]}}
    answer = adapter("ollama").decode(ENDPOINT, Response(200, body=json.dumps(body).encode()))
    assert json.loads(answer.tool_calls[0].arguments) == {"city": "Rome"}
    item = {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{"city": "Rome"}'}
    body = {**RESPONSE, "output": [{"type": "reasoning"}, item]}
    called = adapter("openai_responses").decode(ENDPOINT, Response(200, body=json.dumps(body).encode()))
    assert (called.finish_reason, called.tool_calls[0].id) == ("tool_calls", "c1")


def test_completions_logprobs_are_read_from_their_columns() -> None:
    columns = {"tokens": ["a", "b"], "token_logprobs": [None, -0.5], "top_logprobs": None, "text_offset": [0, 1]}
    body = {**COMPLETION, "choices": [{"text": "b", "index": 0, "finish_reason": "length", "logprobs": columns}]}
    answer = adapter("openai_completions").decode(ENDPOINT, Response(200, body=json.dumps(body).encode()))
    assert [(logprob.token, logprob.logprob) for logprob in answer.logprobs] == [("b", -0.5)]


def test_a_cached_prompt_counts_whole() -> None:
    """Anthropic counts what its cache held apart; llama.cpp's server does so at every second request."""
    usage = {"input_tokens": 4, "cache_read_input_tokens": 20, "cache_creation_input_tokens": 1, "output_tokens": 7}
    body = {**WHOLE["anthropic"][0], "usage": usage}
    answer = adapter("anthropic").decode(ENDPOINT, Response(200, body=json.dumps(body).encode()))
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (25, 7)


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("openai_completions", {"choices": []}, "no choice"),
        ("openai_completions", {"choices": [{"text": 5}]}, "a string was expected"),
        (
            "openai_completions",
            {"choices": [{"text": "a", "logprobs": {"tokens": ["a"], "token_logprobs": []}}]},
            "1 t",
        ),
        ("anthropic", {"content": None}, "an array was expected"),
        ("anthropic", {"content": [{"type": "text", "text": 5}]}, "a string was expected"),
        ("anthropic", {"usage": {"input_tokens": -1}}, "whole number"),
        ("openai_responses", {"output": []}, "no message"),
        ("openai_responses", {"error": {"message": "no"}}, "an error in an answer"),
        ("ollama", {"message": None}, "an object was expected"),
        ("ollama", {"eval_count": "7"}, "whole number"),
        ("ollama", {"error": "model failed"}, "an error in an answer"),
        ("tgi", {"generated_text": None}, "no generated_text"),
        ("tgi", {"details": {"generated_tokens": 1.5}}, "whole number"),
    ],
)
def test_what_is_no_answer_is_refused(name: str, change: dict[str, Any], words: str) -> None:
    body = {**WHOLE[name][0], **change}
    with pytest.raises(ProtocolError, match=words):
        adapter(name).decode(ENDPOINT, Response(200, body=json.dumps(body).encode()))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("openai_completions", {"choices": [{"text": "Hello", "index": 0, "finish_reason": None}]}),
        ("anthropic", {"stop_reason": None}),
        ("openai_responses", {"status": "in_progress"}),
        ("ollama", {"done": False, "done_reason": None}),
        ("tgi", {"details": None}),
    ],
)
def test_an_answer_without_its_end_is_not_complete(name: str, change: dict[str, Any]) -> None:
    body = {**WHOLE[name][0], **change}
    assert adapter(name).decode(ENDPOINT, Response(200, body=json.dumps(body).encode())).complete is False


def encode_body(name: str, **options: Any) -> dict[str, Any]:
    query = Query("Hi", options={"max_tokens": 8, "temperature": 0, "stop": "x", **options})
    data = json.loads(adapter(name).encode(ENDPOINT, query, Facts()).body)
    assert isinstance(data, dict)
    return data


def test_parameters_go_where_each_protocol_has_them() -> None:
    assert encode_body("ollama")["options"] == {"num_predict": 8, "temperature": 0, "stop": ["x"]}
    assert encode_body("tgi")["parameters"] == {"max_new_tokens": 8, "do_sample": False, "stop": ["x"], "details": True}
    assert encode_body("anthropic", temperature=None)["stop_sequences"] == ["x"]
    assert "temperature" not in encode_body("anthropic", temperature=None)
    assert encode_body("openai_responses", stop=None)["max_output_tokens"] == 8
    system = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "Hi"}]
    request = adapter("anthropic").encode(ENDPOINT, Query(system), Facts())
    body = json.loads(request.body)
    assert (body["system"], len(body["messages"])) == ("be brief", 1)
    parts = [{"type": "text", "text": text} for text in ("be brief", "be kind")]
    request = adapter("anthropic").encode(ENDPOINT, Query([{"role": "system", "content": parts}, *system]), Facts())
    assert json.loads(request.body)["system"] == "be brief\nbe kind\nbe brief"
    assert ("anthropic-version", "2023-06-01") in request.headers
    own = Endpoint("http://h", headers=(("Anthropic-Version", "2026-01-01"),))
    assert "anthropic-version" not in dict(adapter("anthropic").encode(own, Query("Hi"), Facts()).headers)


def test_a_model_or_a_prompt_that_is_missing_is_said() -> None:
    with pytest.raises(UsageError, match="needs the name of the model"):
        adapter("ollama").encode(Endpoint("http://h"), Query("Hi"), Facts())
    for name in ("openai_completions", "tgi"):
        with pytest.raises(UsageError, match=r"\[endpoint\] sample"):
            adapter(name).encode(ENDPOINT, Query([[1.0]]), Facts())


def pages(**answers: Any) -> dict[str, Response]:
    responses = {role: Response(200, (), json.dumps(value).encode()) for role, value in answers.items()}
    return {"nowhere": Response(404), **responses}


CHAT_TOO: Callable[..., dict[str, Any]] = lambda *paths: {"openapi": "3.1.0", "paths": {p: {"post": {}} for p in paths}}  # noqa: E731


@pytest.mark.parametrize(
    ("name", "answers", "score"),
    [
        ("ollama", pages(models={"models": [{"name": "tiny:latest"}]}), 0.9),
        ("ollama", pages(models={"data": []}), 0.0),
        ("tgi", pages(metadata={"model_id": "org/m", "model_sha": "abc", "max_total_tokens": 2048}), 0.9),
        ("tgi", pages(metadata={"model": None, "server": {}}), 0.0),  # LitServe's /info
        ("anthropic", pages(models={"data": [{"type": "model", "id": "m"}], "has_more": False}), 1.0),
        ("anthropic", pages(models={"object": "list", "data": [{"id": "m"}]}), 0.0),
        ("anthropic", pages(openapi=CHAT_TOO("/v1/messages", "/v1/chat/completions")), 0.3),
        ("anthropic", pages(openapi=CHAT_TOO("/v1/messages")), 0.95),
        ("openai_completions", pages(openapi=CHAT_TOO("/v1/completions", "/v1/chat/completions")), 0.3),
        ("openai_completions", pages(openapi=CHAT_TOO("/v1/completions")), 0.95),
        ("openai_responses", pages(openapi=CHAT_TOO("/v1/responses", "/v1/chat/completions")), 0.3),
        ("openai_responses", pages(), 0.0),
    ],
)
def test_recognition(name: str, answers: dict[str, Response], score: float) -> None:
    assert adapter(name).recognise(Endpoint("http://h"), answers).score == score


def test_anthropic_that_needs_a_key_is_recognised() -> None:
    error = {"type": "error", "error": {"type": "authentication_error", "message": "x-api-key header is required"}}
    refused = Response(401, (("content-type", "application/json"),), json.dumps(error).encode())
    answers = {"nowhere": Response(404), "models": refused}
    assert adapter("anthropic").recognise(Endpoint("http://h"), answers).score == 0.7


THOUGHT = "The user greets me."
THINKING: dict[str, tuple[Any, bytes]] = {
    "openai_chat": (
        {
            "choices": [
                {"index": 0, "message": {"content": "Hi", "reasoning_content": THOUGHT}, "finish_reason": "stop"}
            ]
        },
        sse(
            {"choices": [{"index": 0, "delta": {"role": "assistant", "reasoning": THOUGHT[:9]}}]},
            {"choices": [{"index": 0, "delta": {"reasoning_content": THOUGHT[9:], "reasoning": THOUGHT[9:]}}]},
            {"choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}]},
        ),
    ),
    "openai_completions": (
        {"choices": [{"index": 0, "text": f"<think>{THOUGHT}</think>\n\nHi", "finish_reason": "stop"}]},
        sse(
            {"choices": [{"index": 0, "text": "<thi"}]},
            {"choices": [{"index": 0, "text": f"nk>{THOUGHT}</thin"}]},
            {"choices": [{"index": 0, "text": "k>\n\nHi", "finish_reason": "stop"}]},
        ),
    ),
    "openai_responses": (
        {
            "status": "completed",
            "output": [
                {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": THOUGHT}]},
                {"type": "message", "content": [{"type": "output_text", "text": "Hi"}]},
            ],
        },
        format_typed_events(
            {"type": "response.reasoning_summary_text.delta", "delta": THOUGHT[:5]},
            {"type": "response.reasoning_text.delta", "delta": THOUGHT[5:]},
            {"type": "response.output_text.delta", "delta": "Hi"},
            {
                "type": "response.completed",
                "response": {
                    "status": "completed",
                    "output": [{"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}],
                },
            },
        ),
    ),
    "anthropic": (
        {
            "content": [
                {"type": "thinking", "thinking": THOUGHT, "signature": "a"},
                {"type": "redacted_thinking", "data": "b"},
                {"type": "text", "text": "Hi"},
            ],
            "stop_reason": "end_turn",
        },
        format_typed_events(
            {"type": "message_start", "message": {"model": "a"}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": THOUGHT}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "a"}},
            {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Hi"}},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
            {"type": "message_stop"},
        ),
    ),
    "ollama": (
        {"message": {"content": "Hi", "thinking": THOUGHT}, "done": True, "done_reason": "stop"},
        lines(
            {"message": {"content": "", "thinking": THOUGHT}, "done": False},
            {"message": {"content": "Hi"}, "done": False},
            {"message": {"content": ""}, "done": True, "done_reason": "stop"},
        ),
    ),
    "tgi": (
        {"generated_text": f"[THINK]{THOUGHT}[/THINK]Hi", "details": {"finish_reason": "eos_token"}},
        sse(
            {"token": {"text": f"{THOUGHT}</think>", "special": False}},
            {"token": {"text": "Hi"}, "generated_text": "Hi", "details": {"finish_reason": "eos_token"}},
        ),
    ),
}


@pytest.mark.parametrize("name", THINKING)
def test_thinking_is_kept_apart_from_the_text(name: str) -> None:
    body, stream = THINKING[name]
    whole = adapter(name).decode(ENDPOINT, Response(200, body=json.dumps(body).encode()))
    events, pieced = decode_stream(name, stream)
    for answer in (whole, pieced):
        assert (answer.text, answer.reasoning, answer.finish_reason, answer.complete) == ("Hi", THOUGHT, "stop", True)
    is_inline = name in ("openai_completions", "tgi")
    assert (whole.thinks_inline, pieced.thinks_inline) == (is_inline, is_inline)
    texts = [event.text for event in events if event.kind is EventKind.REASONING]
    assert "".join(texts) == ("" if is_inline else THOUGHT)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<think>Let me", ("", "Let me")),
        ("<think>\n\n</think>\n\nHi", ("Hi", "\n\n")),
        ("no tags at all", ("no tags at all", "")),
        ("use <think> and </think> to think", ("use <think> and </think> to think", "")),
        ("a < b", ("a < b", "")),
        ("", ("", "")),
    ],
)
def test_tags_at_the_beginning_of_a_text(text: str, expected: tuple[str, str]) -> None:
    body = {"choices": [{"index": 0, "message": {"content": text}, "finish_reason": "length"}]}
    answer = adapter("openai_chat").decode(ENDPOINT, Response(200, body=json.dumps(body).encode()))
    assert (answer.text, answer.reasoning) == expected


def test_a_response_of_reasoning_alone_is_one_that_was_cut() -> None:
    body = {
        "status": "incomplete",
        "incomplete_details": {"reason": "max_output_tokens"},
        "output": [{"type": "reasoning", "summary": []}],
        "usage": {"input_tokens": 3, "output_tokens": 16, "output_tokens_details": {"reasoning_tokens": 16}},
    }
    answer = adapter("openai_responses").decode(ENDPOINT, Response(200, body=json.dumps(body).encode()))
    assert (answer.text, answer.finish_reason, answer.complete) == ("", "length", True)
    assert answer.usage is not None
    assert answer.usage.reasoning_tokens == 16


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"completion_tokens": 9, "completion_tokens_details": {"reasoning_tokens": 4}}, 4),
        ({"completion_tokens": 9, "reasoning_tokens": 5}, 5),
        ({"completion_tokens": 9, "completion_tokens_details": None}, None),
        ({"completion_tokens": 9}, None),
    ],
)
def test_tokens_of_thinking(usage: dict[str, Any], expected: int | None) -> None:
    body = {"choices": [{"index": 0, "message": {"content": "a"}, "finish_reason": "stop"}], "usage": usage}
    answer = adapter("openai_chat").decode(ENDPOINT, Response(200, body=json.dumps(body).encode()))
    assert answer.usage is not None
    assert answer.usage.reasoning_tokens == expected
