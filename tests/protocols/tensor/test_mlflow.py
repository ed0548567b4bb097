"""MLflow: recorded answers of its scoring server, the forms of input, and what tells it from SageMaker's containers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.adapter import Facts
from harness.core.endpoint import Endpoint, Template
from harness.core.errors import ProtocolError, UsageError
from harness.core.exchange import Answer, Query, Response
from harness.protocols.tensor.mlflow import ADAPTER
from tests.protocols.recorded import load

ANSWERS = load("rows")
SPLIT = {"columns": ["a", "b"], "data": [[1.0, 0.5], [2.0, 0.25]]}
EMPTY = Response(200, (("content-type", "application/json"),), b"\n")
NOT_FOUND = Response(404, (("content-type", "application/json"),), b'{"detail":"Not Found"}')
ROUTE = {"live": EMPTY, "route": Response(405), "nowhere": NOT_FOUND, "version": NOT_FOUND}


def endpoint(sample: Any = None, **more: Any) -> Endpoint:
    return Endpoint("http://127.0.0.1:1", sample=sample, **more)


def decode_recorded(name: str) -> Answer:
    status, _, body = ANSWERS[name]
    return ADAPTER.decode(endpoint(), Response(status, body=body.encode()))


def decode(value: Any) -> Answer:
    return ADAPTER.decode(endpoint(), Response(200, body=json.dumps(value).encode()))


def body(inputs: Any, sample: Any = None, **options: Any) -> Any:
    request = ADAPTER.encode(endpoint(sample), Query(inputs, options=options), Facts())
    assert (request.method, request.path) == ("POST", "/invocations")
    return json.loads(request.body)


@pytest.mark.parametrize(
    ("name", "outputs"),
    [
        *((f"mlflow/{form}", {"predictions": [0]}) for form in ("one", "instances", "dataframe_split")),
        ("mlflow/dataframe_records", {"predictions": [0]}),
        ("mlflow-no-signature/one", {"predictions": [0]}),
        ("mlflow/three", {"predictions": [0, 0, 0]}),
        ("mlflow/frame", {"score": [6.0, 7.0], "label": ["high", "high"], "gap": [6.0, 7.0]}),
    ],
)
def test_recorded_answer(name: str, outputs: dict[str, Any]) -> None:
    assert decode_recorded(name).outputs == outputs


def test_recorded_text() -> None:
    answer = decode_recorded("mlflow/text")
    assert (answer.text, answer.outputs) == ("n = 1", {})


@pytest.mark.parametrize("name", ["mlflow/nan", "mlflow/frame-nan"])
def test_recorded_nan_in_a_success_is_invalid(name: str) -> None:
    """MLflow 3.17.2 writes NaN as it is, into a body that says it is JSON."""
    with pytest.raises(ProtocolError, match="bare NaN"):
        decode_recorded(name)


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ([0, 0], r"^\$: an array where an object"),
        ({"result": [0]}, r"^\$: no predictions"),
        ({"predictions": None}, r"^\$\.predictions: null"),
        ({"predictions": [1.0, None]}, r"^\$\.predictions\[1\]: null"),
        ({"predictions": [{"a": 1}, {"a": 1, "b": 2}]}, r"^\$\.predictions\[1\]: a row with other fields"),
        ({"error_code": "BAD_REQUEST", "message": "no such input"}, r"^\$\.error: .*no such input"),
        ({"error": "x", "predictions": [0]}, r"^\$\.error: .*x"),
    ],
)
def test_refused_answer(value: Any, place: str) -> None:
    with pytest.raises(ProtocolError, match=place):
        decode(value)


@pytest.mark.parametrize(
    ("inputs", "sample", "sent"),
    [
        ([[1.0, 2.0]], None, {"inputs": [[1.0, 2.0]]}),
        ({"x": [[1.0]]}, None, {"inputs": {"x": [[1.0]]}}),
        ("a text", None, {"inputs": "a text"}),
        (SPLIT, None, {"dataframe_split": SPLIT}),
        ([{"a": 1.0, "b": "x"}], None, {"dataframe_records": [{"a": 1.0, "b": "x"}]}),
        ([[3.0, 4.0]], SPLIT, {"dataframe_split": {"columns": ["a", "b"], "data": [[3.0, 4.0]]}}),
        ([3.0, 4.0], SPLIT, {"dataframe_split": {"columns": ["a", "b"], "data": [[3.0, 4.0]]}}),
        ([{"a": 1.0, "b": 2.0}], SPLIT, {"dataframe_records": [{"a": 1.0, "b": 2.0}]}),
    ],
)
def test_body(inputs: Any, sample: Any, sent: Any) -> None:
    assert body(inputs, sample) == sent
    assert body(inputs, sample, params={"top": 1}) == {**sent, "params": {"top": 1}}


@given(rows=st.lists(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=2), min_size=1))
def test_rows_keep_the_sample_s_columns(rows: list[list[float]]) -> None:
    assert body(rows, SPLIT) == {"dataframe_split": {"columns": ["a", "b"], "data": rows}}


def test_sample() -> None:
    assert ADAPTER.sample(endpoint(SPLIT), Facts()).inputs == SPLIT["data"]
    assert ADAPTER.capabilities(endpoint(SPLIT), Facts()).batches
    assert ADAPTER.sample(endpoint([{"a": 1}]), Facts()).inputs == [{"a": 1}]
    with pytest.raises(UsageError, match=r"\[endpoint\] sample"):
        ADAPTER.sample(endpoint(), Facts())


@pytest.mark.parametrize(
    ("answers", "score", "words"),
    [
        ({"version": Response(200, body=b"3.17.2")}, 1.0, "GET /version answered 3.17.2"),
        ({"version": Response(200, body=b"2.9.2.dev0\n")}, 1.0, "2.9.2.dev0"),
        ({}, 0.3, "it may be any SageMaker container"),
        ({"live": Response(200, body=b"pong")}, 0.3, "template.path /invocations"),
        ({"version": Response(200, body=b'{"version":"0.32.0"}')}, 0.0, "did not answer with a version of MLflow"),
        ({"version": Response(200, body=b"3.17.2"), "route": NOT_FOUND}, 0.0, "not both found"),
        ({"version": Response(200, body=b"3.17.2"), "live": NOT_FOUND}, 0.0, "not both found"),
    ],
)
def test_recognition(answers: dict[str, Response], score: float, words: str) -> None:
    recognition = ADAPTER.recognise(endpoint(), {**ROUTE, **answers})
    assert recognition.score == score
    assert words in recognition.reason
    assert ADAPTER.capabilities(endpoint(), recognition.facts).readiness is (score > 0)


def test_a_configured_template_means_plain_json() -> None:
    spoken = endpoint(template=Template(path="/invocations"))
    assert ADAPTER.recognise(spoken, {**ROUTE, "version": Response(200, body=b"3.17.2")}).score == 0.8
