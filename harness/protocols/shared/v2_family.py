"""What the Open Inference Protocol, version 2, has in common over HTTP and gRPC: models, inputs, samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.core.adapter import Capabilities, Facts, Recognition
from harness.core.endpoint import Endpoint
from harness.core.errors import UsageError
from harness.core.exchange import Response
from harness.protocols.shared import tensors
from harness.protocols.shared.named_models import NamedModels, parse_kserve_list
from harness.protocols.shared.opaque_text import find_sentence
from harness.protocols.shared.values import get_list, get_member, parse_name, pick_only, shorten_value
from harness.protocols.shared.wire import get_status, has_rows, read_page

LIVENESS_SCORE = 0.5
"""The score if only the liveness of the server is known; a lower one is a guess from a refused probe."""


class OpenInference(NamedModels):
    """The base of both adapters."""

    name = "v2"

    def capabilities(self, endpoint: Endpoint, facts: Facts) -> Capabilities:
        """Tensors and server health; readiness and metadata of the model require its name in the configuration.

        Batches, unless the metadata fix the first dimension of an input; without metadata the sample decides.
        """
        has_model = endpoint.model is not None
        return Capabilities(
            liveness=True,
            readiness=True,
            model_readiness=has_model,
            metadata=has_model,
            tensors=True,
            batches=_takes_batches(endpoint, facts),
            model_version=True,
            other_versions=len(facts.versions) > 1,
            own_ids=True,
            text_tensors=_takes_text(endpoint, facts),
        )

    def read_metadata(self, answers: Mapping[str, Response]) -> dict[str, Any] | None:
        """The metadata of the model in the answers to the probes, or None."""
        raise NotImplementedError

    def score_without_metadata(self, answers: Mapping[str, Response]) -> tuple[float, str]:
        """How sure it is, without the metadata of a model, that the endpoint speaks this protocol; and the reason."""
        raise NotImplementedError

    def recognise(self, endpoint: Endpoint, answers: Mapping[str, Response]) -> Recognition:
        """1.0: metadata of the model; 0.9: of the server; 0.5: only its liveness; 0.4: it needs a key."""
        metadata = self.read_metadata(answers)
        if metadata is not None:
            inputs, outputs = _parse_specs(metadata, "inputs"), _parse_specs(metadata, "outputs")
            listing = ", ".join(f"{shorten_value(spec['name'])} {spec['datatype']}{spec['shape']}" for spec in inputs)
            reason = f"the model {metadata['name']!r} answered with its metadata (inputs: {listing or 'none named'})"
            specs = {"inputs": inputs, **({"outputs": outputs} if outputs else {})}
            pages = (read_page(answers, "versions"), metadata)
            versions = next((texts for page in pages if (texts := _list_versions(page))), ())
            return Recognition(1.0, reason, Facts((metadata["name"],), _pick_version(metadata), specs, versions))
        score, reason = self.score_without_metadata(answers)
        if score < LIVENESS_SCORE:
            return Recognition(score, reason)
        note = "no model is configured, so its metadata were not requested ([endpoint] model)"
        if endpoint.model is not None:
            note = f"the metadata of model {endpoint.model!r}: {get_status(answers, 'metadata') or 'no answer'}"
        return Recognition(score, f"{reason}; {note}", Facts(parse_kserve_list(read_page(answers, "models"))))

    def identity(self, answers: Mapping[str, Response]) -> tuple[str | None, str | None]:
        """The name in the metadata of the model, and the version if exactly one is listed."""
        metadata = self.read_metadata(answers)
        return (None, None) if metadata is None else (metadata["name"], _pick_version(metadata))

    def make_valid_tensors(self, endpoint: Endpoint, facts: Facts) -> list[dict[str, Any]]:
        """The tensors of a sample, or a zero if there is none: the basis of invalid requests."""
        try:
            return encode_tensors(self.sample(endpoint, facts).inputs, facts)
        except UsageError:
            return encode_tensors([0.0], Facts())


def _takes_batches(endpoint: Endpoint, facts: Facts) -> bool:
    shapes = [spec["shape"] for spec in facts.inputs.get("inputs") or []]
    if not shapes:
        return endpoint.sample is None or has_rows(endpoint.sample)
    if len(shapes) == 1 and len(shapes[0]) == 1:
        return False  # the only dimension is the length of one row
    return all(shape and shape[0] < 0 for shape in shapes)


def _takes_text(endpoint: Endpoint, facts: Facts) -> bool:
    """Whether an input takes any text: its sample has several words, or its metadata say no more than BYTES."""
    if endpoint.sample is not None:
        return find_sentence(endpoint.sample) is not None
    return any(spec["datatype"] == "BYTES" for spec in facts.inputs.get("inputs") or [])


def encode_tensors(inputs: Any, facts: Facts) -> list[dict[str, Any]]:
    """Inputs as the protocol writes them: name, shape, datatype, and the elements in row-major order as `data`.

    Raises `UsageError` if rows have different shapes, or for lists if the model takes several inputs.
    """
    specs = {spec["name"]: spec for spec in facts.inputs.get("inputs") or []}
    if not isinstance(inputs, dict):
        if len(specs) > 1:
            raise UsageError(f"the model takes {', '.join(specs)}: give an object with rows for each of them")
        inputs = {next(iter(specs), "input-0"): inputs}
    encoded = []
    for name, value in inputs.items():
        shape, flat, datatype = tensors.fit_tensor(value, specs.get(name))
        encoded.append({"name": str(name), "shape": list(shape), "datatype": datatype, "data": flat})
    return encoded


def _parse_specs(metadata: dict[str, Any], role: str) -> list[dict[str, Any]]:
    """Name, datatype and shape of each tensor in a role; empty if one of them is not stated properly.

    An input also has the bounds of its numbers if its `parameters`, or those of the model, state both bounds.
    """
    specs = []
    for tensor in metadata[role]:
        name, datatype, shape = (get_member(tensor, key) for key in ("name", "datatype", "shape"))
        if not isinstance(name, str) or datatype not in tensors.DATATYPES:
            return []
        if not isinstance(shape, list) or len(shape) > tensors.MAX_RANK or any(type(size) is not int for size in shape):
            return []
        spec = {"name": name, "datatype": datatype, "shape": shape}
        if role == "inputs":
            spec |= _parse_bounds(tensor) or _parse_bounds(metadata)
        specs.append(spec)
    return specs


def _parse_bounds(value: dict[str, Any]) -> dict[str, Any]:
    low, high = (get_member(value, "parameters", name) for name in ("minimum", "maximum"))
    is_stated = type(low) in (int, float) and type(high) in (int, float)
    return {"minimum": low, "maximum": high} if is_stated and low <= high else {}


def _pick_version(metadata: dict[str, Any]) -> str | None:
    """The version, if exactly one is listed."""
    return pick_only(_list_versions(metadata))


def _list_versions(page: Any) -> tuple[str, ...]:
    """The versions on a page about a model."""
    names = (str(item) if type(item) is int else parse_name(item) for item in get_list(page, "versions"))
    return tuple(dict.fromkeys(filter(None, names)))
