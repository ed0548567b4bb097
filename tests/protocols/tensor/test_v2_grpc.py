"""V2 over gRPC: what Triton, MLServer and KServe answered, raw and typed contents, and what is refused."""

from __future__ import annotations

import math
import struct
from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st

from harness.core.adapter import Facts, HealthReader
from harness.core.answer_class import AnswerClass, classify_response
from harness.core.endpoint import Endpoint
from harness.core.errors import ProtocolError, UsageError
from harness.core.exchange import Query, Request, Response
from harness.io.grpc import HTTP_STATUSES
from harness.protocols._proto import open_inference_pb2 as pb
from harness.protocols.shared import binary_tensor
from harness.protocols.tensor.v2_grpc import ADAPTER
from tests.protocols.recorded import load

RECORDED = load("grpc")
ENDPOINT = Endpoint("http://127.0.0.1:1", "v2_grpc", model="digits")
ROLES = {
    "server live": "live",
    "server ready": "ready",
    "server metadata": "server",
    "model ready": "model_ready",
    "model metadata": "metadata",
}


def response(call: str, status: str, body: str) -> Response:
    """What the transport makes of a recorded answer."""
    code = next(item.value[0] for item in grpc.StatusCode if item.name == status)
    headers = (("grpc-status", str(code)),)
    if code:
        return Response(HTTP_STATUSES[code], headers, body.encode())
    message = json_format.Parse(body, getattr(pb, f"{call}Response")())
    return Response(200, headers, message.SerializeToString())


def server(name: str) -> dict[str, Response]:
    return {
        note: response(call, status, body)
        for note, call, status, body in RECORDED[name]
        if hasattr(pb, f"{call}Response") or status != "OK"
    }


def probes_of(name: str) -> dict[str, Response]:
    return {role: server(name)[note] for note, role in ROLES.items()}


def test_recorded_servers_are_recognised_and_named() -> None:
    inputs = {}
    for name in RECORDED:
        recognition = ADAPTER.recognise(ENDPOINT, probes_of(name))
        assert (recognition.score, recognition.facts.models) == (1.0, ("digits",))
        inputs[name] = recognition.facts.inputs["inputs"]
        assert ADAPTER.identity(probes_of(name)) == ("digits", "1" if name == "triton" else None)
    assert inputs == {
        "triton": [{"name": "image", "datatype": "FP64", "shape": [-1, 64]}],
        "mlserver": [{"name": "predict", "datatype": "FP64", "shape": [-1, 64]}],
        "kserve": [],
    }


def test_without_a_model_the_server_is_recognised() -> None:
    for name in RECORDED:
        answers = {role: item for role, item in probes_of(name).items() if role in ("live", "ready", "server")}
        assert ADAPTER.recognise(Endpoint("http://127.0.0.1:1"), answers).score == 0.9
        assert ADAPTER.recognise(Endpoint("http://127.0.0.1:1"), {"live": answers["live"]}).score == 0.5
    assert ADAPTER.recognise(ENDPOINT, {"metadata": Response(401, (("grpc-status", "16"),))}).score == 0.4
    assert ADAPTER.recognise(ENDPOINT, {"metadata": Response(200), "server": Response(200)}).score == 0.0


def test_recorded_predictions() -> None:
    for name in RECORDED:
        for note in ("valid (typed contents)", "valid (raw contents)"):
            answer = ADAPTER.decode(ENDPOINT, server(name)[note])
            label = answer.outputs["predict" if name == "mlserver" else "label"]
            assert label == ([0] if name == "kserve" else [[0]])
            assert (answer.model, answer.version) == ("digits", None if name == "kserve" else "1")
            if name == "triton":
                [probabilities] = answer.outputs["probs"]
                assert probabilities[0] == 1.0
                assert len(probabilities) == 10


def test_recorded_errors_are_told_apart() -> None:
    def kind(name: str, note: str) -> AnswerClass:
        return classify_response(server(name)[note])

    refused, broken = AnswerClass.REFUSED_INPUT, AnswerClass.BROKEN
    assert [kind(name, "unknown model") for name in RECORDED] == [refused] * 3
    assert [kind(name, "wrong shape 63") for name in RECORDED] == [refused, broken, broken]
    assert [kind(name, "20 MB request") for name in RECORDED] == [refused] * 3
    assert [kind(name, "garbage protobuf bytes") for name in RECORDED] == [broken] * 3
    assert kind("triton", "deadline 1 ms") is AnswerClass.TIMEOUT
    assert kind("triton", "repository index") is AnswerClass.OVERLOADED


def test_a_success_may_say_no() -> None:
    assert isinstance(ADAPTER, HealthReader)
    for name in RECORDED:
        assert not any(ADAPTER.find_denial(role, item) for role, item in probes_of(name).items())
    assert ADAPTER.find_denial("model_ready", server("triton")["model ready, unknown"])
    assert ADAPTER.find_denial("live", Response(200, body=b"\xff"))


def parse_request(request: Request) -> pb.ModelInferRequest:
    assert request.headers == (("content-type", "application/grpc"),)
    assert request.path == "/inference.GRPCInferenceService/ModelInfer"
    return pb.ModelInferRequest.FromString(request.body)


def test_a_request_holds_raw_contents_and_options() -> None:
    facts = ADAPTER.recognise(ENDPOINT, probes_of("triton")).facts
    sample = ADAPTER.sample(ENDPOINT, facts)
    options = {"id": "7", "parameters": {"a": True, "b": 3, "c": "x"}, "outputs": ["label"]}
    message = parse_request(ADAPTER.encode(ENDPOINT, Query(sample.inputs, options=options), facts))
    [tensor] = message.inputs
    assert (message.model_name, tensor.name, tensor.datatype, list(tensor.shape)) == (
        "digits",
        "image",
        "FP64",
        [1, 64],
    )
    assert list(message.raw_input_contents) == [struct.pack("<64d", *[0.0] * 64)]
    assert not tensor.HasField("contents")
    assert (message.id, message.outputs[0].name) == ("7", "label")
    assert message.parameters["a"].bool_param
    assert message.parameters["b"].int64_param == 3
    assert message.parameters["c"].string_param == "x"


def test_a_version_is_asked_for() -> None:
    endpoint = Endpoint("http://127.0.0.1:1", "v2_grpc", model="m", version="3")
    assert parse_request(ADAPTER.encode(endpoint, Query([[1.0]]), Facts())).model_version == "3"
    probe = pb.ModelReadyRequest.FromString(ADAPTER.probes(endpoint)["model_ready"].body)
    assert (probe.name, probe.version) == ("m", "3")


@pytest.mark.parametrize(
    "options", [{"timeout": 3}, {"id": 7}, {"parameters": {"a": 1.5}}, {"parameters": 3}, {"outputs": [3]}]
)
def test_what_cannot_be_said(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        ADAPTER.encode(ENDPOINT, Query([[1.0]], options=options), Facts())


def test_a_query_that_is_no_tensor_of_its_datatype() -> None:
    facts = Facts(("digits",), None, {"inputs": [{"name": "x", "datatype": "INT8", "shape": [-1]}]})
    for bad in (["a"], [300], [1.5]):
        with pytest.raises(UsageError, match="INT8"):
            ADAPTER.encode(ENDPOINT, Query(bad), facts)


def decode_output(datatype: str, shape: list[int], raw: bytes | None = None, **contents: Any) -> Any:
    message = pb.ModelInferResponse(model_name="m")
    message.outputs.add(name="y", datatype=datatype, shape=shape, contents=pb.InferTensorContents(**contents))
    if raw is not None:
        message = pb.ModelInferResponse(model_name="m")
        message.outputs.add(name="y", datatype=datatype, shape=shape)
        message.raw_output_contents.append(raw)
    return ADAPTER.decode(ENDPOINT, Response(200, body=message.SerializeToString())).outputs["y"]


def test_typed_contents() -> None:
    assert decode_output("BOOL", [2], bool_contents=[True, False]) == [True, False]
    assert decode_output("INT8", [1, 2], int_contents=[-128, 127]) == [[-128, 127]]
    assert decode_output("UINT64", [1], uint64_contents=[2**64 - 1]) == [2**64 - 1]
    assert decode_output("FP32", [2, 1], fp32_contents=[0.5, -0.5]) == [[0.5], [-0.5]]
    assert decode_output("BYTES", [2], bytes_contents=["é".encode(), b"\xff"]) == ["é", "\\xff"]
    assert decode_output("FP64", [0]) == []


@pytest.mark.parametrize(
    ("datatype", "shape", "raw", "contents"),
    [
        ("FP99", [1], None, {"fp32_contents": [1.0]}),
        ("FP32", [2], None, {"fp32_contents": [1.0]}),
        ("FP32", [1], None, {"fp64_contents": [1.0]}),
        ("FP16", [1], None, {"fp32_contents": [1.0]}),
        ("INT8", [1], None, {"int_contents": [128]}),
        ("UINT16", [1], None, {"uint_contents": [65536]}),
        ("FP64", [1], None, {"fp64_contents": [math.nan]}),
        ("FP64", [-1], None, {"fp64_contents": [1.0]}),
        ("FP64", [2**40], None, {"fp64_contents": [1.0]}),
        ("FP64", [1], b"1234567", {}),
        ("FP64", [2**62], b"12345678", {}),
        ("FP32", [1], struct.pack("<f", math.inf), {}),
        ("FP16", [1], struct.pack("<e", math.nan), {}),
        ("BF16", [1], b"\x80\x7f", {}),
        ("BOOL", [1], b"\x02", {}),
        ("BYTES", [1], b"\x05\0\0\0abc", {}),
        ("BYTES", [1], b"\x01\0", {}),
        ("BYTES", [2], b"\x01\0\0\0a", {}),
        ("BYTES", [1], b"\x01\0\0\0a" * 2, {}),
    ],
)
def test_contents_that_are_not_their_tensor(
    datatype: str, shape: list[int], raw: bytes | None, contents: dict[str, Any]
) -> None:
    with pytest.raises(ProtocolError, match=r"outputs\[0\]"):
        decode_output(datatype, shape, raw, **contents)


def test_messages_that_are_no_answer() -> None:
    twice = pb.ModelInferResponse()
    for _ in range(2):
        twice.outputs.add(name="y", datatype="BOOL", shape=[0])
    both = pb.ModelInferResponse(raw_output_contents=[b"\0"])
    both.outputs.add(name="y", datatype="BOOL", shape=[1], contents=pb.InferTensorContents(bool_contents=[True]))
    lone = pb.ModelInferResponse(raw_output_contents=[b"\0"])
    for message in (twice, both, lone, pb.ModelInferResponse()):
        with pytest.raises(ProtocolError):
            ADAPTER.decode(ENDPOINT, Response(200, body=message.SerializeToString()))


_ELEMENTS: dict[str, st.SearchStrategy[Any]] = {
    "BOOL": st.booleans(),
    "BYTES": st.text(max_size=5),
    "FP16": st.floats(width=16, allow_nan=False, allow_infinity=False),
    "FP32": st.floats(width=32, allow_nan=False, allow_infinity=False),
    "FP64": st.floats(allow_nan=False, allow_infinity=False),
    "BF16": st.sampled_from([0.0, -1.0, 0.5, 3.140625, 1e38 * 0 + 2.0**100]),
    **{f"INT{bits}": st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": st.integers(0, 2**bits - 1) for bits in (8, 16, 32, 64)},
}


@given(st.data(), st.sampled_from(sorted(_ELEMENTS)), st.integers(0, 3), st.integers(1, 3))
def test_every_datatype_comes_back_from_its_bytes(data: st.DataObject, datatype: str, rows: int, columns: int) -> None:
    row = st.lists(_ELEMENTS[datatype], min_size=columns, max_size=columns)
    value = data.draw(st.lists(row, min_size=rows, max_size=rows))
    packed = binary_tensor.pack_tensor([item for row in value for item in row], datatype)
    assert binary_tensor.LazyOutputs({"y": binary_tensor.unpack_tensor(packed, datatype, (rows, columns), "y")}) == {
        "y": value
    }


def test_bfloat16_is_rounded_to_the_nearest_even() -> None:
    halfway = [1.0 + 2.0**-8, 1.0 + 3 * 2.0**-8, 1.0 + 2.0**-8 + 2.0**-20]
    outputs = binary_tensor.LazyOutputs(
        {"y": binary_tensor.unpack_tensor(binary_tensor.pack_tensor(halfway, "BF16"), "BF16", [3], "y")}
    )
    assert outputs == {"y": [1.0, 1.0 + 2.0**-6, 1.0 + 2.0**-7]}
