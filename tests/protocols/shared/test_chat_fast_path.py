"""Chat chunks read quickly are what the strict way makes of them: the same events, the same error, at any cut."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.errors import ProtocolError
from harness.core.exchange import EventKind, StreamEvent, Usage
from harness.protocols.shared import chat_fast_path
from harness.protocols.shared.chat_stream import ChatStream
from harness.protocols.shared.event_stream import JSONEventDecoder
from tests.fuzz.mutation import mutate_seeds, pieces
from tests.protocols.recorded import load


class Strict(ChatStream):
    """As it was before there was a quick way."""

    def feed(self, data: bytes) -> list[StreamEvent]:
        return JSONEventDecoder.feed(self, data)


def decode_parts(decoder: ChatStream, parts: list[bytes]) -> tuple[str, str | None]:
    events: list[StreamEvent] = []
    try:
        for part in parts:
            events += decoder.feed(part)
        events += decoder.close()
        events += decoder.feed(b"")
    except ProtocolError as error:
        return repr(events), str(error)
    return repr(events), None


def chunk(**more: Any) -> bytes:
    value = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", **more}
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def word(text: str, **more: Any) -> bytes:
    return chunk(choices=[{"index": 0, "delta": {"content": text}, "finish_reason": None, **more}])


def test_the_common_chunk_is_read_quickly() -> None:
    events: list[StreamEvent] = []
    usage = chunk(choices=[], usage={"prompt_tokens": 3, "completion_tokens": 2, "prompt_tokens_details": None})
    common = (word("a"), word("b", finish_reason="stop"), word("c", logprobs=None), usage, b"data: [DONE]\n\n")
    for event in common:
        assert chat_fast_path.read_common_chunk(event.removesuffix(b"\n\n"), "m", events)
    assert [(item.kind, item.text or item.value) for item in events] == [
        (EventKind.DELTA, "a"),
        (EventKind.DELTA, "b"),
        (EventKind.FINISH, "stop"),
        (EventKind.DELTA, "c"),
        (EventKind.USAGE, Usage(3, 2)),
        (EventKind.DONE, None),
    ]


def test_another_model_is_stated_first() -> None:
    events: list[StreamEvent] = []
    for event in (word("a"), word("b"), word("c").replace(b'"m"', b'"n"')):
        assert chat_fast_path.read_common_chunk(event.removesuffix(b"\n\n"), "n", events)
    models = [item.value for item in events if item.kind is EventKind.OTHER]
    assert models == [{"model": "m"}] * 2


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf", b"\n\n", b": comment\n\n"])
def test_a_stream_begins_the_same_both_ways(start: bytes) -> None:
    stream = start + word("a") + b"\xef\xbb\xbf" + word("b") + word("c")
    for cut in ([stream], [stream[:2], stream[2:]], [bytes([item]) for item in stream]):
        assert decode_parts(ChatStream(), cut) == decode_parts(Strict(), cut)


@pytest.mark.parametrize(
    "other",
    [
        chunk(choices=[]),
        chunk(choices=None, usage={"prompt_tokens": 1}),
        chunk(choices=[], usage={"prompt_tokens": -1}),
        chunk(choices=[], usage={"prompt_tokens": 1.5}),
        chunk(choices=[], usage={"prompt_tokens": 1, "details": {"a": {"b": 1}}}),
        chunk(choices=[], usage={"prompt_tokens": True}),
        chunk(choices=[], usage={"other": 1}),
        chunk(choices=[], usage=3),
        chunk(choices=[{"delta": {"content": ""}}]),
        chunk(choices=[{"delta": {"content": "a"}, "index": True}]),
        chunk(choices=[{"delta": {"content": "a", "surprise": [[[]]]}}]),
        chunk(choices=[{"delta": {"content": "a"}}], error="broken"),
        chunk(choices=[{"delta": {"content": "a", "tool_calls": [{"id": "t"}]}}]),
        b"event: error\n" + word("a"),
        b": a comment\n\n",
        b"data:{}\n\n",
        word("a").removesuffix(b"\n\n") + b"\ndata: more\n\n",
        word("a").replace(b"\n", b"\r\n"),
        word("a" * 70_000),
        b'data: {"choices":[{"delta":{"content":"\\ud800"}}]}\n\n',
        b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n',
        b'data: {"choices":[{"delta":{"content":"a"}}]} x\n\n',
        b'data: {"choices":[{"delta":{"content":"a"}}],"created":NaN}\n\n',
        b'data: {"choices":[{"delta":{"content":"a"}}],"created":1e999}\n\n',
        b"data: [DONE] \n\n",
    ],
)
def test_anything_else_goes_the_strict_way(other: bytes) -> None:
    events: list[StreamEvent] = []
    assert not chat_fast_path.read_common_chunk(other.removesuffix(b"\n\n"), "m", events)
    assert not events
    stream = word("x") + word("y") + other + word("z")
    for cut in ([stream], [stream[:-5], stream[-5:]], [bytes([item]) for item in stream[:3000]] + [stream[3000:]]):
        assert decode_parts(ChatStream(), cut) == decode_parts(Strict(), cut)


_DELTA = st.dictionaries(
    st.sampled_from(["content", "role", "refusal", "reasoning", "x"]), st.none() | st.text(max_size=3) | st.integers()
)
_CHOICE: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"delta": _DELTA | st.none()},
    optional={
        "index": st.integers(-1, 3) | st.none(),
        "finish_reason": st.sampled_from(["stop", "", None, 3]),
        "logprobs": st.none() | st.just({"content": []}),
    },
)
_CHUNK: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"choices": st.lists(_CHOICE, max_size=2) | st.none()},
    optional={
        "model": st.sampled_from(["m", "n", None, 3]),
        "usage": st.none()
        | st.dictionaries(
            st.sampled_from(["prompt_tokens", "completion_tokens", "completion_tokens_details", "x"]),
            st.none() | st.integers(-1, 2**70) | st.floats() | st.dictionaries(st.text(max_size=1), st.integers()),
        ),
        "created": st.integers() | st.floats() | st.booleans(),
        "id": st.none() | st.text(max_size=2) | st.lists(st.none()),
        "error": st.none() | st.text(max_size=2),
    },
)


@given(st.lists(_CHUNK.map(lambda value: b"data: " + json.dumps(value).encode()), max_size=5), st.integers(0, 2**32))
def test_chunks_of_any_form_are_the_same_both_ways(chunks: list[bytes], seed: int) -> None:
    stream = word("a") + b"".join(item + b"\n\n" for item in chunks)
    cut = pieces(stream, random.Random(seed))
    assert decode_parts(ChatStream(), cut) == decode_parts(Strict(), cut)


@pytest.mark.slow
def test_mutated_streams_are_the_same_both_ways() -> None:
    seeds = [item.encode() for item in load("streams").values()]
    seeds += [b"".join(word(text) for text in ["some", "words", "and", "more"]) + b"data: [DONE]\n\n"] * 5
    chosen = random.Random(7)
    for stream in mutate_seeds(seeds, 5000, 11):
        cut = pieces(stream, chosen)
        assert decode_parts(ChatStream(), cut) == decode_parts(Strict(), cut), cut
