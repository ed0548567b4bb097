from __future__ import annotations

import copy
import json
from itertools import chain
from typing import Any

import httpx
import pytest

INFER = "/v2/models/digits/infer"
JSON = {"content-type": "application/json"}


def tensor(rows: list[list[float]], **more: Any) -> dict[str, Any]:
    return {
        "name": "input",
        "shape": [len(rows), 64],
        "datatype": "FP64",
        "data": list(chain.from_iterable(rows)),
        **more,
    }


def refusal(response: httpx.Response, status: int) -> str:
    assert response.status_code == status, response.text
    body = response.json()
    assert body.keys() == {"error"}
    assert isinstance(body["error"], str)
    assert "Traceback" not in body["error"]
    return str(body["error"])


def test_metadata_and_health(client: httpx.Client) -> None:
    assert client.get("/v2").json() == {"name": "reference", "version": "1", "extensions": []}
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    for prefix in ("/v2/models/digits", "/v2/models/digits/versions/1"):
        assert client.get(f"{prefix}/ready").json() == {"name": "digits", "ready": True}
        data = client.get(prefix).json()
        assert data["versions"] == ["1"]
        assert data["inputs"] == [{"name": "input", "datatype": "FP64", "shape": [-1, 64]}]


@pytest.mark.parametrize("path", [INFER, "/v2/models/digits/versions/1/infer"])
def test_infers_what_the_plain_protocol_does(client: httpx.Client, rows: list[list[float]], path: str) -> None:
    plain = client.post("/predict", json={"instances": rows}).json()
    answer = client.post(path, json={"id": "n-1", "inputs": [tensor(rows)]}).json()
    assert (answer["model_name"], answer["model_version"], answer["id"]) == ("digits", "1", "n-1")
    label, probabilities = answer["outputs"]
    assert label == {"name": "label", "shape": [3], "datatype": "INT64", "data": plain["predictions"]}
    assert (probabilities["name"], probabilities["datatype"], probabilities["shape"]) == (
        "probabilities",
        "FP64",
        [3, 10],
    )
    assert probabilities["data"] == list(chain.from_iterable(plain["probabilities"]))


def test_nested_data_and_fp32_are_accepted(client: httpx.Client, rows: list[list[float]]) -> None:
    flat = client.post(INFER, json={"inputs": [tensor(rows)]}).json()
    nested = client.post(INFER, json={"inputs": [tensor(rows, data=rows, datatype="FP32")]}).json()
    assert flat == nested
    assert "id" not in flat


def test_outputs_asked_for(client: httpx.Client, rows: list[list[float]]) -> None:
    body = {"inputs": [tensor(rows)], "outputs": [{"name": "probabilities"}]}
    assert [output["name"] for output in client.post(INFER, json=body).json()["outputs"]] == ["probabilities"]


ZEROS = {"inputs": [{"name": "input", "shape": [1, 64], "datatype": "FP64", "data": [0] * 64}]}


def _with(**more: Any) -> dict[str, Any]:
    body: dict[str, Any] = copy.deepcopy(ZEROS)
    body["inputs"][0] |= more
    return body


def _without(name: str) -> dict[str, Any]:
    body: dict[str, Any] = copy.deepcopy(ZEROS)
    del body["inputs"][0][name]
    return body


BAD: dict[str, Any] = {
    "array": [],
    "string": "hi",
    "no-inputs": {},
    "empty-inputs": {"inputs": []},
    "inputs-object": {"inputs": {}},
    "input-number": {"inputs": [1]},
    "twice": {"inputs": ZEROS["inputs"] * 2},
    "unknown-name": _with(name="image"),
    "no-name": _without("name"),
    "no-shape": _without("shape"),
    "no-datatype": _without("datatype"),
    "no-data": _without("data"),
    "two-rows-announced": _with(shape=[2, 64]),
    "63-announced": _with(shape=[1, 63]),
    "shape-1d": _with(shape=[64]),
    "shape-3d": _with(shape=[1, 8, 8]),
    "negative-shape": _with(shape=[-1, 64]),
    "no-rows": _with(shape=[0, 64], data=[]),
    "shape-float": _with(shape=[1.0, 64]),
    "shape-boolean": _with(shape=[True, 64]),
    "shape-huge": _with(shape=[2**70, 64]),
    "int64": _with(datatype="INT64"),
    "fp99": _with(datatype="FP99"),
    "datatype-list": _with(datatype=["FP64"]),
    "data-string": _with(data="0"),
    "data-strings": _with(data=["0"] * 64),
    "data-booleans": _with(data=[True] * 64),
    "data-mixed": _with(data=[0] * 63 + [[0]]),
    "data-ragged": _with(shape=[2, 64], data=[[0] * 64, [0] * 63]),
    "data-half-nested": _with(shape=[2, 64], data=[[0] * 64, 0]),
    "data-over": _with(data=[17] * 64),
    "id-number": {"id": 5, **ZEROS},
    "unknown-output": {"outputs": [{"name": "nope"}], **ZEROS},
    "nameless-output": {"outputs": [{}], **ZEROS},
    "same-output": {"outputs": [{"name": "label"}] * 2, **ZEROS},
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD.keys())
def test_a_bad_body_is_refused_in_the_protocols_shape(client: httpx.Client, body: Any) -> None:
    refusal(client.post(INFER, json=body), 400)


def test_bytes_that_are_no_request(client: httpx.Client) -> None:
    refusal(client.post(INFER, content=b"{", headers=JSON), 400)
    refusal(client.post(INFER, content=json.dumps(_with(data=[float("nan")] * 64)).encode(), headers=JSON), 400)
    refusal(client.post(INFER, content=b"{}", headers={"content-type": "text/plain"}), 415)
    binary = {"inference-header-content-length": "2"}
    assert "binary" in refusal(client.post(INFER, content=b"{}", headers={**JSON, **binary}), 400)


def test_unknown_models_versions_and_paths(client: httpx.Client) -> None:
    for path in ("/v2/models/nope", "/v2/models/nope/ready", "/v2/models/digits/versions/9", "/v2/", "/v2/nope"):
        refusal(client.get(path), 404)
    refusal(client.post("/v2/models/nope/infer", json=ZEROS), 404)
    refusal(client.post("/v2/models/digits/versions/9/infer", json=ZEROS), 404)
    refusal(client.get(INFER), 405)
