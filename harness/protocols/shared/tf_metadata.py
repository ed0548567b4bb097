"""What TensorFlow Serving's pages say of a model: the states of its versions, and its signatures (protobuf's JSON)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.protocols.shared import tensors
from harness.protocols.shared.values import get_member, parse_name

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
"""TensorFlow's data types that JSON can carry, in the names of the Open Inference Protocol."""


def parse_version_states(own: Any) -> list[tuple[str, str]]:
    """Version and state of each version on a page of status (`START`, `LOADING`, `AVAILABLE`, `UNLOADING`, `END`)."""
    listed = get_member(own, "model_version_status")
    pairs = [(parse_version(each), get_member(each, "state")) for each in (listed if isinstance(listed, list) else ())]
    return [(stated, state) for stated, state in pairs if stated is not None and isinstance(state, str)]


def find_available_version(pairs: Sequence[tuple[str, str]]) -> str | None:
    """The version that is served, where it is one alone."""
    found = [stated for stated, state in pairs if state == "AVAILABLE"]
    return found[0] if len(found) == 1 else None


def parse_version(holder: Any) -> str | None:
    """The version that an object states: text, for 64-bit numbers are text in protobuf's JSON."""
    stated = get_member(holder, "version")
    return str(stated) if type(stated) is int else parse_name(stated)


def parse_signatures(metadata: Any) -> dict[str, Any] | None:
    """The signatures by name on a page of metadata, or None when it is no such page."""
    found = get_member(metadata, "metadata", "signature_def", "signature_def")
    return found if isinstance(found, dict) and isinstance(metadata.get("model_spec"), dict) else None


def describe_inputs(named: dict[str, Any]) -> dict[str, Any]:
    """Facts of the default signature, or of the only one, which must then be named in requests (`signature_name`).

    `inputs` holds name, datatype and shape of each input, and is left out where one of them is not known.
    """
    name = _DEFAULT_SIGNATURE if _DEFAULT_SIGNATURE in named or len(named) != 1 else next(iter(named))
    stated = get_member(named, name, "inputs")
    specs = [_spec(each, info) for each, info in stated.items()] if isinstance(stated, dict) else []
    known = [each for each in specs if each is not None]
    found: dict[str, Any] = {"inputs": known} if known and len(known) == len(specs) else {}
    return found if name == _DEFAULT_SIGNATURE else {**found, "signature_name": name}


def _spec(name: str, info: Any) -> dict[str, Any] | None:
    """Name, datatype and shape of an input; None when its rank or its type is not known."""
    shape, datatype = get_member(info, "tensor_shape"), _DATATYPES.get(str(get_member(info, "dtype")))
    if not isinstance(shape, dict) or shape.get("unknown_rank") is True or datatype is None:
        return None
    dims = shape.get("dim", [])
    sizes = [_size(each) for each in dims] if isinstance(dims, list) and len(dims) <= tensors.MAX_RANK else [None]
    known = [size for size in sizes if size is not None]
    return {"name": name, "datatype": datatype, "shape": known} if len(known) == len(sizes) else None


def _size(dim: Any) -> int | None:
    size = get_member(dim, "size")
    try:
        return int(size) if isinstance(size, str | int) and -1 <= int(size) < 2**63 else None
    except ValueError:
        return None
