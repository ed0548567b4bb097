"""What the Open Inference Protocol, version 2, is over HTTP and over gRPC alike: models, inputs, samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.core.adapter import Capabilities, Facts
from harness.core.endpoint import Endpoint
from harness.core.errors import UsageError
from harness.core.exchange import Query
from harness.protocols import _tensor
from harness.protocols._whole import Whole
from harness.protocols._wire import holds_rows


class OpenInference(Whole):
    """What both adapters share."""

    name = "v2"

    def capabilities(self, endpoint: Endpoint, facts: Facts) -> Capabilities:
        """Tensors and server health; the model's readiness and metadata need its name in the configuration.

        Batches, unless the metadata fix an input's first dimension; without metadata the configured sample decides.
        """
        named = endpoint.model is not None
        return Capabilities(
            liveness=True,
            readiness=True,
            model_readiness=named,
            metadata=named,
            tensors=True,
            batches=_batches(endpoint, facts),
        )

    def sample(self, endpoint: Endpoint, facts: Facts) -> Query:
        """The configured sample, else zeros (of text: "hello") in the shapes of the metadata, one row.

        Raises `UsageError` without a model's name, or without metadata to make it from.
        """
        model_name(endpoint, facts)
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


def _batches(endpoint: Endpoint, facts: Facts) -> bool:
    shapes = [each["shape"] for each in facts.inputs.get("inputs") or []]
    if not shapes:
        return endpoint.sample is None or holds_rows(endpoint.sample)
    if len(shapes) == 1 and len(shapes[0]) == 1:
        return False  # one row of any length
    return all(shape and shape[0] < 0 for shape in shapes)


def model_name(endpoint: Endpoint, facts: Facts) -> str:
    """The model's name. Raises `UsageError` when it is not configured and not the only one listed."""
    if endpoint.model is not None:
        return endpoint.model
    if len(facts.models) == 1:
        return facts.models[0]
    listed = f"; the service lists {', '.join(facts.models[:20])}" if facts.models else ""
    raise UsageError(f"the protocol needs the name of the model: give --ai-model or [endpoint] model{listed}")


def tensors(inputs: Any, facts: Facts) -> list[dict[str, Any]]:
    """Inputs as the protocol names them: name, shape, datatype, and the elements in row-major order as `data`.

    Raises `UsageError` for ragged rows, or lists where the model takes several inputs.
    """
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


def specs(metadata: Mapping[str, Any], role: str) -> list[dict[str, Any]]:
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


def sole(versions: Any) -> str | None:
    """The one version that is listed, or None."""
    return str(versions[0]) if isinstance(versions, list) and len(versions) == 1 else None
