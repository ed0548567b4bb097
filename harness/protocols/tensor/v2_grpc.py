"""The Open Inference Protocol, version 2, over gRPC (Triton, MLServer, KServe); it needs the extra `grpc`.

The body of a request is the serialised message, and its path names the call; `harness.io.grpc` sends it. Inputs are
sent as raw contents, which exist for every datatype. Outputs may be raw (Triton) or typed (MLServer, KServe). The
protocol has no list of models, so the name must be configured. There is no request with bytes that are not a message:
gRPC itself answers them with INTERNAL or UNKNOWN.
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

_HEADERS = (("content-type", "application/grpc"),)
_SERVICE = "/inference.GRPCInferenceService"

_Message = TypeVar("_Message", bound=Message)


class V2Grpc(OpenInference):
    """The adapter; one or several input tensors, all outputs."""

    name = "v2_grpc"
    title = "Open Inference Protocol V2 over gRPC"

    def probes(self, endpoint: Endpoint) -> Mapping[str, Request]:
        """Liveness, readiness and metadata of the server and of the model. gRPC has no GET; these calls only read."""
        probes = {
            "live": _make_call("ServerLive", pb.ServerLiveRequest()),
            "ready": _make_call("ServerReady", pb.ServerReadyRequest()),
            "server": _make_call("ServerMetadata", pb.ServerMetadataRequest()),
        }
        if endpoint.model is not None:
            model = {"name": endpoint.model, "version": endpoint.version or ""}
            probes["model_ready"] = _make_call("ModelReady", pb.ModelReadyRequest(**model))
            probes["metadata"] = _make_call("ModelMetadata", pb.ModelMetadataRequest(**model))
        return probes

    def find_denial(self, role: str, response: Response) -> str | None:
        """That the message of a health call says no, which may come with status OK (Triton, for an unknown model)."""
        kinds: dict[str, type[Any]] = {
            "live": pb.ServerLiveResponse,
            "ready": pb.ServerReadyResponse,
            "model_ready": pb.ModelReadyResponse,
        }
        if role not in kinds:
            return None
        try:
            message = _parse_message(kinds[role], response.body)
        except ProtocolError as error:
            return str(error)
        return None if getattr(message, role.removeprefix("model_")) else f"it answers that {role} is false"

    def read_metadata(self, answers: Mapping[str, Response]) -> dict[str, Any] | None:
        """The metadata of the model, if they have a name."""
        message = _find_message(pb.ModelMetadataResponse, answers, "metadata")
        if message is None or parse_name(message.name) is None:
            return None
        metadata: dict[str, Any] = {"name": message.name, "versions": list(message.versions)}
        for role, specs in (("inputs", message.inputs), ("outputs", message.outputs)):
            metadata[role] = [{"name": s.name, "datatype": s.datatype, "shape": list(s.shape)} for s in specs]
        return metadata

    def score_without_metadata(self, answers: Mapping[str, Response]) -> tuple[float, str]:
        """0.9: the metadata of the server; 0.5: only its liveness; 0.4: it needs a key."""
        server = _find_message(pb.ServerMetadataResponse, answers, "server")
        if server is not None and parse_name(server.name):
            return 0.9, f"ServerMetadata answered: {shorten_value(server.name)}"
        live = _find_message(pb.ServerLiveResponse, answers, "live")
        if live is not None and live.live:
            return LIVENESS_SCORE, "ServerLive answered"
        for role in ("metadata", "server"):
            if needs_credentials(answers, role):
                return 0.4, f"the {role} call answered {get_status(answers, role)}: it needs a key"
        return 0.0, "ServerMetadata did not answer with metadata"

    def encode(self, endpoint: Endpoint, query: Query, facts: Facts) -> Request:
        """`inputs` is the nested lists of the only input, or an object of them by input name.

        The options are `id`, `parameters` and `outputs` (names). Raises `UsageError` for others, for a stream, for rows
        of different shapes, or for lists if there are several inputs.
        """
        self.refuse_stream(query)
        model, inputs = self.choose_model(endpoint, facts), encode_tensors(query.inputs, facts)
        return _make_call("ModelInfer", _build_infer(model, endpoint, inputs, query.options))

    def decode(self, endpoint: Endpoint, response: Response) -> Answer:
        """Every output, as nested lists of its stated shape. Raises `ProtocolError` with the place."""
        message = _parse_message(pb.ModelInferResponse, response.body)
        raw = message.raw_output_contents
        if raw and len(raw) != len(message.outputs):
            raise ProtocolError(f"{len(raw)} raw contents for {len(message.outputs)} outputs", at="raw_output_contents")
        decoded: dict[str, Any] = {}
        for i, output in enumerate(message.outputs):
            if output.name in decoded:
                raise ProtocolError(f"the name {output.name!r:.60} occurs twice", at=f"outputs[{i}].name")
            decoded[output.name] = _decode_output(output, raw[i] if raw else None, f"outputs[{i}]")
        if not decoded:
            raise ProtocolError("no output in the answer", at="outputs")
        outputs = binary_tensor.LazyOutputs(decoded)
        model, version = message.model_name, message.model_version
        value = {"id": message.id or None, "model_name": model, "model_version": version, "outputs": outputs}
        return Answer(outputs=outputs, value=value, model=model or None, version=version or None)

    def bad_requests(self, endpoint: Endpoint, facts: Facts) -> Mapping[str, Request]:
        """No inputs, data shorter than their shape, an unknown datatype, an unknown model."""
        names = ("missing_inputs", "data_shorter_than_shape", "unknown_datatype", "unknown_model")
        inputs = self.make_valid_tensors(endpoint, facts)
        no_inputs, short, datatype, model = (
            _build_infer(self.choose_model(endpoint, facts), endpoint, inputs, {}) for _ in names
        )
        del no_inputs.inputs[:], no_inputs.raw_input_contents[:]
        short.raw_input_contents[:] = [data[: len(data) // 2] for data in short.raw_input_contents]
        for tensor in datatype.inputs:
            tensor.datatype = "FP99"
        model.model_name = "aiharness-no-such-model"
        messages = zip(names, (no_inputs, short, datatype, model), strict=True)
        return {name: _make_call("ModelInfer", message) for name, message in messages}


_FIELDS = {"BOOL": "bool_contents", "BYTES": "bytes_contents", "INT64": "int64_contents", "UINT64": "uint64_contents"}
_FIELDS |= {f"INT{bits}": "int_contents" for bits in (8, 16, 32)} | {"FP32": "fp32_contents"}
_FIELDS |= {f"UINT{bits}": "uint_contents" for bits in (8, 16, 32)} | {"FP64": "fp64_contents"}
"""The field for the typed contents of each datatype; FP16 and BF16 have none."""


def _make_call(name: str, message: Message) -> Request:
    # Deterministic: maps are written in the order of their keys, so that equal queries are equal bytes.
    return Request("POST", f"{_SERVICE}/{name}", _HEADERS, message.SerializeToString(deterministic=True))


def _parse_message(kind: type[_Message], body: bytes) -> _Message:
    try:
        return kind.FromString(body)
    except DecodeError as error:
        raise ProtocolError(f"the body is not a valid {kind.DESCRIPTOR.name} ({error})") from None


def _find_message(kind: type[_Message], answers: Mapping[str, Response], role: str) -> _Message | None:
    """The message in the response to a probe, or None."""
    response = answers.get(role)
    if response is None or response.status != 200:
        return None
    try:
        return _parse_message(kind, response.body)
    except ProtocolError:
        return None


def _build_infer(
    model: str, endpoint: Endpoint, inputs: Sequence[Mapping[str, Any]], options: Mapping[str, Any]
) -> pb.ModelInferRequest:
    message = pb.ModelInferRequest(model_name=model, model_version=endpoint.version or "")
    for tensor in inputs:
        message.inputs.add(name=tensor["name"], datatype=tensor["datatype"], shape=tensor["shape"])
        message.raw_input_contents.append(binary_tensor.pack_tensor(tensor["data"], tensor["datatype"]))
    for name, value in options.items():
        try:
            _set_option(message, name, value)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise UsageError(f"the option {name!r} has a value that cannot be sent over gRPC") from None
    return message


def _set_option(message: pb.ModelInferRequest, name: str, value: Any) -> None:
    if name == "id":
        message.id = value
    elif name == "outputs":
        for output in value:
            message.outputs.add(name=output)
    elif name == "parameters":
        kinds: dict[type, str] = {bool: "bool_param", int: "int64_param", str: "string_param"}
        for key, parameter in value.items():
            setattr(message.parameters[key], kinds[type(parameter)], parameter)
    else:
        raise UsageError(f"{name!r} cannot be sent over gRPC; options are id, outputs and parameters")


def _decode_output(tensor: pb.ModelInferResponse.InferOutputTensor, raw: bytes | None, at: str) -> Any:
    stated = {"datatype": tensor.datatype, "shape": list(tensor.shape)}
    datatype, shape = tensors.parse_datatype_and_shape(stated, at)
    contents = {field.name: values for field, values in tensor.contents.ListFields()}
    if raw is not None:
        if contents:
            raise ProtocolError("the output has both typed and raw contents", at=f"{at}.contents")
        return binary_tensor.unpack_tensor(raw, datatype, shape, at)
    data = list(contents.pop(_FIELDS.get(datatype, ""), ()))
    for name in contents:
        raise ProtocolError(f"{name} in a tensor of {datatype}", at=f"{at}.contents")
    if datatype == "BYTES":
        data = [binary_tensor.decode_element(element) for element in data]
    elif datatype in tensors.FLOAT_TYPES:
        binary_tensor.refuse_non_finite(data, f"{at}.contents")
    return tensors.build_tensor(data, datatype, shape, f"{at}.contents")


ADAPTER = V2Grpc()
