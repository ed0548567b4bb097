"""TensorFlow Serving by the shapes of its public API document, KServe V1 by recorded answers."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.adapter import Facts
from harness.core.answer_class import AnswerClass, classify_response
from harness.core.endpoint import Endpoint
from harness.core.errors import ProtocolError, UsageError
from harness.core.exchange import Answer, Query, Request, Response
from harness.protocols.shared import tf_metadata
from harness.protocols.tensor.tfserving import ADAPTER
from tests.protocols.recorded import load

ANSWERS = load("rows")
ENDPOINT = Endpoint("http://127.0.0.1:1", model="m")
NOWHERE = Response(404, (("content-type", "application/json"),), b'{"error": "Malformed request: GET /x"}')


def tensor(dtype: str, *dims: int | str, **more: Any) -> dict[str, Any]:
    """An input as GetModelMetadata states it: sizes are text, for protobuf's JSON writes 64-bit numbers so."""
    sizes = [{"size": str(size), "name": ""} for size in dims]
    return {"dtype": dtype, "tensor_shape": {"dim": sizes, "unknown_rank": False, **more}, "name": "x:0"}


def metadata(signature: str = "serving_default", **inputs: dict[str, Any]) -> dict[str, Any]:
    outputs = {"y": tensor("DT_FLOAT", -1, 10)}
    one = {"inputs": inputs, "outputs": outputs, "method_name": "tensorflow/serving/predict"}
    return {
        "model_spec": {"name": "m", "signature_name": "", "version": "3"},
        "metadata": {"signature_def": {"signature_def": {signature: one}}},
    }


def state(*states: tuple[str, str]) -> dict[str, Any]:
    listed = [{"version": v, "state": s, "status": {"error_code": "OK", "error_message": ""}} for v, s in states]
    return {"model_version_status": listed}


def page(value: Any, status: int = 200) -> Response:
    return Response(status, (("content-type", "application/json"),), json.dumps(value).encode())


def known(**inputs: dict[str, Any]) -> Facts:
    return ADAPTER.recognise(
        ENDPOINT, {"metadata": page(metadata("serving_default", **inputs)), "nowhere": NOWHERE}
    ).facts


def body(request: Request) -> Any:
    return json.loads(request.body)


def decode(value: Any) -> Answer:
    return ADAPTER.decode(ENDPOINT, Response(200, body=json.dumps(value).encode()))


@pytest.mark.parametrize(
    ("name", "outputs"),
    [
        ("kserve-v1/one", {"predictions": [0]}),
        ("kserve-v1/three", {"predictions": [0, 0, 0]}),
        ("torchserve-kserve-envelope/one", {"label": [0], "probs": [[1.0] + [0.0] * 9]}),
    ],
)
def test_recorded_answer(name: str, outputs: dict[str, Any]) -> None:
    answer = ADAPTER.decode(ENDPOINT, Response(200, body=ANSWERS[name][2].encode()))
    assert (answer.outputs, answer.text, answer.complete) == (outputs, None, True)


def test_recorded_error_says_the_input_broke_it() -> None:
    status, content_type, answer = ANSWERS["kserve-v1/wrong-shape"]
    response = Response(status, (("content-type", content_type),), answer.encode())
    assert classify_response(response) is AnswerClass.BROKEN
    with pytest.raises(ProtocolError, match=r"\$\.error: .*63 features"):
        ADAPTER.decode(ENDPOINT, Response(200, body=answer.encode()))


@pytest.mark.parametrize(
    ("value", "outputs"),
    [
        ({"predictions": [3.5, 4.0, 5.5]}, {"predictions": [3.5, 4.0, 5.5]}),
        ({"predictions": [{"a": 1, "b": [2]}, {"b": [4], "a": 3}]}, {"a": [1, 3], "b": [[2], [4]]}),
        ({"outputs": [[1.0], [2.0]]}, {"outputs": [[1.0], [2.0]]}),
        ({"outputs": {"a": [1], "b": [[2], [3]]}}, {"a": [1], "b": [[2], [3]]}),
        ({"predictions": [{"b64": "AA=="}]}, {"b64": ["AA=="]}),
        ({"predictions": [{"box": [1, 2], "name": None}]}, {"box": [[1, 2]], "name": [None]}),
        ({"predictions": [1], "error": None, "trace": {"id": "x"}}, {"predictions": [1]}),
        ({"predictions": 7}, {"predictions": 7}),
    ],
)
def test_what_is_the_answer(value: Any, outputs: dict[str, Any]) -> None:
    assert decode(value).outputs == outputs


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({}, r"^\$: neither predictions nor outputs"),
        ([], r"^\$: an array"),
        ({"predictions": None}, r"^\$\.predictions: null"),
        ({"predictions": [[1.0, None]]}, r"^\$\.predictions\[0\]\[1\]: null"),
        ({"predictions": [{"a": 1}, {"b": 1}]}, r"^\$\.predictions\[1\]: a row with other fields"),
        ({"predictions": [{"a": 1}, 2]}, r"^\$\.predictions\[1\]: a number among"),
        ({"predictions": [{}]}, r"^\$\.predictions\[0\]: a row without a field"),
        ({"outputs": {"a": [1, None]}}, r"^\$\.outputs\.a\[1\]: null"),
        ({"error": "Servable not found for request: Latest(m)"}, r"^\$\.error: .*Servable not found"),
    ],
)
def test_refused_answer(value: Any, place: str) -> None:
    with pytest.raises(ProtocolError, match=place):
        decode(value)


@pytest.mark.parametrize("number", [b"NaN", b"-Infinity", b"1e999"])
def test_numbers_that_are_none(number: bytes) -> None:
    """The API's document allows the bare tokens; strict clients cannot read them."""
    with pytest.raises(ProtocolError, match=r"NaN|Infinity|not finite"):
        ADAPTER.decode(ENDPOINT, Response(200, body=b'{"predictions": [[1.0, ' + number + b"]]}"))


_NUMBERS = st.integers(-(2**63), 2**64) | st.floats(allow_nan=False, allow_infinity=False)


@given(rows=st.lists(st.fixed_dictionaries({"a": _NUMBERS, "b": st.lists(_NUMBERS, max_size=3)}), min_size=1))
def test_rows_there_and_back(rows: list[dict[str, Any]]) -> None:
    columns = {"a": [row["a"] for row in rows], "b": [row["b"] for row in rows]}
    assert decode({"predictions": rows}).outputs == columns == decode({"outputs": columns}).outputs


@pytest.mark.parametrize(
    ("inputs", "facts", "sent"),
    [
        ([[1.0, 2.0]], Facts(), {"instances": [[1.0, 2.0]]}),
        ([{"a": 1}, {"a": 2}], Facts(), {"instances": [{"a": 1}, {"a": 2}]}),
        ({"a": [1], "b": [[2]]}, Facts(), {"inputs": {"a": [1], "b": [[2]]}}),
        ([0.0, 5.0], known(x=tensor("DT_INT32", -1, 2)), {"instances": [[0, 5]]}),
        ([[0.0, 5.0]], known(x=tensor("DT_INT32", -1, 2)), {"instances": [[0, 5]]}),
        (["a", "b"], known(x=tensor("DT_STRING", -1)), {"instances": ["a", "b"]}),
        ({"x": [1.0]}, known(x=tensor("DT_UINT8", -1, 1)), {"inputs": {"x": [[1]]}}),
        ([{"x": [0.5]}], known(x=tensor("DT_FLOAT", -1, 1)), {"instances": [{"x": [0.5]}]}),
    ],
)
def test_body(inputs: Any, facts: Facts, sent: Any) -> None:
    request = ADAPTER.encode(ENDPOINT, Query(inputs), facts)
    assert (request.method, request.path, body(request)) == ("POST", "/v1/models/m:predict", sent)


def test_paths_and_options() -> None:
    endpoint = Endpoint("http://h", model="a/b c", version="3")
    request = ADAPTER.encode(endpoint, Query([[1]], options={"signature_name": "other"}), Facts())
    assert request.path == "/v1/models/a%2Fb%20c/versions/3:predict"
    assert body(request) == {"instances": [[1]], "signature_name": "other"}
    assert ADAPTER.probes(endpoint)["metadata"].path == "/v1/models/a%2Fb%20c/versions/3/metadata"
    assert ADAPTER.encode(Endpoint("http://h"), Query([1]), Facts(("only",))).path == "/v1/models/only:predict"
    with pytest.raises(UsageError, match=r"--ai-model or \[endpoint\] model; the service lists a, b"):
        ADAPTER.sample(Endpoint("http://h"), Facts(("a", "b")))


def test_sample_of_the_signature() -> None:
    facts = known(image=tensor("DT_FLOAT", -1, 2, 2))
    assert facts.inputs["inputs"] == [{"name": "image", "datatype": "FP32", "shape": [-1, 2, 2]}]
    assert (facts.models, facts.version) == (("m",), "3")
    assert ADAPTER.sample(ENDPOINT, facts).inputs == [[[0.0, 0.0], [0.0, 0.0]]]
    two = known(a=tensor("DT_INT64", -1, 1), b=tensor("DT_STRING", -1, 1))
    query = ADAPTER.sample(ENDPOINT, two)
    assert query.inputs == {"a": [[0]], "b": [["hello"]]}
    assert body(ADAPTER.encode(ENDPOINT, query, two)) == {"inputs": query.inputs}
    with pytest.raises(UsageError, match="the model takes a, b"):
        ADAPTER.encode(ENDPOINT, Query([[1]]), two)
    with pytest.raises(UsageError, match=r"\[endpoint\] sample"):
        ADAPTER.sample(ENDPOINT, Facts(("m",)))


def test_a_signature_of_another_name_is_named() -> None:
    answers = {"metadata": page(metadata("score", x=tensor("DT_DOUBLE", -1, 1)))}
    facts = ADAPTER.recognise(ENDPOINT, answers).facts
    assert body(ADAPTER.encode(ENDPOINT, Query([[1.5]]), facts)) == {"signature_name": "score", "instances": [[1.5]]}


@pytest.mark.parametrize(
    "info",
    [
        tensor("DT_FLOAT", unknown_rank=True),
        tensor("DT_COMPLEX64", 1),
        tensor("DT_FLOAT", "many"),
        {**tensor("DT_FLOAT", 1), "dtype": ["DT_FLOAT"]},
        {"dtype": "DT_FLOAT"},
        {**tensor("DT_FLOAT"), "tensor_shape": {"dim": [{"name": ""}]}},
        {**tensor("DT_FLOAT"), "tensor_shape": {"dim": [{"size": "1"}] * 40}},
        {**tensor("DT_FLOAT"), "tensor_shape": {"dim": 3}},
        "DT_FLOAT",
    ],
)
def test_an_input_that_is_not_known_makes_no_sample(info: Any) -> None:
    assert tf_metadata.describe_inputs({"serving_default": {"inputs": {"x": info, "y": tensor("DT_FLOAT", 1)}}}) == {}


@pytest.mark.parametrize(
    ("answers", "score", "version", "words"),
    [
        ({"metadata": page(metadata(x=tensor("DT_FLOAT", -1, 2)))}, 1.0, "3", r"inputs x FP32\[-1, 2\]"),
        ({"metadata": page(metadata())}, 1.0, "3", "inputs unknown"),
        ({"model_ready": page(state(("123", "AVAILABLE")))}, 0.9, "123", "version 123 AVAILABLE"),
        ({"model_ready": page(state(("1", "END"), ("2", "LOADING")))}, 0.9, None, "version 2 LOADING"),
        ({"model_ready": page({"name": "m", "ready": True})}, 0.8, None, "KServe V1 does: ready"),
        ({"model_ready": page({"name": "m", "ready": False})}, 0.8, None, "not ready"),
        ({"models": page({"models": ["digits"]})}, 0.6, None, "lists names as KServe does: digits"),
        ({"models": page({"error": "Missing model name in request."}, 400)}, 0.6, None, "--ai-model"),
        ({"models": page({"error": "no"}, 400)}, 0.0, None, "nothing"),
        ({"models": page({"data": [{"id": "m"}]})}, 0.0, None, "nothing"),
        ({"model_ready": page({"id": "m", "object": "model"})}, 0.0, None, "nothing"),
        ({"model_ready": page({"model_version_status": [{"state": "AVAILABLE"}]})}, 0.0, None, "nothing"),
    ],
)
def test_recognition(answers: dict[str, Response], score: float, version: str | None, words: str) -> None:
    recognition = ADAPTER.recognise(ENDPOINT, {**answers, "nowhere": NOWHERE})
    assert (recognition.score, recognition.facts.version) == (score, version)
    assert re.search(words, recognition.reason)


def test_identity() -> None:
    assert ADAPTER.identity({"metadata": page(metadata())}) == ("m", "3")
    assert ADAPTER.identity({"model_ready": page(state(("7", "AVAILABLE"), ("6", "UNLOADING")))}) == (None, "7")
    assert ADAPTER.identity({"model_ready": page({"name": "digits", "ready": True})}) == ("digits", None)
    assert ADAPTER.identity({"models": page({"models": ["digits"]})}) == ("digits", None)
    assert ADAPTER.identity({"models": page({"models": ["digits", "faces"]})}) == (None, None)


def test_batches_as_the_signature_says() -> None:
    def batches(facts: Facts, sample: Any = None) -> bool:
        return ADAPTER.capabilities(Endpoint("http://h", model="m", sample=sample), facts).batches

    assert batches(known(x=tensor("DT_FLOAT", -1, 2)))
    assert not batches(known(x=tensor("DT_FLOAT", 1, 2)))
    assert not batches(known(x=tensor("DT_FLOAT", -1)))
    assert batches(Facts(), [[1.0]])
    assert not batches(Facts(), "text")
