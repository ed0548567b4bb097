"""TensorFlow Serving's pages about a model: the states of its versions, and its signatures (in protobuf's JSON)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.protocols.shared import tensors
from harness.protocols.shared.values import get_list, get_member, parse_name, pick_only

_DEFAULT_SIGNATURE = "serving_default"
_DATATYPES = {
    "DT_BOOL": "BOOL",
    "DT_STRING": "BYTES",
    "DT_HALF": "FP16",
    "DT_BFLOAT16": "BF16",
    "DT_FLOAT": "FP32",
    "DT_DOUBLE": "FP64",
    **{f"DT_{name}": name for name in tensors.INTEGER_TYPES},
}
"""TensorFlow's data types that can be written in JSON, with their names in the Open Inference Protocol."""


def parse_version_states(page: Any) -> list[tuple[str, str]]:
    """Each version and its state on a status page (`START`, `LOADING`, `AVAILABLE`, `UNLOADING`, `END`)."""
    pairs = [(parse_version(entry), get_member(entry, "state")) for entry in get_list(page, "model_version_status")]
    return [(version, state) for version, state in pairs if version is not None and isinstance(state, str)]


def find_available_version(states: Sequence[tuple[str, str]]) -> str | None:
    """The version that is served, if it is the only one."""
    return pick_only(list_available_versions(states))


def list_available_versions(states: Sequence[tuple[str, str]]) -> list[str]:
    """The versions that are served, the newest last."""
    return sorted((version for version, state in states if state == "AVAILABLE"), key=lambda text: (len(text), text))


def parse_version(entry: Any) -> str | None:
    """The version that an object states. It may be a text, because protobuf's JSON has 64-bit numbers as texts."""
    version = get_member(entry, "version")
    return str(version) if type(version) is int else parse_name(version)


def parse_signatures(metadata: Any) -> dict[str, Any] | None:
    """The signatures by name on a page of metadata, or None if it is not such a page."""
    signatures = get_member(metadata, "metadata", "signature_def", "signature_def")
    is_page = isinstance(signatures, dict) and isinstance(metadata.get("model_spec"), dict)
    return signatures if is_page else None


def describe_inputs(signatures: dict[str, Any]) -> dict[str, Any]:
    """Facts about the default signature, or about the only one, which requests must then name (`signature_name`).

    `inputs` has the name, datatype and shape of each input; it is left out if one of them is not known.
    """
    name = _DEFAULT_SIGNATURE
    facts: dict[str, Any] = {}
    if name not in signatures and len(signatures) == 1:
        name = facts["signature_name"] = next(iter(signatures))
    inputs = get_member(signatures, name, "inputs")
    if isinstance(inputs, dict) and inputs:
        specs = [_parse_spec(input_name, info) for input_name, info in inputs.items()]
        if None not in specs:
            facts["inputs"] = specs
    return facts


def _parse_spec(name: str, info: Any) -> dict[str, Any] | None:
    """Name, datatype and shape of an input; None if its rank or its type is not known."""
    shape, datatype = get_member(info, "tensor_shape"), _DATATYPES.get(str(get_member(info, "dtype")))
    if not isinstance(shape, dict) or shape.get("unknown_rank") is True or datatype is None:
        return None
    dims = shape.get("dim", [])
    if not isinstance(dims, list) or len(dims) > tensors.MAX_RANK:
        return None
    sizes = [_parse_size(dim) for dim in dims]
    return None if None in sizes else {"name": name, "datatype": datatype, "shape": sizes}


def _parse_size(dim: Any) -> int | None:
    size = get_member(dim, "size")
    try:
        return int(size) if isinstance(size, str | int) and -1 <= int(size) < 2**63 else None
    except ValueError:
        return None
