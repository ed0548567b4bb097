"""What would make each smoke check pass wrongly: every case here once was, or could be, a vacuous pass."""

from __future__ import annotations

import json
import math

import pytest

from harness.checks import comparison
from harness.checks.answers import health, identity, latency, valid_answer
from harness.checks.bad_input import clean_errors
from harness.checks.generation import stream
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
        health.says_yes("live", broken, show),
        health.able(broken, None, show),
        valid_answer.valid(broken, show),
        headers.sane(broken, show),
        latency.sane([broken], 1, show),
        stream.complete(broken, show),
        stream.terminated(broken, show),
        stream.role_first(broken, show),
        stream.same_text(broken, broken, show),
        credentials.enforced("missing", broken, broken, show),
        clean_errors.nothing_leaks({"a": broken}, show),
        clean_errors.refused({"a": broken}, show),
        clean_errors.one_shape({"a": broken}, show),
        identity.serves("model", "m", {}, broken, show),
    ]
    assert {verdict.status for verdict in verdicts} == {Status.ERROR}


def test_ready_but_dead_names_the_lying_health_call() -> None:
    ready = Exchange(Request("GET", "/ready"), Timing(0.0), Response(200))
    verdict = health.able(exchange(503), ready, show)
    assert verdict.status is Status.FAIL
    assert "/ready says ready" in verdict.reason


def test_a_health_call_that_does_not_exist_is_no_yes() -> None:
    assert health.says_yes("live", None, show).status is Status.INCONCLUSIVE
    assert health.says_yes("live", exchange(404), show).status is Status.FAIL


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
    ],
)
def test_invalid_answers_fail(answer: Answer, said: str) -> None:
    verdict = valid_answer.valid(exchange(answer=answer), show)
    assert verdict.status is Status.FAIL
    assert said in verdict.reason


@pytest.mark.parametrize(
    "answer",
    [
        Answer(text="Hello!", finish_reason="stop"),
        Answer(text="", finish_reason="length"),
        Answer(outputs={"label": [3], "probabilities": [[0.25, 0.75]]}),
        Answer(outputs={"y": [True, False], "names": ["a"]}),
    ],
)
def test_valid_answers_pass(answer: Answer) -> None:
    verdict = valid_answer.valid(exchange(answer=answer), show)
    assert verdict.status is Status.PASS
    assert verdict.n == 1, "aspects of one answer are not samples"


def test_a_probabilities_output_that_is_missing_fails() -> None:
    verdict = valid_answer.valid(exchange(answer=Answer(outputs={"y": [1]})), show, probabilities="p")
    assert verdict.status is Status.FAIL


def test_a_whole_stream_passes_and_every_break_of_it_fails() -> None:
    good = exchange(events=events("role", "delta", "delta", "finish", "usage", "done"), answer=Answer(text="xx"))
    assert stream.complete(good, show).status is Status.PASS
    for broken in (
        events("role", "finish", "done"),
        events("role", "delta", "finish", "finish", "done"),
        events("role", "delta", "finish", "delta", "done"),
        events("role", "delta", "error", "finish"),
    ):
        assert stream.complete(exchange(events=broken, answer=Answer(text="x")), show).status is Status.FAIL
    cut = exchange(events=events("role", "delta"), error=ErrorClass.INCOMPLETE)
    assert stream.complete(cut, show).status is Status.FAIL


def test_stream_details_without_a_stream_are_not_judged() -> None:
    nothing = exchange(500)
    assert stream.terminated(nothing, show).status is Status.INCONCLUSIVE
    assert stream.role_first(nothing, show).status is Status.INCONCLUSIVE
    assert stream.same_text(nothing, nothing, show).status is Status.INCONCLUSIVE


def test_terminator_and_role() -> None:
    assert stream.terminated(exchange(events=events("delta", "finish")), show).status is Status.FAIL
    assert stream.terminated(exchange(events=events("delta", "finish", "done")), show).status is Status.PASS
    assert stream.role_first(exchange(events=events("delta", "role")), show).status is Status.FAIL
    assert stream.role_first(exchange(events=events("role", "delta")), show).status is Status.PASS


def test_a_text_that_begins_the_other_parts_from_it_at_its_end() -> None:
    assert [comparison.parting("one", other) for other in ("one two", "", "once", "one")] == [3, 0, 2, 3]


def test_same_text_says_where_the_texts_part() -> None:
    one, other = exchange(answer=Answer(text="seven")), exchange(answer=Answer(text="seventy"))
    assert stream.same_text(one, one, show).status is Status.PASS
    verdict = stream.same_text(one, other, show)
    assert verdict.status is Status.FAIL
    assert "character 5" in verdict.reason


def test_refusals_prove_nothing_without_a_working_control() -> None:
    assert credentials.enforced("wrong", exchange(401), exchange(401), show).status is Status.INCONCLUSIVE
    good = exchange(answer=Answer(text="x"))
    assert credentials.enforced("wrong", exchange(401), good, show).status is Status.PASS
    assert credentials.enforced("wrong", exchange(200), good, show).status is Status.FAIL
    assert credentials.enforced("wrong", exchange(302, error=ErrorClass.REDIRECT), good, show).status is Status.FAIL
    assert credentials.enforced("wrong", exchange(500), good, show).status is Status.INCONCLUSIVE
    assert (
        credentials.enforced("wrong", exchange(None, error=ErrorClass.CLOSED), good, show).status is Status.INCONCLUSIVE
    )
    assert credentials.enforced("wrong", exchange(400), good, show).notes


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
    assert clean_errors.leak(body) is not None
    assert clean_errors.nothing_leaks({"a": exchange(500, body.encode())}, show).status is Status.FAIL


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
    assert clean_errors.leak(body) is None


def test_an_error_check_without_an_answer_is_not_judged() -> None:
    gone = exchange(None, error=ErrorClass.CLOSED)
    assert clean_errors.nothing_leaks({"a": gone}, show).status is Status.INCONCLUSIVE
    assert clean_errors.one_shape({"a": gone}, show).status is Status.INCONCLUSIVE
    assert clean_errors.refused({"a": gone}, show).status is Status.FAIL
    assert clean_errors.nothing_leaks({}, show).status is Status.INCONCLUSIVE
    assert clean_errors.refused({}, show).status is Status.INCONCLUSIVE


def test_error_shapes() -> None:
    one, same = (
        exchange(400, {"error": {"message": "a", "type": "t"}}),
        exchange(404, {"error": {"type": "", "message": ""}}),
    )
    other, page = exchange(400, {"detail": "no"}), exchange(404, b"<html>")
    assert clean_errors.one_shape({"a": one, "b": same}, show).status is Status.PASS
    assert clean_errors.one_shape({"a": one, "b": other}, show).status is Status.FAIL
    assert clean_errors.one_shape({"a": page}, show).status is Status.FAIL


def test_headers() -> None:
    good = exchange(answer=Answer(text="x"))
    assert headers.sane(good, show).status is Status.PASS
    text = exchange(answer=Answer(text="x"), lines=(("content-type", "text/plain"),))
    told = exchange(answer=Answer(text="x"), lines=(*JSON, ("server", "Werkzeug/3.1.9 Python/3.11.7")))
    assert headers.sane(text, show).status is Status.FAIL
    assert headers.sane(told, show).status is Status.FAIL
    assert headers.sane(exchange(500), show).status is Status.INCONCLUSIVE


def test_latency_counts_failures_and_slowness() -> None:
    fast, slow = exchange(answer=Answer(text="x")), exchange(answer=Answer(text="x"), seconds=3.0)
    assert latency.sane([fast] * 5, 1.0, show).status is Status.PASS
    assert latency.sane([fast] * 5, 1.0, show).n == 1, "repeats are not samples"
    assert latency.sane([fast, slow], 1.0, show).status is Status.FAIL
    assert latency.sane([fast, exchange(500)], 1.0, show).status is Status.FAIL
    assert latency.sane([], 1.0, show).status is Status.INCONCLUSIVE


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
    verdict = identity.serves("model", "tiny", {"the answer": served}, exchange(answer=Answer()), show)
    assert (verdict.status is Status.PASS) is same


def test_a_service_that_says_nothing_of_itself_is_not_confirmed() -> None:
    stated = {"the metadata": None, "the answer": None}
    assert identity.serves("version", "1", stated, exchange(answer=Answer()), show).status is Status.INCONCLUSIVE
    mixed = {"the metadata": "1", "the answer": "0"}
    assert identity.serves("version", "1", mixed, exchange(answer=Answer()), show).status is Status.FAIL


def test_certificates_and_names() -> None:
    day = connection.DAY
    assert connection.certificate("x", 0, 30 * day, 1 * day, 7).status is Status.PASS
    assert connection.certificate("x", 0, 5 * day, 1 * day, 7).status is Status.FAIL
    assert connection.certificate("x", 2 * day, 90 * day, 1 * day, 7).status is Status.FAIL
    assert connection.broken(TransportError(ErrorClass.TLS, "expired")).status is Status.FAIL
    assert connection.broken(TransportError(ErrorClass.NAME, "unknown")).status is Status.ERROR
    assert connection.resolves("x", ()).status is Status.ERROR
