"""Plain JSON that is no JSON body: a file in a form, and streams of events or lines."""

from __future__ import annotations

import base64
import json
from email import message_from_bytes
from email.policy import HTTP
from typing import Any

import pytest

from harness.core.adapter import Facts
from harness.core.endpoint import Endpoint, StreamTemplate, Template
from harness.core.errors import ProtocolError, UsageError
from harness.core.exchange import Answer, EventKind, Query, StreamEvent
from harness.protocols.tensor.plain_json import ADAPTER

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
DELTA, FINISH, DONE, ERROR, OTHER = (
    EventKind.DELTA,
    EventKind.FINISH,
    EventKind.DONE,
    EventKind.ERROR,
    EventKind.OTHER,
)


def uploading(sample: Any) -> Endpoint:
    return Endpoint("http://h", template=Template(path="/classify", upload="image"), sample=sample)


def test_a_file_is_sent_as_a_form() -> None:
    endpoint = uploading(base64.b64encode(PNG).decode())
    request = ADAPTER.encode(endpoint, ADAPTER.sample(endpoint, Facts()), Facts())
    assert request == ADAPTER.encode(endpoint, ADAPTER.sample(endpoint, Facts()), Facts())
    kind = dict(request.headers)["content-type"]
    form = message_from_bytes(f"content-type: {kind}\r\n\r\n".encode() + request.body, policy=HTTP)
    (part,) = form.iter_parts()
    assert part.get_content_type() == "image/png"
    assert part.get_param("name", header="content-disposition") == "image"
    assert part.get_payload(decode=True) == PNG


@pytest.mark.parametrize("sample", ["not base64!", [[1.0]], None])
def test_what_is_no_file_is_refused(sample: Any) -> None:
    endpoint = uploading(sample)
    with pytest.raises(UsageError, match=r"\[endpoint\] sample"):
        ADAPTER.encode(endpoint, ADAPTER.sample(endpoint, Facts()), Facts())


def test_wrong_uploads_have_no_form_an_empty_file_or_text_in_place_of_a_picture() -> None:
    bad = ADAPTER.bad_requests(uploading(base64.b64encode(PNG).decode()), Facts())
    assert list(bad) == ["no_form", "empty_file", "file_of_text", "unknown_path"]
    assert bad["no_form"].body == b""
    assert b'name="image"' in bad["empty_file"].body
    assert b"\r\n\r\n\r\n--" in bad["empty_file"].body
    assert b"A text, and no picture." in bad["file_of_text"].body
    of_texts = ADAPTER.bad_requests(uploading(base64.b64encode(b"a,b\n1,2\n" * 9).decode()), Facts())
    assert "file_of_text" not in of_texts, "a text may be what this service takes"


def streaming(piece: str = "$.token.text", **more: Any) -> Endpoint:
    return Endpoint("http://h", template=Template(stream=StreamTemplate(piece, **more)), sample="Hi")


def test_the_streamed_request_goes_where_the_template_says() -> None:
    endpoint = streaming(path="/stream", body='{"prompt": {{input}}, "stream": true}')
    request = ADAPTER.encode(endpoint, Query("Hi", stream=True), Facts())
    assert (request.path, json.loads(request.body), request.stream) == (
        "/stream",
        {"prompt": "Hi", "stream": True},
        True,
    )
    whole = ADAPTER.encode(endpoint, Query("Hi"), Facts())
    assert (whole.path, json.loads(whole.body), whole.stream) == ("/predict", {"instances": "Hi"}, False)
    assert ADAPTER.capabilities(endpoint, Facts()).streaming


def decode_stream(endpoint: Endpoint, data: bytes, size: int = 5) -> tuple[list[StreamEvent], Answer]:
    decoder = ADAPTER.decoder(endpoint)
    events = [event for at in range(0, len(data), size) for event in decoder.feed(data[at : at + size])]
    events += decoder.close()
    return events, ADAPTER.assemble(events)


def token(text: str, **more: Any) -> dict[str, Any]:
    return {"token": {"text": text}, **more}


LINES = b"".join(json.dumps(item).encode() + b"\n" for item in (token("Hel"), token("lo"), {"finish": "length"}))
EVENTS = b"".join(b"data: %b\n\n" % json.dumps(item).encode() for item in (token("Hel"), token("lo")))


@pytest.mark.parametrize("size", [1, 5, 1000])
@pytest.mark.parametrize(
    ("endpoint", "data", "kinds", "reason"),
    [
        (streaming(end="$.finish"), LINES, [DELTA, DELTA, FINISH], "length"),
        (streaming(end="$.finish"), b"\n" + LINES[:-1], [DELTA, DELTA, FINISH], "length"),
        (streaming(), EVENTS, [DELTA, DELTA, FINISH], "stop"),
        (streaming(), EVENTS + b"data: [DONE]\n\n", [DELTA, DELTA, DONE, FINISH], "stop"),
        (streaming(), b": ping\n\n" + EVENTS, [DELTA, DELTA, FINISH], "stop"),
        (streaming("$"), b"data: Hel\n\ndata: lo\n\n", [DELTA, DELTA, FINISH], "stop"),
    ],
    ids=["lines", "lines without a last break", "events", "events with a terminator", "comments", "bare text"],
)
def test_streams(endpoint: Endpoint, data: bytes, kinds: list[EventKind], reason: str, size: int) -> None:
    events, answer = decode_stream(endpoint, data, size)
    assert [event.kind for event in events] == kinds
    assert (answer.text, answer.finish_reason, answer.complete) == ("Hello", reason, True)


@pytest.mark.parametrize(
    ("endpoint", "data"),
    [
        (streaming(end="$.finish"), LINES[: LINES.index(b"\n") + 1]),
        (streaming(end="$.finish"), EVENTS),
        (streaming(), EVENTS + b'data: {"error": "out of memory"}\n\n'),
        (streaming(), b""),
    ],
    ids=["cut", "never ended", "an error inside", "nothing"],
)
def test_streams_that_are_not_whole(endpoint: Endpoint, data: bytes) -> None:
    decoder = ADAPTER.decoder(endpoint)
    events = decoder.feed(data) + decoder.close()
    if events:
        assert ADAPTER.assemble(events).complete is False
    else:
        assert data == b""


def test_an_event_that_is_no_text_is_refused_and_one_without_is_passed_over() -> None:
    with pytest.raises(ProtocolError, match=r"event 2.*no text at \$\.token\.text"):
        decode_stream(streaming(), EVENTS[: EVENTS.index(b"\n\n") + 2] + b'data: {"token": {"text": 5}}\n\n')
    with pytest.raises(ProtocolError, match="event 1"):
        decode_stream(streaming(), b"data: {broken\n\n")
    events, _ = decode_stream(streaming(), b'data: {"usage": 3}\n\n' + EVENTS)
    assert events[0].kind is OTHER
    assert decode_stream(streaming(), b"event: error\ndata: {}\n\n")[0][0].kind is ERROR


def test_without_a_stream_in_the_template_none_is_promised() -> None:
    assert not ADAPTER.capabilities(uploading("x"), Facts()).streaming
    with pytest.raises(UsageError, match=r"template\.stream"):
        ADAPTER.decoder(Endpoint("http://h"))


def test_events_before_a_broken_one_are_told_first() -> None:
    decoder = ADAPTER.decoder(streaming())
    events = decoder.feed(EVENTS + b"data: {broken\n\n")
    assert "".join(event.text for event in events) == "Hello"
    with pytest.raises(ProtocolError, match="event 3"):
        decoder.close()
    whole = ADAPTER.decoder(streaming())
    assert whole.feed(EVENTS + b"data: " + b"x" * (2**20 + 1)) == events, "a line over the limit is told afterwards"
    with pytest.raises(ProtocolError, match="over"):
        whole.close()
