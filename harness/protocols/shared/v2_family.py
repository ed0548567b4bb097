"""What the Open Inference Protocol, version 2, is over HTTP and over gRPC alike: models, inputs, samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.core.adapter import Capabilities, Facts, Recognition
from harness.core.endpoint import Endpoint
from harness.core.errors import UsageError
from harness.core.exchange import Response
from harness.protocols.shared import tensors
from harness.protocols.shared.named_models import NamedModels, parse_kserve_list
from harness.protocols.shared.values import get_member, shorten_value
from harness.protocols.shared.wire import get_status, has_rows, read_page

LIVENESS_SCORE = 0.5
"""How sure it is from a server's liveness alone; less is the guess of a closed door."""


class OpenInference(NamedModels):
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
            model_version=True,
        )

    def metadata(self, answers: Mapping[str, Response]) -> dict[str, Any] | None:
        """The model's metadata in the answers to the probes, or None."""
        raise NotImplementedError

    def spoken(self, answers: Mapping[str, Response]) -> tuple[float, str]:
        """How sure it is without the model's metadata that this protocol is spoken, and why."""
        raise NotImplementedError

    def recognise(self, endpoint: Endpoint, answers: Mapping[str, Response]) -> Recognition:
        """1.0: the model's metadata; 0.9: the server's; 0.5: only its liveness; 0.4: it needs a key."""
        metadata = self.metadata(answers)
        if metadata is not None:
            inputs, outputs = _parse_specs(metadata, "inputs"), _parse_specs(metadata, "outputs")
            told = ", ".join(f"{shorten_value(each['name'])} {each['datatype']}{each['shape']}" for each in inputs)
            reason = f"the model {metadata['name']!r} answered with its metadata (inputs: {told or 'none named'})"
            stated = {"inputs": inputs, **({"outputs": outputs} if outputs else {})}
            return Recognition(1.0, reason, Facts((metadata["name"],), _sole(metadata.get("versions")), stated))
        score, reason = self.spoken(answers)
        if score < LIVENESS_SCORE:
            return Recognition(score, reason)
        without = "no model is configured, so its metadata were not asked ([endpoint] model)"
        if endpoint.model is not None:
            without = f"the metadata of model {endpoint.model!r}: {get_status(answers, 'metadata') or 'no answer'}"
        return Recognition(score, f"{reason}; {without}", Facts(parse_kserve_list(read_page(answers, "models"))))

    def identity(self, answers: Mapping[str, Response]) -> tuple[str | None, str | None]:
        """The name in the model's metadata, and the version where exactly one is listed."""
        metadata = self.metadata(answers)
        return (None, None) if metadata is None else (metadata["name"], _sole(metadata.get("versions")))

    def valid(self, endpoint: Endpoint, facts: Facts) -> list[dict[str, Any]]:
        """The tensors of a sample, to be spoilt; a zero where there is none."""
        try:
            return encode_tensors(self.sample(endpoint, facts).inputs, facts)
        except UsageError:
            return encode_tensors([0.0], Facts())


def _batches(endpoint: Endpoint, facts: Facts) -> bool:
    shapes = [each["shape"] for each in facts.inputs.get("inputs") or []]
    if not shapes:
        return endpoint.sample is None or has_rows(endpoint.sample)
    if len(shapes) == 1 and len(shapes[0]) == 1:
        return False  # one row of any length
    return all(shape and shape[0] < 0 for shape in shapes)


def encode_tensors(inputs: Any, facts: Facts) -> list[dict[str, Any]]:
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
    shape, flat, datatype = tensors.fit_tensor(value, spec)
    return {"name": name, "shape": list(shape), "datatype": datatype, "data": flat}


def _parse_specs(metadata: dict[str, Any], role: str) -> list[dict[str, Any]]:
    """Name, datatype and shape of each tensor of a role; none at all when one of them is not stated properly.

    An input has the bounds of its numbers too, where its `parameters`, or the model's, state both.
    """
    found = []
    for each in metadata[role]:
        shape = get_member(each, "shape")
        sound = isinstance(shape, list) and len(shape) <= tensors.MAX_RANK and all(type(size) is int for size in shape)
        if not sound or not isinstance(each.get("name"), str) or each.get("datatype") not in tensors.DATATYPES:
            return []
        spec = {"name": each["name"], "datatype": each["datatype"], "shape": shape}
        found.append({**spec, **(_bounds(each) or _bounds(metadata) if role == "inputs" else {})})
    return found


def _bounds(stated: dict[str, Any]) -> dict[str, Any]:
    low, high = (get_member(stated, "parameters", name) for name in ("minimum", "maximum"))
    known = type(low) in (int, float) and type(high) in (int, float)
    return {"minimum": low, "maximum": high} if known and low <= high else {}


def _sole(versions: Any) -> str | None:
    """The one version that is listed, or None."""
    return str(versions[0]) if isinstance(versions, list) and len(versions) == 1 else None
