"""The Open Inference Protocol, version 2, over HTTP (Triton, MLServer, KServe and others), tensors in JSON or bytes.

The name of the model is configured, or it is the only one that the service lists. Metadata are requested only for a
configured name. They describe a valid request; without them a tensor is called `input-0` and gets the datatype of its
elements, which MLServer and KServe accept and Triton refuses. A configured version puts `/versions/VERSION` into every
path.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness.core.adapter import Facts
from harness.core.endpoint import Endpoint
from harness.core.exchange import Answer, Query, Request, Response
from harness.protocols.shared import binary_tensor, v2_answer, wire
from harness.protocols.shared.v2_family import LIVENESS_SCORE, OpenInference, encode_tensors
from harness.protocols.shared.values import accept_text, get_member, parse_name, shorten_value


class _V2(OpenInference):
    """The adapter; one or several input tensors, all outputs."""

    name = "v2"
    root = "/v2/models"
    title = "Open Inference Protocol V2 over HTTP"

    def probes(self, endpoint: Endpoint) -> Mapping[str, Request]:
        """Liveness, readiness and metadata of the server and of the model; KServe's list of models."""
        paths = {"live": "/v2/health/live", "ready": "/v2/health/ready", "server": "/v2", "models": "/v2/models"}
        paths["nowhere"] = wire.UNKNOWN_PATH
        if endpoint.model is not None:
            paths["metadata"] = self.build_path(endpoint, endpoint.model)
            paths["model_ready"] = paths["metadata"] + "/ready"
            if endpoint.version is not None:
                paths["versions"] = self.build_path(replace(endpoint, version=None), endpoint.model)
        return {role: wire.make_get(path) for role, path in paths.items()}

    def read_metadata(self, answers: Mapping[str, Response]) -> dict[str, Any] | None:
        """The page about the model, if it has a name, inputs and outputs."""
        page = wire.read_page(answers, "metadata")
        has_tensors = all(isinstance(get_member(page, role), list) for role in ("inputs", "outputs"))
        return page if has_tensors and parse_name(page.get("name")) else None

    def score_without_metadata(self, answers: Mapping[str, Response]) -> tuple[float, str]:
        """0.9: the metadata of the server; 0.5: only its liveness; 0.4: `/v2` needs a key."""
        server = wire.read_page(answers, "server")
        if _is_server(server):
            return 0.9, f"GET /v2 answered 200 with server metadata: {shorten_value(server['name'])}"
        if wire.is_offered(answers, "live") and wire.get_status(answers, "live") == 200 and _is_live(answers["live"]):
            return LIVENESS_SCORE, "GET /v2/health/live answered 200"
        for role in ("metadata", "server"):
            if wire.needs_credentials(answers, role) and wire.is_offered(answers, role):
                return 0.4, f"{role} under /v2 answered {wire.get_status(answers, role)}: it needs a key"
        return 0.0, "GET /v2 did not answer with server metadata"

    def encode(self, endpoint: Endpoint, query: Query, facts: Facts) -> Request:
        """`inputs` is the nested lists of the only input, or an object of them by input name.

        If the metadata have one more dimension, the input becomes a batch of one. Options (`id`, `parameters`,
        `outputs`, by name or as objects) become further members of the body. A `binary` endpoint gets the elements as
        bytes after the JSON, and is asked to answer in the same way (Triton's extension binary_tensor_data). Raises
        `UsageError` for a stream, for rows of different shapes, or for lists if there are several inputs.
        """
        self.refuse_stream(query)
        tensors, path = encode_tensors(query.inputs, facts), self._build_infer_path(endpoint, facts)
        options = {**query.options}
        if "outputs" in options:
            options["outputs"] = [{"name": name} if isinstance(name, str) else name for name in options["outputs"]]
        if endpoint.binary:
            return _encode_binary(path, tensors, options)
        return wire.make_post(path, {"inputs": tensors, **options})

    def decode(self, endpoint: Endpoint, response: Response) -> Answer:
        """Every output, as nested lists of its stated shape. Raises `ProtocolError` with the place."""
        value, outputs = v2_answer.decode_outputs(response)
        version = value.get("model_version")
        return Answer(
            outputs=binary_tensor.LazyOutputs(outputs),
            value=value,
            model=accept_text(value.get("model_name"), "$.model_name"),
            version=str(version) if type(version) is int else accept_text(version, "$.model_version") or None,
        )

    def bad_requests(self, endpoint: Endpoint, facts: Facts) -> Mapping[str, Request]:
        """Invalid JSON, no inputs, data shorter than their shape, an unknown datatype, an unknown model."""
        tensors, path = self.make_valid_tensors(endpoint, facts), self._build_infer_path(endpoint, facts)
        shortened = [{**tensor, "data": tensor["data"][:-1]} for tensor in tensors]
        unknown = [{**tensor, "datatype": "FP99"} for tensor in tensors]
        return {
            "malformed_json": Request("POST", path, wire.JSON_HEADERS, b'{"inputs": [{"name": '),
            "missing_inputs": wire.make_post(path, {}),
            "data_shorter_than_shape": wire.make_post(path, {"inputs": shortened}),
            "unknown_datatype": wire.make_post(path, {"inputs": unknown}),
            "unknown_model": wire.make_post("/v2/models/aiharness-no-such-model/infer", {"inputs": tensors}),
        }

    def _build_infer_path(self, endpoint: Endpoint, facts: Facts) -> str:
        return self.build_path(endpoint, self.choose_model(endpoint, facts)) + "/infer"


def _encode_binary(path: str, tensors: Sequence[Mapping[str, Any]], options: Mapping[str, Any]) -> Request:
    inputs, packed = [], []
    for tensor in tensors:
        data = binary_tensor.pack_tensor(tensor["data"], tensor["datatype"])
        spec = {name: value for name, value in tensor.items() if name != "data"}
        inputs.append({**spec, "parameters": {"binary_data_size": len(data)}})
        packed.append(data)
    parameters = {"binary_data_output": True, **options.get("parameters", {})}
    head = wire.dump_json({"inputs": inputs, **options, "parameters": parameters})
    headers = (("content-type", "application/octet-stream"), (v2_answer.JSON_LENGTH_HEADER, str(len(head))))
    return Request("POST", path, headers, b"".join((head, *packed)))


def _is_server(page: Any) -> bool:
    has_texts = all(isinstance(get_member(page, name), str) for name in ("name", "version"))
    return has_texts and isinstance(page.get("extensions"), list)


def _is_live(response: Response) -> bool:
    """Whether the body is empty (Triton, MLServer) or an object that says so: other services may answer with HTML."""
    return not response.body.strip() or get_member(wire.read_json(response), "live") is True


ADAPTER = _V2()
