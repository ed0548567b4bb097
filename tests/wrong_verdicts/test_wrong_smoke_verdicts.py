"""What would make each smoke check pass wrongly: every case here once was, or could be, a vacuous pass."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from harness.checks.answers import health, identity, latency, valid_answer
from harness.checks.bad_input import clean_errors
from harness.checks.generation import stream
from harness.checks.generation.text_cases import count_common
from harness.checks.http import connection, credentials, headers
from harness.core.errors import ErrorClass, TransportError
from harness.core.exchange import Answer, EventKind, Exchange, Request, Response, StreamEvent, Timing
from harness.core.verdict import Counterexample, Status

ASKED = Request("POST", "/v1/chat/completions", body=b"{}")
JSON = (("content-type", "application/json"),)


def show(summary: str, exchange: Exchange) -> Counterexample:
    return Counterexample(summary, request={"path": exchange.request.path})


def exchange(
    status: int | None = 200,
    body: object = b"{}",
    *,
    answer: Answer | None = None,
    error: ErrorClass | None = None,
    events: tuple[StreamEvent, ...] = (),
    lines: tuple[tuple[str, str], ...] = JSON,
    seconds: float = 0.01,
) -> Exchange:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = None if status is None else Response(status, lines, data)
    if status is not None and status >= 400 and error is None:
        error = ErrorClass.STATUS
    return Exchange(ASKED, Timing(0.0, 0.0, done=seconds), response, answer, events, error, "because")


def events(*kinds: str) -> tuple[StreamEvent, ...]:
    return tuple(StreamEvent(EventKind(kind), text="x" if kind == "delta" else "") for kind in kinds)


HARNESS = exchange(None, error=ErrorClass.HARNESS)
REFUSED = exchange(None, error=ErrorClass.CONNECT)


@pytest.mark.parametrize("broken", [HARNESS, REFUSED], ids=["harness", "refused"])
def test_the_harness_own_failures_are_never_the_services(broken: Exchange) -> None:
    verdicts = [
        health.judge_health_call("live", broken, show),
        health.judge_prediction(broken, None, show),
        valid_answer.judge_answer(broken, show),
        headers.judge_headers(broken, show),
        latency.judge_warm_latency([broken], 1, show),
        stream.judge_stream([broken], show),
        stream.judge_terminator(broken, show),
        stream.judge_role(broken, show),
        stream.judge_streamed_text(broken, broken, show),
        credentials.judge_credentials("missing", broken, broken, show),
        clean_errors.judge_leaks({"a": broken}, show),
        clean_errors.judge_refusals({"a": broken}, show),
        clean_errors.judge_error_shape({"a": broken}, show),
        identity.judge_identity("model", "m", {}, broken, show),
    ]
    assert {verdict.status for verdict in verdicts} == {Status.ERROR}


def test_ready_but_dead_names_the_lying_health_call() -> None:
    ready = Exchange(Request("GET", "/ready"), Timing(0.0), Response(200))
    verdict = health.judge_prediction(exchange(503), ready, show)
    assert verdict.status is Status.FAIL
    assert "/ready says ready" in verdict.reason


def test_a_health_call_that_does_not_exist_is_no_yes() -> None:
    assert health.judge_health_call("live", None, show).status is Status.INCONCLUSIVE
    assert health.judge_health_call("live", exchange(404), show).status is Status.FAIL


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(text=""), "empty"),
        (Answer(text="  \n", finish_reason="stop"), "empty"),
        (Answer(), "no output"),
        (Answer(outputs={"label": []}), "empty"),
        (Answer(outputs={"y": [[1.0, math.inf]]}), "y[0][1] is inf"),
        (Answer(outputs={"y": [1.0, math.nan]}), "nan"),
        (Answer(outputs={"y": [10**400]}), "inf"),
        (Answer(outputs={"probabilities": [[0.5, 0.4]]}), "sums to 0.9"),
        (Answer(outputs={"probs": [[1.5, -0.5]]}), "outside"),
        (Answer(outputs={"probabilities": [[0.5, 0.5], [0.9, 0.2]]}), "probabilities[1]"),
        (Answer(outputs={"probabilities": [None, None]}), "probabilities[0] is null, not a finite number"),
        (Answer(outputs={"probabilities": [[0.5, 0.5], [1.0, None]]}), "probabilities[1][1] is null"),
    ],
)
def test_invalid_answers_fail(answer: Answer, said: str) -> None:
    verdict = valid_answer.judge_answer(exchange(answer=answer), show)
    assert verdict.status is Status.FAIL
    assert said in verdict.reason


@pytest.mark.parametrize(
    "answer",
    [
        Answer(text="Hello!", finish_reason="stop"),
        Answer(outputs={"label": [3], "probabilities": [[0.25, 0.75]]}),
        Answer(outputs={"y": [True, False], "names": ["a"]}),
    ],
)
def test_valid_answers_pass(answer: Answer) -> None:
    verdict = valid_answer.judge_answer(exchange(answer=answer), show)
    assert verdict.status is Status.PASS
    assert verdict.n == 1, "aspects of one answer are not samples"


@pytest.mark.parametrize("value", [0, 0.25, 1.0])
def test_a_single_probability_is_valid(value: float) -> None:
    answer = Answer("POSITIVE", {"$.score": value})
    assert valid_answer.judge_answer(exchange(answer=answer), show, probabilities="$.score").status is Status.PASS


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (87.5, "$.score is 87.5, outside the range [0, 1]"),
        (-0.5, "outside the range"),
        ("high", '$.score is "high", where a number'),
        ("0.9", "where a number"),
        (None, "$.score is null"),
        (True, "$.score is true"),
        ({"a": 0.5}, "where a number"),
    ],
)
def test_a_single_value_that_is_no_probability_fails(value: Any, problem: str) -> None:
    answer = Answer("POSITIVE", {"$.score": value})
    verdict = valid_answer.judge_answer(exchange(answer=answer), show, probabilities="$.score")
    assert verdict.status is Status.FAIL
    assert problem in verdict.reason


def test_a_single_number_named_like_a_probability_is_not_judged_unless_configured() -> None:
    answer = Answer(outputs={"probability": 87.5})
    assert valid_answer.judge_answer(exchange(answer=answer), show).status is Status.PASS


def test_a_probabilities_output_that_is_missing_fails() -> None:
    verdict = valid_answer.judge_answer(exchange(answer=Answer(outputs={"y": [1]})), show, probabilities="p")
    assert verdict.status is Status.FAIL


def test_a_whole_stream_passes_and_every_break_of_it_fails() -> None:
    good = exchange(events=events("role", "delta", "delta", "finish", "usage", "done"), answer=Answer(text="xx"))
    assert stream.judge_stream([good], show).status is Status.PASS
    for broken in (
        events("role", "finish", "done"),
        events("role", "delta", "finish", "finish", "done"),
        events("role", "delta", "finish", "delta", "done"),
        events("role", "delta", "error", "finish"),
    ):
        assert stream.judge_stream([exchange(events=broken, answer=Answer(text="x"))], show).status is Status.FAIL
    cut = exchange(events=events("role", "delta"), error=ErrorClass.INCOMPLETE)
    assert stream.judge_stream([cut], show).status is Status.FAIL


def test_stream_details_without_a_stream_are_not_judged() -> None:
    nothing = exchange(500)
    assert stream.judge_terminator(nothing, show).status is Status.INCONCLUSIVE
    assert stream.judge_role(nothing, show).status is Status.INCONCLUSIVE
    assert stream.judge_streamed_text(nothing, nothing, show).status is Status.INCONCLUSIVE


def test_terminator_and_role() -> None:
    assert stream.judge_terminator(exchange(events=events("delta", "finish")), show).status is Status.FAIL
    assert stream.judge_terminator(exchange(events=events("delta", "finish", "done")), show).status is Status.PASS
    assert stream.judge_role(exchange(events=events("delta", "role")), show).status is Status.FAIL
    assert stream.judge_role(exchange(events=events("role", "delta")), show).status is Status.PASS


def test_the_common_beginning_of_two_texts_is_counted() -> None:
    assert [count_common("one", other) for other in ("one two", "", "once", "one")] == [3, 0, 2, 3]


def test_same_text_says_where_the_texts_part() -> None:
    one, other = exchange(answer=Answer(text="seven")), exchange(answer=Answer(text="seventy"))
    assert stream.judge_streamed_text(one, one, show).status is Status.PASS
    verdict = stream.judge_streamed_text(one, other, show)
    assert verdict.status is Status.FAIL
    assert "character 5" in verdict.reason


def test_refusals_prove_nothing_without_a_working_control() -> None:
    assert credentials.judge_credentials("wrong", exchange(401), exchange(401), show).status is Status.INCONCLUSIVE
    good = exchange(answer=Answer(text="x"))
    assert credentials.judge_credentials("wrong", exchange(401), good, show).status is Status.PASS
    assert credentials.judge_credentials("wrong", exchange(200), good, show).status is Status.FAIL
    redirect, closed = exchange(302, error=ErrorClass.REDIRECT), exchange(None, error=ErrorClass.CLOSED)
    assert credentials.judge_credentials("wrong", redirect, good, show).status is Status.FAIL
    assert credentials.judge_credentials("wrong", exchange(500), good, show).status is Status.INCONCLUSIVE
    assert credentials.judge_credentials("wrong", closed, good, show).status is Status.INCONCLUSIVE
    assert credentials.judge_credentials("wrong", exchange(400), good, show).notes


@pytest.mark.parametrize(
    "body",
    [
        'Traceback (most recent call last):\n  File "x.py", line 3',
        "at com.example.Foo.bar(Foo.java:12)",
        "goroutine 12 [running]:",
        "failed in /usr/lib/python3/site-packages/model/serve.py",
        "Werkzeug/3.1.9",
        "C:\\Users\\me",
    ],
)
def test_leaks_are_seen(body: str) -> None:
    assert clean_errors.find_leak(body) is not None
    assert clean_errors.judge_leaks({"a": exchange(500, body.encode())}, show).status is Status.FAIL


@pytest.mark.parametrize(
    "body",
    [
        "POST /v1/chat/completions expects JSON",
        "see https://example.org/usr/share/docs/x",
        "'temperature' must be 0..2",
        "",
    ],
)
def test_ordinary_errors_are_no_leaks(body: str) -> None:
    assert clean_errors.find_leak(body) is None


def test_an_error_check_without_an_answer_is_not_judged() -> None:
    gone = exchange(None, error=ErrorClass.CLOSED)
    assert clean_errors.judge_leaks({"a": gone}, show).status is Status.INCONCLUSIVE
    assert clean_errors.judge_error_shape({"a": gone}, show).status is Status.INCONCLUSIVE
    assert clean_errors.judge_refusals({"a": gone}, show).status is Status.FAIL
    assert clean_errors.judge_leaks({}, show).status is Status.INCONCLUSIVE
    assert clean_errors.judge_refusals({}, show).status is Status.INCONCLUSIVE


def test_error_shapes() -> None:
    one, same = (
        exchange(400, {"error": {"message": "a", "type": "t"}}),
        exchange(404, {"error": {"type": "", "message": ""}}),
    )
    other, page = exchange(400, {"detail": "no"}), exchange(404, b"<html>")
    assert clean_errors.judge_error_shape({"a": one, "b": same}, show).status is Status.PASS
    assert clean_errors.judge_error_shape({"a": one, "b": other}, show).status is Status.FAIL
    assert clean_errors.judge_error_shape({"a": page}, show).status is Status.FAIL


def test_headers() -> None:
    good = exchange(answer=Answer(text="x"))
    assert headers.judge_headers(good, show).status is Status.PASS
    text = exchange(answer=Answer(text="x"), lines=(("content-type", "text/plain"),))
    revealing = exchange(answer=Answer(text="x"), lines=(*JSON, ("server", "Werkzeug/3.1.9 Python/3.11.7")))
    assert headers.judge_headers(text, show).status is Status.FAIL
    assert headers.judge_headers(revealing, show).status is Status.FAIL
    assert headers.judge_headers(exchange(500), show).status is Status.INCONCLUSIVE


def test_latency_counts_failures_and_slowness() -> None:
    fast, slow = exchange(answer=Answer(text="x")), exchange(answer=Answer(text="x"), seconds=3.0)
    assert latency.judge_warm_latency([fast] * 5, 1.0, show).status is Status.PASS
    assert latency.judge_warm_latency([fast] * 5, 1.0, show).n == 1, "repeats are not samples"
    assert latency.judge_warm_latency([fast, slow], 1.0, show).status is Status.FAIL
    assert latency.judge_warm_latency([fast, exchange(500)], 1.0, show).status is Status.FAIL
    assert latency.judge_warm_latency([], 1.0, show).status is Status.INCONCLUSIVE


@pytest.mark.parametrize(
    ("served", "same"),
    [
        ("tiny", True),
        ("tiny:latest", True),
        ("tiny-2026-01-31", True),
        ("tiny-20260131", True),
        ("tiny-0", False),
        ("TINY", False),
    ],
)
def test_model_names(served: str, same: bool) -> None:
    verdict = identity.judge_identity("model", "tiny", {"the answer": served}, exchange(answer=Answer()), show)
    assert (verdict.status is Status.PASS) is same


def test_a_service_that_says_nothing_of_itself_is_not_confirmed() -> None:
    stated = {"the metadata": None, "the answer": None}
    answer = exchange(answer=Answer())
    assert identity.judge_identity("version", "1", stated, answer, show).status is Status.INCONCLUSIVE
    mixed = {"the metadata": "1", "the answer": "0"}
    assert identity.judge_identity("version", "1", mixed, answer, show).status is Status.FAIL


def test_certificates_and_names() -> None:
    day = 86_400.0
    assert connection.judge_certificate("x", 0, 30 * day, 1 * day, 7).status is Status.PASS
    assert connection.judge_certificate("x", 0, 5 * day, 1 * day, 7).status is Status.FAIL
    assert connection.judge_certificate("x", 2 * day, 90 * day, 1 * day, 7).status is Status.FAIL
    expired = TransportError(ErrorClass.CERTIFICATE, "expired")
    assert connection.judge_connection_failure(expired).status is Status.FAIL
    assert connection.judge_connection_failure(TransportError(ErrorClass.TLS, "no TLS")).status is Status.ERROR
    assert connection.judge_connection_failure(TransportError(ErrorClass.NAME, "unknown")).status is Status.ERROR
    assert connection.judge_resolution("x", ()).status is Status.ERROR
