"""A small model behind the Open Inference Protocol over gRPC: rows of four numbers, their sum and their sign."""

from __future__ import annotations

import math
import struct
from typing import Any

import grpc

from harness.protocols._proto import open_inference_pb2 as pb

MODEL, WIDTH = "sums", 4
READY = {"ServerLive": pb.ServerLiveResponse(live=True), "ServerReady": pb.ServerReadyResponse(ready=True)}


async def model(path: str, message: bytes, context: Any) -> bytes:
    """Answer a call; raw contents in, typed contents out."""
    name = path.rpartition("/")[2]
    if name in READY:
        return READY[name].SerializeToString()
    if name == "ServerMetadata":
        return pb.ServerMetadataResponse(name="sums-server", version="1").SerializeToString()
    if name in ("ModelReady", "ModelMetadata"):
        if pb.ModelReadyRequest.FromString(message).name != MODEL:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such model")
        return _metadata() if name == "ModelMetadata" else pb.ModelReadyResponse(ready=True).SerializeToString()
    if name != "ModelInfer":
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "no such call")
    request = pb.ModelInferRequest.FromString(message)
    if request.model_name != MODEL:
        await context.abort(grpc.StatusCode.NOT_FOUND, "no such model")
    if (wrong := _wrong(request)) is not None:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, wrong)
    count = request.inputs[0].shape[0] * WIDTH
    flat = struct.unpack(f"<{count}d", request.raw_input_contents[0])
    sums = [sum(flat[i : i + WIDTH]) for i in range(0, count, WIDTH)]
    if not all(map(math.isfinite, sums)):
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the numbers are too large to be added")
    answer = pb.ModelInferResponse(model_name=MODEL, model_version="1", id=request.id)
    answer.outputs.add(name="sum", datatype="FP64", shape=[len(sums)]).contents.fp64_contents.extend(sums)
    positive = answer.outputs.add(name="positive", datatype="BOOL", shape=[len(sums)])
    positive.contents.bool_contents.extend(total > 0 for total in sums)
    return answer.SerializeToString()


def _metadata() -> bytes:
    stated = pb.ModelMetadataResponse(name=MODEL, versions=["1"], platform="test")
    stated.inputs.add(name="x", datatype="FP64", shape=[-1, WIDTH])
    stated.outputs.add(name="sum", datatype="FP64", shape=[-1])
    stated.outputs.add(name="positive", datatype="BOOL", shape=[-1])
    return stated.SerializeToString()


def _wrong(request: pb.ModelInferRequest) -> str | None:
    if len(request.inputs) != 1 or len(request.raw_input_contents) != 1:
        return "one input in raw contents is expected"
    [tensor], [raw] = request.inputs, request.raw_input_contents
    if (tensor.name, tensor.datatype, list(tensor.shape[1:])) != ("x", "FP64", [WIDTH]):
        return f"an input x of FP64 and the shape [-1, {WIDTH}] is expected"
    if not 0 < tensor.shape[0] <= 1000 or len(raw) != 8 * WIDTH * tensor.shape[0]:
        return "the contents do not have the shape that is stated"
    return None
