"""What an answer that did not come to its end lacks."""

from __future__ import annotations

import pytest

from harness.core.endpoint import Endpoint
from harness.core.errors import ErrorClass
from harness.core.exchange import EventKind, Exchange, Request, Response, StreamEvent, Timing
from harness.run.decoding import decode_exchange
from harness.run.preflight import load_adapter

TEXT = StreamEvent(EventKind.DELTA, text="a")
STOP = StreamEvent(EventKind.FINISH, value="stop")
DONE = StreamEvent(EventKind.DONE)
ENDPOINT = Endpoint("http://127.0.0.1:1")


def decode(*events: StreamEvent, body: bytes = b"", stream: bool = True) -> Exchange:
    response = Response(200, (("content-type", "application/json"),), body)
    exchange = Exchange(Request("POST", "/", stream=stream), Timing(0.0), response, events=events)
    return decode_exchange(load_adapter("openai_chat"), ENDPOINT, exchange)


@pytest.mark.parametrize(
    ("events", "cause"),
    [
        ((TEXT,), "its stream was cut off and has no finish reason"),
        ((TEXT, DONE), "its stream ended with its terminator and has no finish reason"),
        ((TEXT, StreamEvent(EventKind.ERROR, value={"error": "out of memory"})), "error inside ({'error': 'out of"),
        ((TEXT, STOP, STOP, DONE), "not one finish reason came for each choice"),
    ],
)
def test_the_detail_names_what_a_stream_lacks(events: tuple[StreamEvent, ...], cause: str) -> None:
    exchange = decode(*events)
    assert exchange.error is ErrorClass.INCOMPLETE
    assert cause in exchange.detail


def test_a_whole_answer_without_a_finish_reason_says_so() -> None:
    body = b'{"object": "chat.completion", "choices": [{"index": 0, "message": {"role": "assistant", "content": "a"}}]}'
    assert "it has no finish reason" in decode(body=body, stream=False).detail


def test_a_stream_that_ended_is_complete() -> None:
    assert decode(TEXT, STOP, DONE).error is None
