"""The Open Inference Protocol, version 2, over HTTP with JSON tensors (Triton, MLServer, KServe and others).

The model's name comes from the configuration, or from the service where it lists exactly one. Its metadata are asked
only for a configured name, and say how a valid request looks; without them a tensor is named `input-0` and has the
datatype of its elements, which MLServer and KServe accept and Triton refuses. With a configured version every path goes
through `/versions/VERSION`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn
from urllib.parse import quote

from harness.core.adapter import Capabilities, Facts, Recognition, StreamDecoder
from harness.core.endpoint import Endpoint
from harness.core.errors import ProtocolError, UsageError
from harness.core.exchange import Answer, Query, Request, Response, StreamEvent
from harness.core.jsontext import parse
from harness.protocols import _tensor
from harness.protocols._wire import (
    JSON,
    NOWHERE,
    a_name,
    an_array,
    an_object,
    closed,
    get,
    holds_rows,
    offered,
    page,
    post,
    refuse_error,
    shown,
    status,
    text_or_none,
)


class V2:
    """The adapter; one or several input tensors, all outputs."""

    name = "v2"
    title = "Open Inference Protocol V2 over HTTP"

    def capabilities(self, endpoint: Endpoint, facts: Facts) -> Capabilities:
        """Tensors and server health; the model's readiness and metadata need its name in the configuration.

        Batches, unless the metadata fix an input's first dimension; without metadata the configured sample decides.
        """
        named, batches = endpoint.model is not None, _batches(endpoint, facts)
        return Capabilities(
            liveness=True, readiness=True, model_readiness=named, metadata=named, tensors=True, batches=batches
        )

    def probes(self, endpoint: Endpoint) -> Mapping[str, Request]:
        """Server live, ready, metadata; the model's readiness and metadata; KServe's list of models."""
        found = {
            "live": get("/v2/health/live"),
            "ready": get("/v2/health/ready"),
            "server": get("/v2"),
            "models": get("/v2/models"),
            "nowhere": get(NOWHERE),
        }
        if endpoint.model is not None:
            path = _model_path(endpoint, endpoint.model)
            found |= {"model_ready": get(f"{path}/ready"), "metadata": get(path)}
        return found

    def recognise(self, endpoint: Endpoint, answers: Mapping[str, Response]) -> Recognition:
        """1.0: the model's metadata; 0.9: the server's; 0.5: only its health call; 0.4: `/v2` needs a key."""
        server, metadata = page(answers, "server"), page(answers, "metadata")
        models = _listed(page(answers, "models"))
        if _is_metadata(metadata):
            inputs, outputs = _specs(metadata, "inputs"), _specs(metadata, "outputs")
            stated = {"inputs": inputs, **({"outputs": outputs} if outputs else {})}
            facts = Facts((str(metadata["name"]),), _sole(metadata.get("versions")), stated)
            told = ", ".join(f"{each['name']} {each['datatype']}{each['shape']}" for each in inputs) or "none named"
            return Recognition(
                1.0, f"the model {metadata['name']!r} answered with its metadata (inputs: {told})", facts
            )
        facts = Facts(models)
        without = "; no model is configured, so its metadata were not asked ([endpoint] model)"
        if endpoint.model is not None:
            without = f"; the metadata of model {endpoint.model!r}: {status(answers, 'metadata') or 'no answer'}"
        if _is_server(server):
            return Recognition(
                0.9, f"GET /v2 answered 200 with server metadata: {shown(server['name'])}{without}", facts
            )
        if offered(answers, "live") and status(answers, "live") == 200 and _says_live(answers["live"]):
            return Recognition(0.5, f"GET /v2/health/live answered 200{without}", facts)
        role = next((each for each in ("metadata", "server") if closed(answers, each) and offered(answers, each)), None)
        if role is not None:
            return Recognition(0.4, f"{role} under /v2 answered {status(answers, role)}: it needs a key", facts)
        return Recognition(0.0, "GET /v2 brought no server metadata")

    def sample(self, endpoint: Endpoint, facts: Facts) -> Query:
        """The configured sample, else zeros (of text: "hello") in the shapes of the metadata, one row.

        Raises `UsageError` without a model's name, or without metadata to make it from.
        """
        _model(endpoint, facts)
        if endpoint.sample is not None:
            return Query(endpoint.sample)
        specs = facts.inputs.get("inputs") or []
        if not specs:
            why = "name no inputs" if "inputs" in facts.inputs else "were not answered"
            if endpoint.model is None:
                why = "were not asked, for no model is configured (--ai-model or [endpoint] model)"
            raise UsageError(f"the model's metadata {why}; give one valid input as [endpoint] sample")
        tensors = {each["name"]: _tensor.zeros(each) for each in specs}
        return Query(tensors if len(tensors) > 1 else next(iter(tensors.values())))

    def encode(self, endpoint: Endpoint, query: Query, facts: Facts) -> Request:
        """`inputs` is the nested lists of the one input, or an object of them by input name.

        Where the metadata have one dimension more, a batch of one is made of it. Options stand beside `inputs` in the
        body (`id`, `parameters`, `outputs`). Raises `UsageError` for a stream, ragged rows, or lists for many inputs.
        """
        if query.stream:
            _no_stream()
        body = {"inputs": _tensors(query.inputs, facts), **query.options}
        return post(_infer_path(endpoint, facts), body)

    def decode(self, endpoint: Endpoint, response: Response) -> Answer:
        """Every output, as nested lists of its stated shape. Raises `ProtocolError` with the place."""
        value = an_object(parse(response.body))
        refuse_error(value, response)
        outputs: dict[str, Any] = {}
        for i, each in enumerate(an_array(value.get("outputs"), "$.outputs")):
            at = f"$.outputs[{i}]"
            tensor = an_object(each, at)
            name = tensor.get("name")
            if not isinstance(name, str) or name in outputs:
                raise ProtocolError(f"the name {name!r:.60} is no string, or there twice", at=f"{at}.name")
            if "parameters" in tensor and tensor["parameters"] is not None:
                an_object(tensor["parameters"], f"{at}.parameters")
            outputs[name] = _tensor.read(tensor, at)
        if not outputs:
            raise ProtocolError("no output in the answer", at="$.outputs")
        version = value.get("model_version")
        return Answer(
            outputs=outputs,
            value=value,
            model=text_or_none(value.get("model_name"), "$.model_name"),
            version=str(version) if type(version) is int else text_or_none(version, "$.model_version") or None,
        )

    def decoder(self) -> StreamDecoder:
        """Raises `UsageError`: there is no stream in this protocol."""
        _no_stream()

    def assemble(self, events: Sequence[StreamEvent]) -> Answer:
        """Raises `UsageError`: there is no stream in this protocol."""
        _no_stream()

    def bad_requests(self, endpoint: Endpoint, facts: Facts) -> Mapping[str, Request]:
        """Broken JSON, no inputs, data shorter than their shape, a datatype that is none, a model that is not there."""
        try:
            tensors = _tensors(self.sample(endpoint, facts).inputs, facts)
        except UsageError:
            tensors = _tensors([0.0], Facts())
        path = _infer_path(endpoint, facts)
        return {
            "malformed_json": Request("POST", path, JSON, b'{"inputs": [{"name": '),
            "missing_inputs": post(path, {}),
            "data_shorter_than_shape": post(
                path, {"inputs": [{**each, "data": each["data"][:-1]} for each in tensors]}
            ),
            "unknown_datatype": post(path, {"inputs": [{**each, "datatype": "FP99"} for each in tensors]}),
            "unknown_model": post("/v2/models/aiharness-no-such-model/infer", {"inputs": tensors}),
        }

    def identity(self, answers: Mapping[str, Response]) -> tuple[str | None, str | None]:
        """The name in the model's metadata, and the version where exactly one is listed."""
        metadata = page(answers, "metadata")
        if not _is_metadata(metadata):
            return None, None
        return str(metadata["name"]), _sole(metadata.get("versions"))


def _batches(endpoint: Endpoint, facts: Facts) -> bool:
    shapes = [each["shape"] for each in facts.inputs.get("inputs") or []]
    if not shapes:
        return endpoint.sample is None or holds_rows(endpoint.sample)
    if len(shapes) == 1 and len(shapes[0]) == 1:
        return False  # one row of any length
    return all(shape and shape[0] < 0 for shape in shapes)


def _no_stream() -> NoReturn:
    raise UsageError("v2 over HTTP has no streamed answers; use a protocol that streams, such as openai_chat")


def _model(endpoint: Endpoint, facts: Facts) -> str:
    """The model's name. Raises `UsageError` when it is not configured and not the only one listed."""
    if endpoint.model is not None:
        return endpoint.model
    if len(facts.models) == 1:
        return facts.models[0]
    listed = f"; the service lists {', '.join(facts.models[:20])}" if facts.models else ""
    raise UsageError(f"v2 needs the name of the model: give --ai-model or [endpoint] model{listed}")


def _model_path(endpoint: Endpoint, model: str) -> str:
    versions = f"/versions/{quote(endpoint.version, safe='')}" if endpoint.version is not None else ""
    return f"/v2/models/{quote(model, safe='')}{versions}"


def _infer_path(endpoint: Endpoint, facts: Facts) -> str:
    return _model_path(endpoint, _model(endpoint, facts)) + "/infer"


def _tensors(inputs: Any, facts: Facts) -> list[dict[str, Any]]:
    specs = {each["name"]: each for each in facts.inputs.get("inputs") or []}
    if isinstance(inputs, dict):
        return [_written(str(name), value, specs.get(name)) for name, value in inputs.items()]
    if len(specs) > 1:
        raise UsageError(f"the model takes {', '.join(specs)}: give an object with rows for each of them")
    name, spec = next(iter(specs.items()), ("input-0", None))
    return [_written(name, inputs, spec)]


def _written(name: str, value: Any, spec: Mapping[str, Any] | None) -> dict[str, Any]:
    shape, flat = _tensor.shape_of(value), _tensor.flatten(value)
    rank = len(spec["shape"]) if spec else 1
    if len(shape) == rank - 1:
        shape = (1, *shape)
    datatype = spec["datatype"] if spec else _tensor.datatype_of(flat)
    return {"name": name, "shape": list(shape), "datatype": datatype, "data": _tensor.as_datatype(flat, datatype)}


def _specs(metadata: Mapping[str, Any], role: str) -> list[dict[str, Any]]:
    """Name, datatype and shape of each tensor of a role; none at all when one of them is not stated properly.

    An input has the bounds of its numbers too, where its `parameters`, or the model's, state both.
    """
    found = []
    for each in metadata[role]:
        shape = each.get("shape") if isinstance(each, dict) else None
        sound = isinstance(shape, list) and len(shape) <= _tensor.MAX_RANK and all(type(size) is int for size in shape)
        if not sound or not isinstance(each.get("name"), str) or each.get("datatype") not in _tensor.DATATYPES:
            return []
        spec = {"name": each["name"], "datatype": each["datatype"], "shape": shape}
        found.append({**spec, **(_bounds(each) or _bounds(metadata) if role == "inputs" else {})})
    return found


def _bounds(stated: Mapping[str, Any]) -> dict[str, Any]:
    parameters = stated.get("parameters")
    parameters = parameters if isinstance(parameters, dict) else {}
    bounds = {name: parameters[name] for name in ("minimum", "maximum") if type(parameters.get(name)) in (int, float)}
    return bounds if len(bounds) == 2 and bounds["minimum"] <= bounds["maximum"] else {}


def _is_metadata(value: Any) -> bool:
    if not isinstance(value, dict) or a_name(value.get("name")) is None:
        return False
    return isinstance(value.get("inputs"), list) and isinstance(value.get("outputs"), list)


def _is_server(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        return False
    return isinstance(value.get("version"), str) and isinstance(value.get("extensions"), list)


def _says_live(response: Response) -> bool:
    """Nothing (Triton, MLServer), or a JSON object that says so: a page of HTML is another service's."""
    value = page({"live": response}, "live")
    return not response.body.strip() or (isinstance(value, dict) and value.get("live") is True)


def _listed(value: Any) -> tuple[str, ...]:
    models = value.get("models") if isinstance(value, dict) else None
    return tuple(each for each in models if a_name(each)) if isinstance(models, list) else ()


def _sole(versions: Any) -> str | None:
    return str(versions[0]) if isinstance(versions, list) and len(versions) == 1 else None


ADAPTER = V2()
