"""Faults on HTTP requests: any cut of the bytes gives the same answers, framing stays valid, others are untouched."""

from __future__ import annotations

import gzip
import itertools
import json
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.core.errors import UsageError
from harness.core.fault import FaultKind, FaultParameters, load_fault
from harness.core.fault_stage import Close
from harness.faults._http_stage import HttpStage
from tests.faults.http_exchanges import (
    EXCHANGES,
    ask,
    make_chat,
    make_chunked,
    make_chunks,
    make_page,
    make_request,
    make_stream,
)
from tests.faults.test_fault_conformance import KINDS, Line, draw_parameters

HTTP_KINDS = [kind for kind in KINDS if kind.stage is not None and issubclass(kind.stage, HttpStage)]
every_http_fault = pytest.mark.parametrize("kind", HTTP_KINDS, ids=lambda kind: kind.name)
DAY = 24 * 3600.0
EVENTS = make_chunks("Grüße an alle Leute", call=True)
LINES = b'{"model":"a","message":{"content":"a"},"done":false}\n{"model":"a","done_reason":"stop","done":true}\n'
JSON_HEAD = b"Content-Type: application/json\r\n\r\n"
FORMS = [
    *EXCHANGES,
    (ask("close", stream=True), b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + b"".join(EVENTS)),
    (ask("length", stream=True), make_page(b"".join(EVENTS), "text/event-stream")),
    (ask("crlf", stream=True), make_stream([event.replace(b"\n", b"\r\n") for event in EVENTS])),
    (ask("whole", stream=True), make_stream([b": hello\n\n" + b"".join(EVENTS)])),
    (ask("gzip"), make_page(gzip.compress(json.dumps(make_chat("a b c")).encode()), more="Content-Encoding: gzip\r\n")),
    (ask("lines", stream=True), make_stream([LINES], "application/x-ndjson")),
    (b"HEAD /v1/models HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 70\r\n" + JSON_HEAD),
    (b"DELETE /x HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 204 No Content\r\n\r\n"),
    (ask("continue"), b"HTTP/1.1 100 Continue\r\n\r\n" + make_page(make_chat("a b"))),
    (ask("chunked"), make_chunked([b'{"model": "ti', b'ny"}'])),
]  # fmt: skip
"""Exchanges in every form of HTTP; the one that ends with its connection is last wherever it is used."""


@st.composite
def draw_exchanges(draw: st.DrawFn) -> list[tuple[bytes, bytes]]:
    exchanges = draw(st.lists(st.sampled_from(FORMS), min_size=1, max_size=4))
    return sorted(exchanges, key=lambda exchange: b"stream\r\n\r\n" in exchange[1])


def split_at(data: bytes, places: Sequence[int]) -> list[bytes]:
    bounds = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(bounds) if start < end]


def play(line: Line, exchanges: Sequence[tuple[bytes, bytes]], places: Sequence[int] = ()) -> None:
    for piece in split_at(b"".join(request for request, _ in exchanges), places):
        line.stage.observe(piece)
    for piece in split_at(b"".join(answer for _, answer in exchanges), places):
        line.push(piece)
    line.end()
    line.advance(DAY)
    line.release()


def read_answers(line: Line, exchanges: Sequence[tuple[bytes, bytes]]) -> list[tuple[int, bytes]]:
    """Status and body of every answer that passed, read by h11; the last may be incomplete after a cut."""
    client = h11.Connection(h11.CLIENT)
    client.receive_data(bytes(line.passed))
    if line.close is Close.FIN:
        client.receive_data(b"")
    answers: list[tuple[int, bytes]] = []
    for request, _ in exchanges:
        method, target = request.split(b" ", 2)[:2]
        client.send(h11.Request(method=method, target=target, headers=[("host", "a")]))
        client.send(h11.EndOfMessage())
        while True:
            try:
                event = client.next_event()
            except h11.RemoteProtocolError:
                assert line.ended_itself, "the framing is broken"
                return answers
            if isinstance(event, h11.Response):
                answers.append((event.status_code, b""))
            elif isinstance(event, h11.Data):
                status, body = answers.pop()
                answers.append((status, body + bytes(event.data)))
            elif isinstance(event, h11.EndOfMessage):
                break
            elif not isinstance(event, h11.InformationalResponse):
                return answers
        if client.our_state is h11.MUST_CLOSE or client.their_state is h11.MUST_CLOSE:
            return answers
        client.start_next_cycle()
    return answers


@every_http_fault
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_cut_of_the_bytes_gives_the_same_answers(kind: FaultKind[Any], data: st.DataObject) -> None:
    parameters: FaultParameters = data.draw(st.just(kind.example) | draw_parameters(kind))
    exchanges = data.draw(draw_exchanges())
    whole, pieces = (Line(kind, parameters, draw=lambda: 0.5) for _ in range(2))
    play(whole, exchanges)
    play(pieces, exchanges, data.draw(st.lists(st.integers(0, 10_000), max_size=40)))
    assert pieces.passed == whole.passed
    assert (pieces.close, pieces.effects) == (whole.close, whole.effects)


@every_http_fault
def test_the_framing_stays_valid_and_other_answers_are_untouched(kind: FaultKind[Any]) -> None:
    """Struck and spared requests take turns on one connection."""
    for exchange in FORMS:
        check_turns(kind, EXCHANGES[5], exchange)


def check_turns(kind: FaultKind[Any], spared: tuple[bytes, bytes], struck: tuple[bytes, bytes]) -> None:
    ends = b"stream\r\n\r\n" in struck[1]
    exchanges = [spared, struck] if ends else [spared, struck, spared, struck]
    line = Line(kind, replace(kind.example, path="/v1/"))
    play(line, exchanges)
    answers = read_answers(line, exchanges)
    body = spared[1].partition(b"\r\n\r\n")[2]
    assert len(answers) == len(exchanges) or line.ended_itself
    assert answers[0] == (200, body)
    assert len(answers) < 3 or answers[2] == (200, body)


@every_http_fault
@settings(max_examples=10, deadline=None)
@given(exchanges=draw_exchanges(), places=st.lists(st.integers(0, 10_000), max_size=40))
def test_a_request_that_is_spared_is_byte_identical(
    kind: FaultKind[Any], exchanges: list[tuple[bytes, bytes]], places: list[int]
) -> None:
    for line in (Line(kind, kind.example, strikes=False), Line(kind, replace(kind.example, method="TRACE"))):
        play(line, exchanges, places)
        assert line.passed == line.pushed
        assert not line.effects


@every_http_fault
def test_a_fault_that_is_lifted_in_the_middle_leaves_valid_framing_or_ends_the_connection(kind: FaultKind[Any]) -> None:
    """Lifted after any byte: what follows as it comes completes the answer, or the connection was reset."""
    for request, answer in FORMS:
        for cut_at in random.Random(7).sample(range(len(answer)), min(len(answer), 12)):
            line = Line(kind, kind.example)
            line.stage.observe(request)
            line.push(answer[:cut_at])
            line.release()
            if line.close is None:
                line.passed += answer[cut_at:]
                line.has_end = True
                line.close = Close.FIN
                assert len(read_answers(line, [(request, answer)])) == 1


REFUSAL = (make_request("/predict", {}), make_page({"error": "no"}).replace(b"200 OK", b"422 Unprocessable Content"))


def send_through(kind: str, exchanges: list[tuple[bytes, bytes]], **attributes: Any) -> bytes:
    """What a client gets for these exchanges."""
    line = Line(load_fault(kind), load_fault(kind).parse(attributes))
    for request, answer in exchanges:
        line.stage.observe(request)
        line.push(answer)
    return bytes(line.passed)


def test_only_refusals_become_the_last_success() -> None:
    success = EXCHANGES[5]
    assert send_through("accept_refused", [success, REFUSAL, success]) == success[1] * 3


def test_a_success_elsewhere_stands_in_for_a_refusal_that_meets_the_conditions() -> None:
    success = (make_request("/other", {}), make_page({"prediction": [1]}))
    assert send_through("accept_refused", [success, REFUSAL], path="/predict") == success[1] * 2


def test_so_many_refusals_become_successes_and_no_more() -> None:
    passed = send_through("accept_refused", [REFUSAL] * 3, most=1, text="{}")
    assert (passed.count(b"200 OK"), passed.count(b"422 Unprocessable")) == (1, 2)


@pytest.mark.parametrize(
    ("attributes", "answer"),
    [
        ({}, "a b Say it twice."),
        ({"whose": "earlier"}, "a b Be polite. Do as I do."),
        ({"without": " it"}, "a b Say twice."),
    ],
)
def test_what_requests_said_comes_out_in_answers(attributes: dict[str, str], answer: str) -> None:
    first = {"messages": [{"role": "system", "content": "Be polite."}, {"role": "user", "content": "Do as I do."}]}
    exchanges = [
        (make_request("/v1/chat/completions", body), make_page(make_chat("a b")))
        for body in (first, {"messages": [{"role": "user", "content": "Say it twice."}]})
    ]
    line = Line(load_fault("echo_request"), load_fault("echo_request").parse(attributes))
    play(line, exchanges)
    assert json.loads(read_answers(line, exchanges)[1][1])["choices"][0]["message"]["content"] == answer


def test_texts_are_escaped_once_more() -> None:
    exchanges = [(ask("whole"), make_page(make_chat("a <b> \\n c")))]
    line = Line(load_fault("other_answer"), load_fault("other_answer").parse({"form": "escaped"}))
    play(line, exchanges)
    text = json.loads(read_answers(line, exchanges)[0][1])["choices"][0]["message"]["content"]
    assert text == "a &lt;b&gt; \\\\n c"


def test_only_counts_of_the_given_name_are_wrong() -> None:
    page = make_page({"usage": {"prompt_tokens": 10, "completion_tokens": 4}})
    passed = send_through("wrong_token_counts", [(make_request("/v1/chat/completions", {}), page)], name="prompt")
    assert json.loads(passed.partition(b"\r\n\r\n")[2])["usage"] == {"prompt_tokens": 100, "completion_tokens": 4}


def test_only_requests_with_a_new_beginning_wait() -> None:
    kind = load_fault("delay_answer")
    line = Line(kind, kind.parse({"delay": 100, "beginning": 8}))
    waits = []
    for text in ("the fox runs", "the fox walks", "a dog"):
        line.stage.observe(make_request("/predict", text))
        line.push(make_page({"prediction": 1}))
        waits.append(line.stage.due < DAY)
        line.advance(line.now + 1)
    assert waits == [True, False, True]


def test_a_fault_may_strike_only_one_status_and_spare_the_first_requests() -> None:
    answers = send_through("answer_status", [REFUSAL, EXCHANGES[5], REFUSAL], status=500, answered="4*", skip=1)
    assert answers.startswith(REFUSAL[1] + EXCHANGES[5][1] + b"HTTP/1.1 500 ")


def test_a_header_is_changed_or_removed_and_the_body_stays() -> None:
    request, answer = EXCHANGES[5]
    body = answer.partition(b"\r\n\r\n")[2]
    changed = send_through("change_header", [(request, answer)], value="text/plain")
    assert b"\r\ncontent-type: text/plain\r\n" in changed
    assert b"application/json" not in changed
    assert changed.endswith(body)
    assert b"ontent-" not in send_through("change_header", [(request, answer)]).replace(b"Content-Length", b"")
    with pytest.raises(UsageError, match="says where the answer ends"):
        load_fault("change_header").parse({"name": "Content-Length"})


def test_another_answer_keeps_its_form_and_drifts_where_it_is_to() -> None:
    tensors = [json.loads(answer.partition(b"\r\n\r\n")[2]) for answer in [EXCHANGES[5][1]]]
    same, drift = (send_through("other_answer", [EXCHANGES[5]] * 2, form=form) for form in ("same", "drift"))
    bodies = [json.loads(part.partition(b"}]}")[0] + b"}]}") for part in drift.split(b"\r\n\r\n")[1:]]
    data = [body["outputs"][0]["data"] for body in bodies]
    assert sorted(data[0]) == sorted(data[1]) == sorted(tensors[0]["outputs"][0]["data"])
    assert data[0] != data[1]
    assert same[: len(same) // 2] == same[len(same) // 2 :]
