"""What each fault on HTTP requests does to an answer, seen as its client sees it."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from harness.core.fault import load_fault
from harness.core.fault_stage import Close
from tests.faults.http_exchanges import (
    EXCHANGES,
    ask,
    infer,
    make_chat,
    make_chunks,
    make_page,
    make_request,
    make_stream,
    make_tensors,
)
from tests.faults.test_fault_conformance import Line
from tests.faults.test_http_faults import play, read_answers

STREAM = (ask("one", stream=True), make_stream(make_chunks("Grüße an alle", call=True)))
OTHER_STREAM = (ask("two", stream=True), make_stream(make_chunks("foreign words here")))
CHAT, OTHER_CHAT = (
    (ask("three"), make_page(make_chat("hello you", call=True))),
    (ask("four"), make_page(make_chat("x"))),
)
TENSORS = (infer(1, 2, 3, 4), make_tensors(0.5, 1.5, 2.5, 3.5))
PLAIN = (make_request("/predict", {"instances": [[1], [2]]}), make_page({"predictions": [[0.1, 0.9], [0.2, 0.8]]}))
ANTHROPIC = {
    "type": "message",
    "model": "c",
    "content": [{"type": "text", "text": "hello"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 3, "output_tokens": 4},
}
OLLAMA = {
    "model": "l",
    "message": {"role": "assistant", "content": "hi"},
    "done": True,
    "done_reason": "stop",
    "eval_count": 3,
}
OTHERS = [(ask("five"), make_page(ANTHROPIC)), (ask("six"), make_page(OLLAMA))]


def strike(kind: str, *exchanges: tuple[bytes, bytes], **attributes: Any) -> tuple[Line, list[bytes]]:
    fault = load_fault(kind)
    line = Line(fault, fault.parse(attributes), draw=lambda: 0.5)
    play(line, exchanges)
    return line, [body for _, body in read_answers(line, exchanges)]


def read_json(kind: str, exchange: tuple[bytes, bytes] = CHAT, **attributes: Any) -> Any:
    line, (body,) = strike(kind, exchange, **attributes)
    assert len(line.effects) == 1
    return json.loads(body)


def read_events(kind: str, exchange: tuple[bytes, bytes] = STREAM, **attributes: Any) -> list[bytes]:
    line, (body,) = strike(kind, exchange, **attributes)
    assert len(line.effects) == 1
    return [event.removeprefix(b"data: ") for event in body.split(b"\n\n") if event]


TRUE_EVENTS = [event.removeprefix(b"data: ").strip() for event in make_chunks("Grüße an alle", call=True)]


def join_text(events: list[bytes]) -> str:
    choices = [json.loads(event)["choices"] for event in events if event.startswith(b"{")]
    return " ".join(text for choice in choices if choice and (text := choice[0]["delta"].get("content")))


def test_the_faultless_stream_is_read() -> None:
    assert join_text(TRUE_EVENTS) == "Grüße an alle"


@pytest.mark.parametrize(
    ("attributes", "header"),
    [
        ({"status": 429, "retry_after": 2}, b"retry-after: 2\r\n"),
        ({"status": 503, "retry_after": 90, "form": "date"}, b"retry-after: Thu, 01 Jan 2026 00:01:30 GMT\r\n"),
        ({"status": 529, "retry_after": 2, "form": "ms"}, b"retry-after-ms: 2000\r\n"),
        ({"status": 500}, b"content-type: application/json\r\n"),
    ],
)
def test_a_status_in_place_of_the_answer(attributes: dict[str, Any], header: bytes) -> None:
    date = "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
    fault = load_fault("answer_status")
    line = Line(fault, fault.parse(attributes))
    exchanges = [(ask("a"), make_page({"a": 1}, more=date)), OTHER_CHAT]
    play(line, exchanges)
    answers = read_answers(line, exchanges)
    assert [status for status, _ in answers] == [attributes["status"]] * 2
    assert json.loads(answers[0][1])["error"]["code"] == attributes["status"]
    assert header in line.passed
    assert (b"retry-after" in line.passed) is ("retry_after" in attributes)


def test_an_attempt_before_the_stated_time_is_early() -> None:
    """By its trace, and by when the request came: a hedge that was under way before the refusal is none."""
    page, fault = make_page({"a": 1}), load_fault("answer_status")
    one, other = (make_request("/v1/x", {}, f"traceparent: 00-{digit * 32}-{'b' * 16}-01\r\n") for digit in "12")
    line = Line(fault, fault.parse({"status": 429, "retry_after": 5}))
    assert line.stage is not None
    for now, request, waits in [
        (0.0, one, [False]),
        (1.0, other, [False]),
        (4.9, one, [True, False]),
        (9.8, one, [True, False]),
        (15.0, one, [False]),
        (15.0, ask("without a trace"), []),
    ]:
        line.now = now
        del line.waits[:]
        line.stage.observe(request)
        line.push(page)
        assert line.waits == waits, now
    del line.waits[:]
    line.now = 30.0
    line.stage.observe(other + other)
    line.push(page)
    line.push(page)
    assert line.waits == [False, False], "the second came before the refusal of the first"


def test_a_status_in_place_of_a_stream_ends_the_connection() -> None:
    line, (body,) = strike("answer_status", STREAM, OTHER_CHAT, text="busy")
    assert (body, line.close) == (b"busy", Close.FIN)
    assert b"connection: close" in line.passed


def test_an_error_inside_of_a_success() -> None:
    assert read_json("error_in_answer", text="oh")["error"]["message"] == "oh"
    events = read_events("error_in_answer", events=2)
    assert events[:2] == TRUE_EVENTS[:2]
    assert json.loads(events[2])["error"]
    assert events[3:] == [b"[DONE]"]


def test_an_answer_to_another_request() -> None:
    line, bodies = strike("stale_answer", CHAT, OTHER_CHAT, OTHER_CHAT, PLAIN)
    texts = [json.loads(body)["choices"][0]["message"]["content"] for body in bodies[:3]]
    assert texts == ["hello you", "hello you", "hello you"]
    assert len(line.effects) == 2
    assert bodies[3] == PLAIN[1].partition(b"\r\n\r\n")[2]
    assert not strike("stale_answer", CHAT, CHAT)[0].effects, "the same request: nobody could call the answer stale"


def test_two_requests_get_the_answers_of_each_other() -> None:
    line, bodies = strike("swap_answers", CHAT, OTHER_CHAT)
    assert [json.loads(body)["choices"][0]["message"]["content"] for body in bodies] == ["x", "hello you"]
    assert len(line.effects) == 2
    line, bodies = strike("swap_answers", CHAT)
    assert json.loads(bodies[0])["choices"][0]["message"]["content"] == "hello you"
    assert not line.effects
    assert line.now >= 1


def test_two_connections_get_the_answers_of_each_other() -> None:
    memory: dict[Any, Any] = {}
    lines = [Line(load_fault("swap_answers"), load_fault("swap_answers").example, memory=memory) for _ in range(2)]
    for line, (request, answer) in zip(lines, (CHAT, OTHER_CHAT), strict=True):
        line.stage.observe(request)
        line.push(answer)
    lines[0].advance(0.02)
    assert [bytes(line.passed) for line in lines] == [OTHER_CHAT[1], CHAT[1]]


@pytest.mark.parametrize("exchange", [CHAT, *OTHERS, (infer(1), make_page({"model_name": "m"}))])
def test_another_model(exchange: tuple[bytes, bytes]) -> None:
    answer = read_json("wrong_model", exchange, model="gpt-9")
    assert "gpt-9" in (answer.get("model"), answer.get("model_name"))


def test_another_model_in_every_event() -> None:
    assert {json.loads(event)["model"] for event in read_events("wrong_model", model="z")[:-1]} == {"z"}


@pytest.mark.parametrize("exchange", [CHAT, *OTHERS])
def test_no_text(exchange: tuple[bytes, bytes]) -> None:
    answer = json.dumps(read_json("empty_answer", exchange))
    assert not any(text in answer for text in ("hello", '"hi"'))


def test_no_text_in_a_stream() -> None:
    assert join_text(read_events("empty_answer")) == ""


def test_wrong_counts_and_reasons() -> None:
    assert read_json("wrong_token_counts", percent=300)["usage"]["total_tokens"] == 36
    assert read_json("wrong_token_counts", OTHERS[1])["eval_count"] == 30
    assert read_json("wrong_finish_reason", reason="length")["choices"][0]["finish_reason"] == "length"
    assert read_json("wrong_finish_reason", OTHERS[0], reason="x")["stop_reason"] == "x"
    assert b'"finish_reason":"length"' in b"".join(read_events("wrong_finish_reason", reason="length"))


def test_wrong_numbers() -> None:
    assert math.isnan(read_json("wrong_tensor", PLAIN)["predictions"][0][0])
    assert read_json("wrong_tensor", TENSORS, form="inf")["outputs"][0]["data"][0] == math.inf
    assert read_json("wrong_tensor", PLAIN, form="shape")["predictions"] == [0.1, 0.9, 0.2, 0.8]
    assert read_json("wrong_tensor", TENSORS, form="shape")["outputs"][0]["shape"] == [4]
    assert read_json("wrong_tensor", PLAIN, form="dtype")["predictions"][0] == ["0.1", "0.9"]
    tensor = read_json("wrong_tensor", TENSORS, form="dtype")["outputs"][0]
    assert (tensor["datatype"], tensor["data"], tensor["shape"]) == ("INT64", [0, 1, 2, 3], [2, 2])


def test_a_part_of_a_batch() -> None:
    assert read_json("partial_batch", PLAIN)["predictions"] == [[0.1, 0.9]]
    assert read_json("partial_batch", PLAIN, form="null")["predictions"] == [[0.1, 0.9], None]
    assert "error" in read_json("partial_batch", PLAIN, form="error")["predictions"][1]
    tensor = read_json("partial_batch", TENSORS)["outputs"][0]
    assert (tensor["shape"], tensor["data"]) == ([1, 2], [0.5, 1.5])
    tensor = read_json("partial_batch", TENSORS, form="null")["outputs"][0]
    assert (tensor["shape"], tensor["data"]) == ([2, 2], [0.5, 1.5, None, None])


@pytest.mark.parametrize("form", ["cut", "quotes", "html", "nothing"])
def test_what_is_not_json(form: str) -> None:
    _, (body, other) = strike("malformed_json", CHAT, CHAT, form=form)
    with pytest.raises(ValueError, match=r"Expect|Unterminated"):
        json.loads(body)
    assert other == body


def test_times_of_a_delay_a_stall_a_drip_and_a_hold() -> None:
    for attributes, times in (({"delay": 700}, [0.7, 0.7]), ({"delay": 700, "before": "body"}, [0.0, 0.7])):
        fault = load_fault("delay_answer")
        line = Line(fault, fault.parse(attributes))
        line.stage.observe(CHAT[0])
        place = CHAT[1].index(b"\r\n\r\n") + 4
        line.push(CHAT[1][:place])
        line.push(CHAT[1][place:])
        line.advance(60)
        assert line.passed == CHAT[1]
        assert [line.times[0], line.times[-1]] == times
    line, _ = strike("stall_stream", STREAM, events=3, delay=5000)
    assert line.times == [0.0, 5.0, 5.0]
    assert line.passed == STREAM[1]
    line, _ = strike("stall_stream", STREAM, events=3, every=2, delay=1000)
    assert max(line.times) == (len(TRUE_EVENTS) - 3 + 1) // 2
    line, _ = strike("drip_answer", CHAT, size=100, delay=10)
    assert len(line.times) == math.ceil(len(CHAT[1]) / 100) + 1
    assert line.passed == CHAT[1]


def test_a_stream_that_is_held_comes_in_one_piece() -> None:
    fault = load_fault("hold_answer")
    line = Line(fault, fault.example)
    line.stage.observe(STREAM[0])
    end = STREAM[1].index(b"data: [DONE]") - 8
    line.push(STREAM[1][:end])
    assert bytes(line.passed).endswith(b"\r\n\r\n")
    assert b"data" not in line.passed
    line.push(STREAM[1][end:])
    line.end()
    assert read_answers(line, [STREAM])[0][1] == b"".join(make_chunks("Grüße an alle", call=True))


def test_a_stream_without_its_end() -> None:
    assert read_events("unfinished_stream") == TRUE_EVENTS[:-1]
    no_reason = read_events("unfinished_stream", missing="finish_reason")
    assert no_reason[-1] == b"[DONE]"
    assert not any(json.loads(event)["choices"][0]["finish_reason"] for event in no_reason[:-2])
    neither = read_events("unfinished_stream", missing="both")
    assert neither[:-2] == no_reason[:-3] or len(neither) == len(TRUE_EVENTS) - 1


def test_events_out_of_order() -> None:
    one, two, three, *_ = TRUE_EVENTS
    assert read_events("repeat_event", events=1, times=3)[:5] == [one, two, two, two, three]
    assert read_events("reorder_events", events=1)[:3] == [one, three, two]
    assert read_events("truncate_stream", events=2) == [one, two]
    line, bodies = strike("interleave_streams", OTHER_STREAM, STREAM, events=1, every=1)
    assert bodies[0] == OTHER_STREAM[1].partition(b"\r\n\r\n")[2][:0] + b"".join(make_chunks("foreign words here"))
    assert bodies[1].count(b"foreign") == 1
    assert bodies[1].endswith(b"data: [DONE]\n\n")
    assert len(line.effects) == 1


def test_a_damaged_event() -> None:
    spared = TRUE_EVENTS[2:]
    for form in ("json", "utf8", "prefix", "text"):
        events = read_events("corrupt_event", form=form, events=1)
        assert events[2:] == spared
        assert events[1] != TRUE_EVENTS[1] or form == "prefix"
    _, (body,) = strike("corrupt_event", STREAM, form="prefix", events=1)
    assert b"\n\n" + TRUE_EVENTS[1] + b"\n\n" in body
    with pytest.raises(ValueError, match="invalid continuation byte"):
        read_events("corrupt_event", form="utf8", events=1)[1].decode()
    with pytest.raises(ValueError, match=r"Expect|Unterminated"):
        json.loads(read_events("corrupt_event", form="json", events=1)[1])


def test_tools_for_ever() -> None:
    for exchange in (CHAT, OTHER_CHAT):
        choice = read_json("endless_tool_calls", exchange, arguments='{"a": 1}')["choices"][0]
        assert choice["message"]["tool_calls"][0]["function"] == {"name": "look_up", "arguments": '{"a": 1}'}
        assert choice["finish_reason"] == "tool_calls"
    assert read_json("endless_tool_calls", OTHERS[0])["content"][0]["name"] == "look_up"
    call, end, usage, done = read_events("endless_tool_calls", OTHER_STREAM)
    assert json.loads(call)["choices"][0]["delta"]["tool_calls"][0]["function"]["name"] == "look_up"
    assert json.loads(end)["choices"][0]["finish_reason"] == "tool_calls"
    assert (json.loads(usage)["usage"]["total_tokens"], done) == (12, b"[DONE]")
    assert not strike("endless_tool_calls", (infer(1), make_page(make_chat("no tools offered"))))[0].effects


def test_arguments_that_are_cut() -> None:
    arguments = read_json("broken_tool_arguments")["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]
    with pytest.raises(ValueError, match=r"Expect|Unterminated"):
        json.loads(arguments)
    events = [json.loads(event) for event in read_events("broken_tool_arguments")[:-1]]
    deltas = [event["choices"][0]["delta"] for event in events if event["choices"]]
    pieces = [delta["tool_calls"][0]["function"]["arguments"] for delta in deltas if "tool_calls" in delta]
    with pytest.raises(ValueError, match=r"Expect|Unterminated"):
        json.loads("".join(pieces))
    assert not strike("broken_tool_arguments", OTHER_CHAT)[0].effects


def test_an_answer_that_stops_to_be_http_passes() -> None:
    """A chunk without a size in the middle: everything that came leaves, and nothing is held for ever."""
    for (request, answer), kind in ((STREAM, "wrong_model"), (OTHERS[0], "wrong_model"), (STREAM, "swap_answers")):
        fault = load_fault(kind)
        line = Line(fault, fault.example)
        line.stage.observe(request)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        if request is STREAM[0]:
            head = answer[: answer.index(b"data: [DONE]") - 3]
        line.push(head + b"zz\r\nrest of it")
        assert line.passed.endswith(b"zz\r\nrest of it")
        line.push(b" and more")
        assert line.passed.endswith(b"rest of it and more")
        assert line.stage.buffered == 0


def test_conditions_choose_the_request() -> None:
    line, bodies = strike("wrong_model", *EXCHANGES, body="stream: true")
    assert len(line.effects) == 2
    assert json.loads(bodies[1])["model"] == "tiny"
