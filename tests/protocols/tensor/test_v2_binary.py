"""V2's binary tensors behind the JSON, and the quick way of reading answers, which says what the strict one says."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.core.adapter import Facts
from harness.core.endpoint import Endpoint
from harness.core.errors import ProtocolError
from harness.core.exchange import Query, Response
from harness.protocols.shared import v2_answer
from harness.protocols.tensor.v2 import ADAPTER
from tests.fuzz.mutation import mutate_seeds
from tests.protocols.recorded import load

ENDPOINT = Endpoint("http://127.0.0.1:1", model="m", binary=True)
FACTS = Facts(
    ("m",),
    None,
    {
        "inputs": [
            {"name": "x", "datatype": "FP32", "shape": [-1, 2]},
            {"name": "t", "datatype": "BYTES", "shape": [-1]},
        ]
    },
)


def test_a_request_has_its_elements_behind_the_json() -> None:
    query = Query({"x": [[1.0, 2.0]], "t": ["é"]}, options={"id": "7", "parameters": {"a": 1}})
    request = ADAPTER.encode(ENDPOINT, query, FACTS)
    headers = dict(request.headers)
    assert headers["content-type"] == "application/octet-stream"
    length = int(headers["inference-header-content-length"])
    head, rest = json.loads(request.body[:length]), request.body[length:]
    assert head == {
        "inputs": [
            {"name": "x", "shape": [1, 2], "datatype": "FP32", "parameters": {"binary_data_size": 8}},
            {"name": "t", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": 6}},
        ],
        "id": "7",
        "parameters": {"binary_data_output": True, "a": 1},
    }
    assert rest == struct.pack("<2f", 1.0, 2.0) + b"\x02\0\0\0" + "é".encode()


def body(outputs: list[dict[str, Any]], rest: bytes = b"", length: str | None = None) -> Response:
    head = json.dumps({"model_name": "m", "outputs": outputs}).encode()
    stated = str(len(head)) if length is None else length
    return Response(200, (("inference-header-content-length", stated),), head + rest)


def tensor(size: Any = 8, **more: Any) -> dict[str, Any]:
    return {"name": "y", "datatype": "FP32", "shape": [1, 2], "parameters": {"binary_data_size": size}} | more


@pytest.mark.parametrize("endpoint", [ENDPOINT, Endpoint("http://127.0.0.1:1")])
def test_answers_in_bytes_are_read_asked_or_not(endpoint: Endpoint) -> None:
    json_tensor = {"name": "label", "datatype": "INT64", "shape": [1], "data": [3]}
    text = {"name": "t", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": 5, "other": None}}
    answer = ADAPTER.decode(
        endpoint, body([tensor(), json_tensor, text], struct.pack("<2f", 0.5, 1.5) + b"\x01\0\0\0a")
    )
    assert answer.outputs == {"y": [[0.5, 1.5]], "label": [3], "t": ["a"]}
    assert answer.value["outputs"][1] == json_tensor


@pytest.mark.parametrize(
    "response",
    [
        body([tensor()], b"1234567"),
        body([tensor()], b"123456789"),
        body([tensor(7)], b"1234567"),
        body([tensor(-8)], b"12345678"),
        body([tensor("8")], b"12345678"),
        body([tensor(True)], b"1"),
        body([tensor(data=[1.0, 2.0])], b"12345678"),
        body([tensor(shape=[2**62])], b"12345678"),
        body([tensor(datatype="FP99")], b"12345678"),
        body([tensor()], struct.pack("<2f", 1.0, float("nan"))),
        body([], b"12345678"),
        body([tensor()], b"12345678", "99999"),
        body([tensor()], b"12345678", "-1"),
        body([tensor()], b"12345678", "9" * 5000),
        body([tensor()], b"12345678", "\N{SUPERSCRIPT TWO}"),
    ],
)
def test_bytes_that_are_not_their_tensor(response: Response) -> None:
    with pytest.raises(ProtocolError):
        ADAPTER.decode(ENDPOINT, response)


_DTYPES = {"FP16": "<f2", "FP32": "<f4", "FP64": "<f8", "INT8": "i1", "UINT16": "<u2", "INT64": "<i8", "UINT64": "<u8"}


@given(st.sampled_from([*_DTYPES]), st.lists(st.sampled_from([0x00, 0x3C, 0x7B, 0x7C, 0x7F, 0x80, 0xFC, 0xFF])))
def test_bytes_are_the_numbers_of_the_text_and_no_number_that_is_not_finite_passes(kind: str, data: list[int]) -> None:
    numbers = np.frombuffer(bytes(data[: len(data) // 8 * 8]), _DTYPES[kind])
    packed = {
        "name": "y",
        "datatype": kind,
        "shape": [len(numbers), 1],
        "parameters": {"binary_data_size": numbers.nbytes},
    }
    written = {"name": "y", "datatype": kind, "shape": [len(numbers), 1], "data": numbers.tolist()}
    if not np.isfinite(numbers).all():
        place = int(np.argmin(np.isfinite(numbers)))
        with pytest.raises(ProtocolError, match=rf"outputs\[0\]\[{place}\]: -?(inf|nan) is not a finite number"):
            ADAPTER.decode(ENDPOINT, body([packed], numbers.tobytes()))
        return
    in_bytes = ADAPTER.decode(ENDPOINT, body([packed], numbers.tobytes()))
    in_text = ADAPTER.decode(ENDPOINT, Response(200, body=json.dumps({"outputs": [written]}).encode()))
    assert repr(in_bytes.outputs) == repr(in_text.outputs)
    assert in_bytes.outputs == in_text.outputs == {"y": numbers.reshape(-1, 1).tolist()}


@pytest.mark.parametrize("bits", [0x7F80, 0xFF80, 0x7FC0, 0x7F7F])
def test_half_of_a_float_that_is_not_finite(bits: int) -> None:
    two = body([tensor(4, datatype="BF16")], struct.pack("<2H", 0x3F80, bits))
    if bits == 0x7F7F:
        assert ADAPTER.decode(ENDPOINT, two).outputs["y"][0][0] == 1.0
    else:
        with pytest.raises(ProtocolError, match=r"outputs\[0\]\[1\]: -?(inf|nan)"):
            ADAPTER.decode(ENDPOINT, two)


def test_lists_are_made_when_they_are_asked_for_and_once() -> None:
    outputs = ADAPTER.decode(ENDPOINT, body([tensor()], struct.pack("<2f", 0.5, 1.5))).outputs
    assert (len(outputs), list(outputs), "y" in outputs, outputs.get("z")) == (1, ["y"], True, None)
    assert outputs["y"] is outputs["y"]
    assert dict(outputs) == outputs == {"y": [[0.5, 1.5]]}


def strictly(text: bytes) -> tuple[dict[str, Any], dict[str, Any]] | None:
    try:
        return v2_answer._decode_strictly(text, b"", Response(200, body=text))
    except ProtocolError:
        return None


def same(text: bytes) -> bool:
    """Whether the quick way gave an answer; it must be the strict way's to the type of every number."""
    quick = v2_answer._decode_fast(text, b"")
    if quick is not None:
        assert repr(_sort_names(quick[0])) == repr(_sort_names((strictly(text) or ({}, {}))[0]))
        assert repr(quick[1]) == repr((strictly(text) or ({}, {}))[1])
    return quick is not None


def _sort_names(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _sort_names(value[name]) for name in sorted(value)}
    return [_sort_names(item) for item in value] if isinstance(value, list) else value


_NUMBERS = st.integers(-300, 300) | st.integers(-(2**65), 2**65) | st.floats() | st.booleans() | st.text(max_size=3)
_OUTPUT = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["y", "z"]) | st.none(),
        "datatype": st.sampled_from(["FP32", "FP64", "INT8", "UINT64", "INT64", "BOOL", "BYTES", "FP99"]),
        "shape": st.lists(st.integers(-1, 3) | st.booleans(), max_size=3),
        "data": st.lists(_NUMBERS, max_size=6) | st.lists(st.lists(st.floats(), max_size=2), max_size=2),
    },
    optional={
        "parameters": st.none() | st.dictionaries(st.sampled_from(["binary_data_size", "a"]), _NUMBERS | st.none()),
        "extension": st.integers(),
    },
)
_BODIES = st.fixed_dictionaries(
    {"outputs": st.lists(_OUTPUT, max_size=2)},
    optional={
        "model_name": st.text(max_size=3) | st.none() | st.integers(),
        "model_version": st.text(max_size=3) | st.integers() | st.booleans(),
        "id": _NUMBERS,
        "error": st.text(),
        "parameters": st.dictionaries(st.text(max_size=2), _NUMBERS),
    },
)


@given(_BODIES.map(lambda value: json.dumps(value).encode()))
@example(b'{"outputs":[{"name":"y","datatype":"FP32","shape":[2],"data":[1,-0.0]}]}')
@example(b'{"outputs":[{"name":"y","datatype":"FP32","shape":[1],"data":[1e999]}]}')
@example(b'{"outputs":[{"name":"y","datatype":"INT64","shape":[1],"data":[9223372036854775808]}]}')
@example(b'{"outputs":[{"name":"\\ud800","datatype":"INT64","shape":[1],"data":[1]}]}')
@example(b'{"outputs":[],"outputs":[{"name":"y","name":"z","datatype":"INT8","shape":[0],"data":[]}]}')
def test_the_quick_way_says_what_the_strict_one_says(text: bytes) -> None:
    same(text)


def test_the_quick_way_is_taken_and_survives_mutations() -> None:
    whole = json.dumps(
        {
            "model_name": "m",
            "model_version": "1",
            "id": "7",
            "outputs": [
                {"name": "y", "datatype": "FP32", "shape": [2, 2], "data": [0.5, 1, -3e2, 4.0]},
                {"name": "z", "datatype": "UINT8", "shape": [1], "data": [255], "parameters": {"content_type": "np"}},
            ],
        }
    ).encode()
    assert same(whole)
    seeds = [whole, *(item.encode() for item in load("answers").values() if '"datatype"' in item)]
    taken = [same(item) for item in mutate_seeds(seeds, 5000, 1)]
    assert any(taken)
    assert not all(taken)
