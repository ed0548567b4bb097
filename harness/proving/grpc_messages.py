"""gRPC messages of the Open Inference Protocol as JSON, which faults can change, and back. Pure.

The answer of an inference has the JSON of V2 over HTTP; any other message has that of protobuf. Parameters of answers
are left out of what a mutation changes. Tested in tests/proving/test_grpc_messages.py.
"""

from __future__ import annotations

import json
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message

from harness.core.endpoint import Endpoint
from harness.core.errors import ProtocolError, UsageError
from harness.core.exchange import Response
from harness.core.json_path import list_leaves
from harness.protocols._proto import open_inference_pb2 as pb
from harness.protocols.shared import binary_tensor
from harness.protocols.tensor.v2_grpc import ADAPTER

_INFER = "ModelInfer"
_NO_MESSAGE = b"\xff\xff\xff"
"""Bytes that no message has: what a call answers whose JSON was made invalid."""


def write_message_json(path: str, message: bytes) -> bytes | None:
    """The answered message of a call at this path as JSON; None where it is not a valid one."""
    kind = _find_kind(path)
    if kind is None:
        return None
    try:
        parsed = kind.FromString(message)
        value = _read_inference(parsed, message) if isinstance(parsed, pb.ModelInferResponse) else _read(parsed)
        return json.dumps(value).encode()
    except (DecodeError, ProtocolError, ValueError):
        return None


def read_message_json(path: str, text: bytes) -> bytes:
    """The message of a call at this path that has this JSON; bytes that are not a message where it has none."""
    kind = _find_kind(path)
    if kind is None:
        return _NO_MESSAGE
    try:
        value = json.loads(text or b"{}")
        if kind is pb.ModelInferResponse:
            return _write_inference(value)
        return bytes(json_format.ParseDict(value, kind()).SerializeToString())
    except (ValueError, KeyError, TypeError, AttributeError, json_format.ParseError, UsageError):
        return _NO_MESSAGE


def _find_kind(path: str) -> type[Message] | None:
    return getattr(pb, f"{path.rpartition('/')[2]}Response", None)


def _read(message: Message) -> dict[str, Any]:
    fields: dict[str, Any] = json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return fields


def _read_inference(parsed: pb.ModelInferResponse, message: bytes) -> dict[str, Any]:
    answer = ADAPTER.decode(Endpoint("http://localhost", ADAPTER.name), Response(200, (), message))
    outputs = []
    for tensor in parsed.outputs:
        data = list_leaves(answer.outputs[tensor.name])
        outputs.append(
            {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape), "data": data},
        )
    named = {"model_name": parsed.model_name, "model_version": parsed.model_version, "id": parsed.id}
    return {**{name: text for name, text in named.items() if text}, "outputs": outputs}


def _write_inference(value: dict[str, Any]) -> bytes:
    named = {name: value.get(name, "") for name in ("model_name", "model_version", "id")}
    message = pb.ModelInferResponse(**named)
    for tensor in value.get("outputs", ()):
        message.outputs.add(name=tensor["name"], datatype=tensor["datatype"], shape=tensor["shape"])
        message.raw_output_contents.append(binary_tensor.pack_tensor(list_leaves(tensor["data"]), tensor["datatype"]))
    return bytes(message.SerializeToString())
