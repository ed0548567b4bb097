"""The Open Inference Protocol, version 2, over HTTP (Triton, MLServer, KServe and others), tensors in JSON or bytes.

The model's name comes from the configuration, or from the service where it lists exactly one. Its metadata are asked
only for a configured name, and say how a valid request looks; without them a tensor is named `input-0` and has the
datatype of its elements, which MLServer and KServe accept and Triton refuses. With a configured version every path goes
through `/versions/VERSION`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.core.adapter import Facts
from harness.core.endpoint import Endpoint
from harness.core.exchange import Answer, Query, Request, Response
from harness.protocols.shared import binary_tensor, v2_answer
from harness.protocols.shared.v2_family import LIVENESS_SCORE, OpenInference, encode_tensors
from harness.protocols.shared.values import expect_text, get_member, parse_name, shorten_value
from harness.protocols.shared.wire import (
    JSON_HEADERS,
    UNKNOWN_PATH,
    dump_json,
    get_status,
    is_offered,
    make_get,
    make_post,
    needs_credentials,
    read_json,
    read_page,
)


class _V2(OpenInference):
    """The adapter; one or several input tensors, all outputs."""

    name = "v2"
    root = "/v2/models"
    title = "Open Inference Protocol V2 over HTTP"

    def probes(self, endpoint: Endpoint) -> Mapping[str, Request]:
        """Server live, ready, metadata; the model's readiness and metadata; KServe's list of models."""
        found = {
            "live": make_get("/v2/health/live"),
            "ready": make_get("/v2/health/ready"),
            "server": make_get("/v2"),
            "models": make_get("/v2/models"),
            "nowhere": make_get(UNKNOWN_PATH),
        }
        if endpoint.model is not None:
            path = self.path(endpoint, endpoint.model)
            found |= {"model_ready": make_get(f"{path}/ready"), "metadata": make_get(path)}
        return found

    def metadata(self, answers: Mapping[str, Response]) -> dict[str, Any] | None:
        """The model's page, where it has a name, inputs and outputs."""
        value = read_page(answers, "metadata")
        listed = all(isinstance(get_member(value, role), list) for role in ("inputs", "outputs"))
        return value if listed and parse_name(value.get("name")) else None

    def spoken(self, answers: Mapping[str, Response]) -> tuple[float, str]:
        """0.9: the server's metadata; 0.5: only its health call; 0.4: `/v2` needs a key."""
        server = read_page(answers, "server")
        if _is_server(server):
            return 0.9, f"GET /v2 answered 200 with server metadata: {shorten_value(server['name'])}"
        if is_offered(answers, "live") and get_status(answers, "live") == 200 and _says_live(answers["live"]):
            return LIVENESS_SCORE, "GET /v2/health/live answered 200"
        role = next(
            (each for each in ("metadata", "server") if needs_credentials(answers, each) and is_offered(answers, each)),
            None,
        )
        if role is not None:
            return 0.4, f"{role} under /v2 answered {get_status(answers, role)}: it needs a key"
        return 0.0, "GET /v2 brought no server metadata"

    def encode(self, endpoint: Endpoint, query: Query, facts: Facts) -> Request:
        """`inputs` is the nested lists of the one input, or an object of them by input name.

        Where the metadata have one dimension more, a batch of one is made of it. Options stand beside `inputs` in the
        body (`id`, `parameters`, `outputs`). A `binary` endpoint gets the elements as bytes behind the JSON, and is
        asked for its own in the same way (Triton's extension binary_tensor_data). Raises `UsageError` for a stream,
        ragged rows, or lists for many inputs.
        """
        self.refuse_stream(query)
        made, path = encode_tensors(query.inputs, facts), self._infer_path(endpoint, facts)
        if endpoint.binary:
            return _in_bytes(path, made, query.options)
        return make_post(path, {"inputs": made, **query.options})

    def decode(self, endpoint: Endpoint, response: Response) -> Answer:
        """Every output, as nested lists of its stated shape. Raises `ProtocolError` with the place."""
        value, outputs = v2_answer.decode_outputs(response)
        version = value.get("model_version")
        return Answer(
            outputs=binary_tensor.LazyOutputs(outputs),
            value=value,
            model=expect_text(value.get("model_name"), "$.model_name"),
            version=str(version) if type(version) is int else expect_text(version, "$.model_version") or None,
        )

    def bad_requests(self, endpoint: Endpoint, facts: Facts) -> Mapping[str, Request]:
        """Broken JSON, no inputs, data shorter than their shape, a datatype that is none, a model that is not there."""
        made, path = self.valid(endpoint, facts), self._infer_path(endpoint, facts)
        return {
            "malformed_json": Request("POST", path, JSON_HEADERS, b'{"inputs": [{"name": '),
            "missing_inputs": make_post(path, {}),
            "data_shorter_than_shape": make_post(
                path, {"inputs": [{**each, "data": each["data"][:-1]} for each in made]}
            ),
            "unknown_datatype": make_post(path, {"inputs": [{**each, "datatype": "FP99"} for each in made]}),
            "unknown_model": make_post("/v2/models/aiharness-no-such-model/infer", {"inputs": made}),
        }

    def _infer_path(self, endpoint: Endpoint, facts: Facts) -> str:
        return self.path(endpoint, self.model(endpoint, facts)) + "/infer"


def _in_bytes(path: str, made: Sequence[Mapping[str, Any]], options: Mapping[str, Any]) -> Request:
    packed = [binary_tensor.pack_tensor(each["data"], each["datatype"]) for each in made]
    inputs = [
        {name: value for name, value in each.items() if name != "data"}
        | {"parameters": {"binary_data_size": len(data)}}
        for each, data in zip(made, packed, strict=True)
    ]
    parameters = {"binary_data_output": True, **options.get("parameters", {})}
    head = dump_json({"inputs": inputs, **options, "parameters": parameters})
    headers = (("content-type", "application/octet-stream"), (v2_answer.JSON_LENGTH_HEADER, str(len(head))))
    return Request("POST", path, headers, b"".join((head, *packed)))


def _is_server(value: Any) -> bool:
    named = all(isinstance(get_member(value, each), str) for each in ("name", "version"))
    return named and isinstance(value.get("extensions"), list)


def _says_live(response: Response) -> bool:
    """Nothing (Triton, MLServer), or a JSON object that says so: a page of HTML is another service's."""
    return not response.body.strip() or get_member(read_json(response), "live") is True


ADAPTER = _V2()
