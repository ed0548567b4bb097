"""Messages as JSON and back: nothing is lost, and what faults make of them is what a client gets."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytest.importorskip("grpc", reason="needs the extra: pip install 'aiharness[grpc]'")

from harness.core.endpoint import Endpoint
from harness.core.errors import ProtocolError
from harness.core.exchange import Answer, Response
from harness.protocols._proto import open_inference_pb2 as pb
from harness.protocols.tensor.v2_grpc import ADAPTER
from harness.proving.grpc_messages import read_message_json, write_message_json

INFER = "/inference.GRPCInferenceService/ModelInfer"
METADATA = "/inference.GRPCInferenceService/ModelMetadata"


def make_answer() -> pb.ModelInferResponse:
    answer = pb.ModelInferResponse(model_name="sums", model_version="1", id="7")
    answer.outputs.add(name="sum", datatype="FP64", shape=[2, 1]).contents.fp64_contents.extend([1.5, -2.0])
    answer.outputs.add(name="name", datatype="BYTES", shape=[2]).contents.bytes_contents.extend([b"a", "ä".encode()])
    return answer


def decode(message: bytes) -> Answer:
    return ADAPTER.decode(Endpoint("http://localhost", "v2_grpc"), Response(200, (), message))


def change(**changes: Any) -> bytes:
    text = write_message_json(INFER, make_answer().SerializeToString())
    assert text is not None
    value = json.loads(text)
    for name, new in changes.items():
        target = value["outputs"][0] if name in value["outputs"][0] else value
        target[name] = new
    return read_message_json(INFER, json.dumps(value).encode())


def test_an_answer_has_the_json_of_v2_and_comes_back() -> None:
    message = make_answer().SerializeToString()
    text = write_message_json(INFER, message)
    assert json.loads(text or b"")["outputs"] == [
        {"name": "sum", "datatype": "FP64", "shape": [2, 1], "data": [1.5, -2.0]},
        {"name": "name", "datatype": "BYTES", "shape": [2], "data": ["a", "ä"]},
    ]
    assert decode(read_message_json(INFER, text or b"")) == decode(message)


def test_what_is_changed_reaches_the_client() -> None:
    assert decode(change(model_name="other", model_version="2")).model == "other"
    assert decode(change(data=[3.0, 4.0])).outputs["sum"] == [[3.0], [4.0]]
    with pytest.raises(ProtocolError, match="not a finite number"):
        decode(change(data=[float("nan"), 1.0])).outputs["sum"]
    with pytest.raises(ProtocolError, match="no output"):
        decode(change(outputs=[]))


@pytest.mark.parametrize("text", [b'{"outputs": [', b"[]", b'{"outputs": [{"name": "sum"}]}', b'{"model_name": 3}'])
def test_json_of_no_message_is_answered_with_what_is_no_message(text: bytes) -> None:
    with pytest.raises(ProtocolError, match="not a valid ModelInferResponse"):
        decode(read_message_json(INFER, text))


def test_other_messages_have_the_json_of_protobuf() -> None:
    message = pb.ModelMetadataResponse(name="sums", versions=["1"])
    message.inputs.add(name="x", datatype="FP64", shape=[-1, 4])
    text = write_message_json(METADATA, message.SerializeToString())
    assert read_message_json(METADATA, text or b"") == message.SerializeToString()


@pytest.mark.parametrize(("path", "message"), [(INFER, b"\xff\xff"), ("/other.Service/Call", b"\x0a\x01a")])
def test_what_has_no_json_is_left_as_it_is(path: str, message: bytes) -> None:
    assert write_message_json(path, message) is None
