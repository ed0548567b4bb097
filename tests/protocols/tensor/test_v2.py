"""V2 over HTTP: recorded answers, requests made from metadata, tensors there and back, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.adapter import Facts
from harness.core.endpoint import Endpoint
from harness.core.errors import ProtocolError, UsageError
from harness.core.exchange import Query, Response
from harness.protocols.shared import tensors
from harness.protocols.tensor.v2 import ADAPTER
from tests.protocols.recorded import Server, load

ENDPOINT = Endpoint("http://127.0.0.1:1", model="digits")
ANSWERS = load("answers")
PROBES = load("probes")


def facts(*inputs: tuple[str, str, list[int]]) -> Facts:
    named = [{"name": name, "datatype": datatype, "shape": shape} for name, datatype, shape in inputs]
    return Facts(("digits",), "1", {"inputs": named})


DIGITS = facts(("image", "FP64", [-1, 64]))


def encode_inputs(query: Query, known: Facts = DIGITS, endpoint: Endpoint = ENDPOINT) -> list[dict[str, Any]]:
    inputs = json.loads(ADAPTER.encode(endpoint, query, known).body)["inputs"]
    assert isinstance(inputs, list)
    return inputs


@pytest.mark.parametrize(
    ("name", "outputs", "version"),
    [
        ("mlserver", {"predict": [[0], [0], [0]]}, "1"),
        ("kserve", {"label": [0, 0, 0]}, None),
    ],
)
def test_recorded_answer(name: str, outputs: dict[str, Any], version: str | None) -> None:
    answer = ADAPTER.decode(ENDPOINT, Response(200, body=ANSWERS[f"v2/{name}"].encode()))
    assert (answer.outputs, answer.model, answer.version) == (outputs, "digits", version)
    assert answer.complete


def test_recorded_answer_of_two_outputs() -> None:
    answer = ADAPTER.decode(ENDPOINT, Response(200, body=ANSWERS["v2/triton"].encode()))
    assert answer.outputs["label"] == [[0], [0], [0]]
    assert np.shape(answer.outputs["probs"]) == (3, 10)
    assert (answer.model, answer.version) == ("digits", "1")


@pytest.mark.parametrize(
    ("server", "inputs", "version"),
    [
        ("triton", [{"name": "image", "datatype": "FP64", "shape": [-1, 64]}], "1"),
        ("mlserver", [{"name": "predict", "datatype": "FP64", "shape": [-1, 64]}], None),
        ("kserve-v2", [], None),
    ],
)
def test_recorded_metadata(server: str, inputs: list[Any], version: str | None) -> None:
    pages = Server(PROBES[server])
    answers = {role: pages[request.path].response for role, request in ADAPTER.probes(ENDPOINT).items()}
    there = {role: response for role, response in answers.items() if response is not None}
    recognition = ADAPTER.recognise(ENDPOINT, there)
    assert recognition.score == 1.0
    assert (recognition.facts.models, recognition.facts.version) == (("digits",), version)
    assert recognition.facts.inputs["inputs"] == inputs
    assert {output["name"] for output in recognition.facts.inputs.get("outputs", [])} <= {"label", "probs", "predict"}
    assert ADAPTER.identity(there) == ("digits", version)


def test_one_of_several_versions_is_not_guessed() -> None:
    for versions, version in ((["1", "2"], None), (["2"], "2"), ([], None), (None, None)):
        page = {"name": "digits", "versions": versions, "inputs": [], "outputs": []}
        answers = {"metadata": Response(200, body=json.dumps(page).encode())}
        assert ADAPTER.identity(answers) == ("digits", version)
        assert ADAPTER.recognise(ENDPOINT, answers).facts.version == version


def test_the_one_listed_model_is_spoken_to() -> None:
    unnamed = Endpoint("http://127.0.0.1:1")
    pages = Server(PROBES["kserve-v1"])
    answers = {role: pages[request.path].response for role, request in ADAPTER.probes(unnamed).items()}
    known = ADAPTER.recognise(unnamed, {role: page for role, page in answers.items() if page is not None}).facts
    assert known.models == ("digits",)
    assert ADAPTER.encode(unnamed, Query([[1.0]]), known).path == "/v2/models/digits/infer"


def test_sample_is_zeros_in_the_stated_shape() -> None:
    query = ADAPTER.sample(ENDPOINT, DIGITS)
    assert query.inputs == [[0.0] * 64]
    assert encode_inputs(query) == [{"name": "image", "shape": [1, 64], "datatype": "FP64", "data": [0.0] * 64}]


def test_sample_of_several_inputs() -> None:
    known = facts(("ids", "INT64", [-1, 2]), ("text", "BYTES", [-1]), ("on", "BOOL", [1]), ("x", "FP32", []))
    query = ADAPTER.sample(ENDPOINT, known)
    assert query.inputs == {"ids": [[0, 0]], "text": ["hello"], "on": [False], "x": 0.0}
    assert [(item["shape"], item["data"]) for item in encode_inputs(query, known)] == [
        ([1, 2], [0, 0]),
        ([1], ["hello"]),
        ([1], [False]),
        ([], [0.0]),
    ]


@pytest.mark.parametrize(
    ("sample", "known", "batches"),
    [
        (None, facts(("x", "FP32", [-1, 64])), True),
        ([0.5, 0.5], facts(("x", "FP32", [-1, 2])), True),
        (None, facts(("x", "FP32", [1, 64])), False),
        ([[0.5]], facts(("x", "FP32", [1, 1])), False),
        (None, facts(("x", "FP32", [64])), False),
        (None, facts(("x", "BYTES", [-1])), False),
        (None, facts(("x", "FP32", [])), False),
        (None, facts(("a", "FP32", [-1, 1]), ("b", "INT64", [-1])), True),
        (None, facts(("a", "FP32", [-1, 1]), ("b", "INT64", [1])), False),
        ([[0.5]], Facts(), True),
        ({"a": [1], "b": [2]}, Facts(), True),
        ([0.5], Facts(), False),
        (["a text"], Facts(), False),
    ],
)
def test_batches_are_what_the_metadata_allow(sample: Any, known: Facts, batches: bool) -> None:
    able = ADAPTER.capabilities(Endpoint("http://h", model="digits", sample=sample), known)
    assert (able.batches, able.tensors) == (batches, True)


def test_without_metadata_the_sample_is_the_first_row_of_the_data() -> None:
    endpoint = Endpoint("http://127.0.0.1:1", model="digits", data_sample=[[1.0, 2.0]])
    assert ADAPTER.sample(endpoint, Facts()).inputs == [[1.0, 2.0]]
    assert ADAPTER.sample(endpoint, DIGITS).inputs != [[1.0, 2.0]]


def test_configured_sample_wins() -> None:
    endpoint = Endpoint("http://127.0.0.1:1", model="digits", sample=[[1.0, 2.0]])
    assert ADAPTER.sample(endpoint, DIGITS).inputs == [[1.0, 2.0]]


@pytest.mark.parametrize(
    ("endpoint", "known", "says"),
    [
        (Endpoint("http://h"), Facts(), "--ai-model"),
        (Endpoint("http://h"), Facts(("a", "b")), "lists a, b"),
        (Endpoint("http://h"), Facts(("a",)), "were not requested"),
        (Endpoint("http://h", model="a"), Facts(), "were not answered"),
        (Endpoint("http://h", model="a"), facts(), r"name no inputs; .*\[endpoint\] sample"),
        (Endpoint("http://h", model="a"), facts(("x", "FP32", [1000, 1000, 1000])), "1000000000 elements"),
    ],
)
def test_no_sample_says_which_setting(endpoint: Endpoint, known: Facts, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        ADAPTER.sample(endpoint, known)


@pytest.mark.parametrize(
    ("inputs", "known", "shape", "datatype", "data"),
    [
        ([[1, 2], [3, 4]], facts(("x", "FP32", [-1, 2])), [2, 2], "FP32", [1, 2, 3, 4]),
        ([1, 2], facts(("x", "FP32", [-1, 2])), [1, 2], "FP32", [1, 2]),
        ([1.0, 2.5], facts(("x", "INT32", [-1])), [2], "INT32", [1, 2.5]),
        ("a prompt", facts(("x", "BYTES", [-1])), [1], "BYTES", ["a prompt"]),
        ([[1.5]], Facts(("m",)), [1, 1], "FP64", [1.5]),
        ([[1, 2]], Facts(("m",)), [1, 2], "INT64", [1, 2]),
        (["a"], Facts(("m",)), [1], "BYTES", ["a"]),
        ([True], Facts(("m",)), [1], "BOOL", [True]),
        ([1, 2.0], Facts(("m",)), [2], "FP64", [1, 2.0]),
        ([], facts(("x", "FP32", [-1])), [0], "FP32", []),
        ([[1] * 63], DIGITS, [1, 63], "FP64", [1] * 63),
    ],
)
def test_encode(inputs: Any, known: Facts, shape: list[int], datatype: str, data: list[Any]) -> None:
    (tensor,) = encode_inputs(Query(inputs), known)
    assert (tensor["shape"], tensor["datatype"], tensor["data"]) == (shape, datatype, data)


def test_encode_paths_and_options() -> None:
    endpoint = Endpoint("http://127.0.0.1:1", model="a/b c", version="2")
    request = ADAPTER.encode(endpoint, Query([1.0], options={"id": "7"}), Facts())
    assert request.path == "/v2/models/a%2Fb%20c/versions/2/infer"
    assert json.loads(request.body)["id"] == "7"
    paths = {role: probe.path for role, probe in ADAPTER.probes(endpoint).items()}
    assert paths["metadata"] == "/v2/models/a%2Fb%20c/versions/2"
    assert paths["model_ready"] == "/v2/models/a%2Fb%20c/versions/2/ready"


@pytest.mark.parametrize(
    ("query", "known"),
    [
        (Query([[1, 2], [3]]), DIGITS),
        (Query([float("nan")]), DIGITS),
        (Query([1.0], stream=True), DIGITS),
        (Query([1.0]), facts(("a", "FP32", [-1]), ("b", "FP32", [-1]))),
    ],
)
def test_query_that_cannot_be_expressed(query: Query, known: Facts) -> None:
    with pytest.raises(UsageError):
        ADAPTER.encode(ENDPOINT, query, known)


def body(*outputs: Any, **more: Any) -> bytes:
    return json.dumps({"model_name": "m", "outputs": list(outputs)} | more).encode()


def tensor(**changes: Any) -> dict[str, Any]:
    return {"name": "y", "datatype": "FP32", "shape": [1, 2], "data": [0.5, 0.5]} | changes


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (b"", "empty"),
        (b"{}", r"\$\.outputs: null"),
        (body(), r"\$\.outputs: no output"),
        (body(3), r"\$\.outputs\[0\]: a number"),
        (body(tensor(), tensor()), r"\$\.outputs\[1\]\.name"),
        (body(tensor(name=None)), r"\$\.outputs\[0\]\.name"),
        (body(tensor(datatype="FP99")), r"\$\.outputs\[0\]\.datatype: 'FP99'"),
        (body(tensor(datatype=["FP32"])), r"\$\.outputs\[0\]\.datatype"),
        (body(tensor(shape=None)), r"\$\.outputs\[0\]\.shape: null"),
        (body(tensor(shape=[-1, 2])), r"\$\.outputs\[0\]\.shape\[0\]"),
        (body(tensor(shape=[1.0, 2])), r"\$\.outputs\[0\]\.shape\[0\]"),
        (body(tensor(shape=[1] * 33)), r"33 dimensions"),
        (body(tensor(shape=[2, 2])), r"\$\.outputs\[0\]\.data: 2 elements where the shape \[2, 2\]"),
        (body(tensor(shape=[10**9, 10**9, 0])), r"\$\.outputs\[0\]\.data: 2 elements"),
        (body(tensor(data=[[0.5], [0.5]])), r"nested data of shape \[2, 1\] where \[1, 2\]"),
        (body(tensor(data=[[0.5], [0.5, 1]])), r"different shapes"),
        (body(tensor(data=None)), r"\$\.outputs\[0\]\.data: null"),
        (body(tensor(data=[0.5, None])), r"\$\.outputs\[0\]\.data\[1\]: None \(null\) is not a valid FP32"),
        (body(tensor(data=[0.5, "1"])), r"data\[1\]"),
        (body(tensor(data=[0.5, True])), r"data\[1\]"),
        (body(tensor(datatype="INT64", data=[1, 1.5])), r"data\[1\]: 1.5 \(a number\) is not a valid INT64"),
        (body(tensor(datatype="UINT8", data=[255, 256])), r"data\[1\]: 256"),
        (body(tensor(datatype="INT8", data=[-128, -129])), r"data\[1\]: -129"),
        (body(tensor(datatype="BOOL", data=[True, 1])), r"data\[1\]"),
        (body(tensor(datatype="BYTES", data=["a", 1])), r"data\[1\]"),
        (body({k: v for k, v in tensor(parameters={"binary_data_size": 8}).items() if k != "data"}), "binary"),
        (body(tensor(parameters=3)), r"\$\.outputs\[0\]\.parameters"),
        (body(tensor(), model_name=3), r"\$\.model_name"),
        (body(tensor(), error="out of memory"), r"\$\.error: .*out of memory"),
        (body(tensor()).replace(b"0.5,", b"NaN,"), "bare NaN"),
    ],
)
def test_refused_answer(text: bytes, place: str) -> None:
    with pytest.raises(ProtocolError, match=place):
        ADAPTER.decode(ENDPOINT, Response(200, body=text))


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (tensor(), [[0.5, 0.5]]),
        (tensor(data=[[0.5, 0.5]]), [[0.5, 0.5]]),
        (tensor(shape=[], data=[7]), 7),
        (tensor(shape=[10**12, 0], data=[]), []),
        (tensor(datatype="INT64", data=[2**63 - 1, -(2**63)]), [[2**63 - 1, -(2**63)]]),
        (tensor(datatype="BYTES", shape=[2], data=["a", "é"]), ["a", "é"]),
        (tensor(parameters=None), [[0.5, 0.5]]),
    ],
)
def test_read_tensor(given: dict[str, Any], read: Any) -> None:
    assert ADAPTER.decode(ENDPOINT, Response(200, body=body(given))).outputs == {"y": read}


def test_version_in_numbers_is_told_as_text() -> None:
    assert ADAPTER.decode(ENDPOINT, Response(200, body=body(tensor(), model_version=3))).version == "3"


@given(st.lists(st.integers(1, 4), max_size=4), st.booleans())
def test_numpy_agrees_on_shapes(shape: list[int], nested: bool) -> None:
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    rows = array.tolist()
    assert tensors.find_regular_shape(rows) == array.shape
    assert tensors.flatten_rows(rows) == array.ravel().tolist()
    data = rows if nested and shape else array.ravel().tolist()
    assert tensors.decode_tensor({"datatype": "INT32", "shape": shape, "data": data}, "$") == rows


@given(st.lists(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=3, max_size=3), min_size=1))
def test_round_trip(rows: list[list[float]]) -> None:
    (tensor,) = encode_inputs(Query(rows), facts(("x", "FP64", [-1, 3])))
    assert ADAPTER.decode(ENDPOINT, Response(200, body=body(tensor))).outputs == {"x": rows}


def test_bad_requests_are_each_wrong_in_one_thing() -> None:
    bad = ADAPTER.bad_requests(ENDPOINT, DIGITS)
    short = json.loads(bad["data_shorter_than_shape"].body)["inputs"][0]
    assert (short["shape"], len(short["data"])) == ([1, 64], 63)
    assert json.loads(bad["unknown_datatype"].body)["inputs"][0]["datatype"] == "FP99"
    assert json.loads(bad["unknown_model"].body) == {"inputs": encode_inputs(ADAPTER.sample(ENDPOINT, DIGITS))}
