"""The Open Inference Protocol, version 2, over gRPC (Triton, MLServer, KServe), for which the extra `grpc` is needed.

A request's body is the serialised message and its path names the call; harness/io/grpc.py carries it. Inputs are sent
as raw contents, which hold every datatype; outputs are read raw (Triton) and typed (MLServer, KServe). It lists no
models: the name must be said. What raw contents a server demands of a wrong message is left to it: gRPC itself answers
bytes that are no message with INTERNAL or UNKNOWN.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from google.protobuf.message import DecodeError, Message

from harness.core.adapter import Facts
from harness.core.endpoint import Endpoint
from harness.core.errors import ProtocolError, UsageError
from harness.core.exchange import Answer, Query, Request, Response
from harness.protocols._proto import open_inference_pb2 as pb
from harness.protocols.shared import binary_tensor, tensors
from harness.protocols.shared.v2_family import LIVENESS_SCORE, OpenInference, encode_tensors
from harness.protocols.shared.values import parse_name, shorten_value
from harness.protocols.shared.wire import get_status, needs_credentials

HEADERS = (("content-type", "application/grpc"),)
SERVICE = "/inference.GRPCInferenceService"

M = TypeVar("M", bound=Message)


class V2Grpc(OpenInference):
    """The adapter; one or several input tensors, all outputs."""

    name = "v2_grpc"
    title = "Open Inference Protocol V2 over gRPC"

    def probes(self, endpoint: Endpoint) -> Mapping[str, Request]:
        """Server live, ready, metadata; the model's readiness and metadata. Calls that read: gRPC has no GET."""
        found = {
            "live": _call("ServerLive", pb.ServerLiveRequest()),
            "ready": _call("ServerReady", pb.ServerReadyRequest()),
            "server": _call("ServerMetadata", pb.ServerMetadataRequest()),
        }
        if endpoint.model is not None:
            named = {"name": endpoint.model, "version": endpoint.version or ""}
            found["model_ready"] = _call("ModelReady", pb.ModelReadyRequest(**named))
            found["metadata"] = _call("ModelMetadata", pb.ModelMetadataRequest(**named))
        return found

    def find_denial(self, role: str, response: Response) -> str | None:
        """What a health call of status OK says in its message where that is no: Triton's of a model not there."""
        kinds: dict[str, type[Any]] = {
            "live": pb.ServerLiveResponse,
            "ready": pb.ServerReadyResponse,
            "model_ready": pb.ModelReadyResponse,
        }
        if role not in kinds:
            return None
        try:
            message = _read(kinds[role], response.body)
        except ProtocolError as error:
            return str(error)
        return None if getattr(message, role.removeprefix("model_")) else f"it answers that {role} is false"

    def metadata(self, answers: Mapping[str, Response]) -> dict[str, Any] | None:
        """The model's metadata, where they have a name."""
        found = _found(pb.ModelMetadataResponse, answers, "metadata")
        if found is None or parse_name(found.name) is None:
            return None
        stated = {
            role: [{"name": each.name, "datatype": each.datatype, "shape": list(each.shape)} for each in tensors_]
            for role, tensors_ in (("inputs", found.inputs), ("outputs", found.outputs))
        }
        return {"name": found.name, "versions": list(found.versions), **stated}

    def spoken(self, answers: Mapping[str, Response]) -> tuple[float, str]:
        """0.9: the server's metadata; 0.5: only its liveness; 0.4: it needs a key."""
        server, live = (
            _found(pb.ServerMetadataResponse, answers, "server"),
            _found(pb.ServerLiveResponse, answers, "live"),
        )
        if server is not None and parse_name(server.name):
            return 0.9, f"ServerMetadata answered: {shorten_value(server.name)}"
        if live is not None and live.live:
            return LIVENESS_SCORE, "ServerLive answered"
        if role := next((each for each in ("metadata", "server") if needs_credentials(answers, each)), None):
            return 0.4, f"the {role} call answered {get_status(answers, role)}: it needs a key"
        return 0.0, "ServerMetadata brought none"

    def encode(self, endpoint: Endpoint, query: Query, facts: Facts) -> Request:
        """`inputs` is the nested lists of the one input, or an object of them by input name.

        Of options `id`, `parameters` and `outputs` (names) can be said. Raises `UsageError` for others, for a stream,
        ragged rows, or lists for many inputs.
        """
        self.refuse_stream(query)
        return _call(
            "ModelInfer",
            _infer(self.model(endpoint, facts), endpoint, encode_tensors(query.inputs, facts), query.options),
        )

    def decode(self, endpoint: Endpoint, response: Response) -> Answer:
        """Every output, as nested lists of its stated shape. Raises `ProtocolError` with the place."""
        message = _read(pb.ModelInferResponse, response.body)
        raw = message.raw_output_contents
        if raw and len(raw) != len(message.outputs):
            raise ProtocolError(f"{len(raw)} raw contents for {len(message.outputs)} outputs", at="raw_output_contents")
        outputs: dict[str, Any] = {}
        for i, each in enumerate(message.outputs):
            if each.name in outputs:
                raise ProtocolError(f"the name {each.name!r:.60} is there twice", at=f"outputs[{i}].name")
            outputs[each.name] = _output(each, raw[i] if raw else None, f"outputs[{i}]")
        if not outputs:
            raise ProtocolError("no output in the answer", at="outputs")
        found = binary_tensor.LazyOutputs(outputs)
        model, version = message.model_name, message.model_version
        value = {"model_name": model, "model_version": version, "outputs": found}
        return Answer(outputs=found, value=value, model=model or None, version=version or None)

    def bad_requests(self, endpoint: Endpoint, facts: Facts) -> Mapping[str, Request]:
        """No inputs, data shorter than their shape, a datatype that is none, a model that is not there."""
        whole = _infer(self.model(endpoint, facts), endpoint, self.valid(endpoint, facts), {})
        messages = {name: pb.ModelInferRequest.FromString(whole.SerializeToString()) for name in _BAD}
        del messages["missing_inputs"].inputs[:], messages["missing_inputs"].raw_input_contents[:]
        short = messages["data_shorter_than_shape"].raw_input_contents
        short[:] = [each[: len(each) // 2] for each in short]
        for each in messages["unknown_datatype"].inputs:
            each.datatype = "FP99"
        messages["unknown_model"].model_name = "aiharness-no-such-model"
        return {name: _call("ModelInfer", message) for name, message in messages.items()}


_BAD = ("missing_inputs", "data_shorter_than_shape", "unknown_datatype", "unknown_model")

_FIELDS = {"BOOL": "bool_contents", "BYTES": "bytes_contents", "INT64": "int64_contents", "UINT64": "uint64_contents"}
_FIELDS |= {f"INT{bits}": "int_contents" for bits in (8, 16, 32)} | {"FP32": "fp32_contents"}
_FIELDS |= {f"UINT{bits}": "uint_contents" for bits in (8, 16, 32)} | {"FP64": "fp64_contents"}
"""Where typed contents stand; FP16 and BF16 have no place among them."""


def _call(name: str, message: Message) -> Request:
    # Deterministic: maps are written in the order of their keys, so the same query is the same bytes.
    return Request("POST", f"{SERVICE}/{name}", HEADERS, message.SerializeToString(deterministic=True))


def _read(kind: type[M], body: bytes) -> M:
    try:
        return kind.FromString(body)
    except DecodeError as error:
        raise ProtocolError(f"the body is no {kind.DESCRIPTOR.name} ({error})") from None


def _found(kind: type[M], answers: Mapping[str, Response], role: str) -> M | None:
    """The message that a probe was answered with, or None."""
    response = answers.get(role)
    if response is None or response.status != 200:
        return None
    try:
        return _read(kind, response.body)
    except ProtocolError:
        return None


def _infer(
    model: str, endpoint: Endpoint, made: Sequence[Mapping[str, Any]], options: Mapping[str, Any]
) -> pb.ModelInferRequest:
    message = pb.ModelInferRequest(model_name=model, model_version=endpoint.version or "")
    for each in made:
        message.inputs.add(name=each["name"], datatype=each["datatype"], shape=each["shape"])
        message.raw_input_contents.append(binary_tensor.pack_tensor(each["data"], each["datatype"]))
    kinds: dict[type, str] = {bool: "bool_param", int: "int64_param", str: "string_param"}
    try:
        for name, value in options.items():
            if name == "id":
                message.id = value
            elif name == "outputs":
                for output in value:
                    message.outputs.add(name=output)
            elif name == "parameters":
                for key, given in value.items():
                    setattr(message.parameters[key], kinds[type(given)], given)
            else:
                raise UsageError(f"{name!r} cannot be said over gRPC; options are id, outputs and parameters")
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UsageError(f"the option {name!r} has a value that gRPC has no place for") from None
    return message


def _output(tensor: pb.ModelInferResponse.InferOutputTensor, raw: bytes | None, at: str) -> Any:
    datatype, shape = tensors.parse_datatype_and_shape({"datatype": tensor.datatype, "shape": list(tensor.shape)}, at)
    filled = {field.name: value for field, value in tensor.contents.ListFields()}
    if raw is not None:
        if filled:
            raise ProtocolError("typed contents beside raw ones", at=f"{at}.contents")
        return binary_tensor.unpack_tensor(raw, datatype, shape, at)
    place = _FIELDS.get(datatype, "")
    if wrong := [name for name in filled if name != place]:
        raise ProtocolError(f"{wrong[0]} in a tensor of {datatype}", at=f"{at}.contents")
    data = list(filled.get(place, ()))
    if datatype == "BYTES":
        data = [binary_tensor.decode_element(each) for each in data]
    elif datatype in tensors.FLOAT_TYPES:
        binary_tensor.refuse_non_finite(data, f"{at}.contents")
    return tensors.build_tensor(data, datatype, shape, f"{at}.contents")


ADAPTER = V2Grpc()
