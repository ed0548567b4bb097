"""What a valid input of an endpoint looks like: by its metadata, its document, its protocol, or its sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

from harness.protocols.shared import tensors
from harness.protocols.shared.json_schema import MAX_FLOAT32
from harness.protocols.shared.valid_input import derive_schema, is_bounded, narrow_schema
from harness.run.session import Session

MOST_GENERATED, _MOST_GENERATED_TEXTS = 40, 12
"""Requests drawn: a text costs tokens, and few things about it can be announced."""
GENERATED_MAX_TOKENS = 16
"""Some services take no lower limit."""

_OPTIONS = {
    "max_tokens": {"type": "integer", "minimum": 1, "maximum": GENERATED_MAX_TOKENS},
    "temperature": {"type": "number", "minimum": 0, "maximum": 2},
    "seed": {"type": "integer", "minimum": 0, "maximum": 2**31 - 1},
    "stop": {"type": "string", "minLength": 1, "maxLength": 8},
}
"""What every service that generates understands (`Capabilities.generates`), in the documented ranges."""


@dataclass(frozen=True, slots=True)
class InputForm:
    """What a valid input is: a JSON Schema, or tensors (name, shape, element schema) whose open sizes agree.

    `options` is the schema of the object of what stands beside the input; `bounded` as `Known.bounded`; `source` says
    where this is from.
    """

    source: str
    schema: Mapping[str, Any] = field(default_factory=dict)
    tensors: tuple[Mapping[str, Any], ...] = ()
    options: Mapping[str, Any] = field(default_factory=lambda: object_schema({}, []))
    bounded: bool = False
    most: int = MOST_GENERATED


def find_input_form(session: Session) -> InputForm:
    """What a valid input is: by the metadata, by the OpenAPI document, by the chat protocol, or like the sample.

    Raises `UsageError` where no sample can be had.
    """
    specs, stated = session.facts.inputs.get("inputs"), session.facts.inputs.get("valid")
    if isinstance(specs, list) and specs:
        tensors = tuple({**each, "element": _element(each)} for each in specs)
        closed = all(is_bounded(each["element"]) and all(size > 0 for size in each["shape"][1:]) for each in tensors)
        return InputForm("the model's metadata", tensors=tensors, bounded=closed)
    sample = session.sample()
    if isinstance(stated, Mapping) and (session.sample_query is None):
        whole = object_schema(stated["options"], stated["required"])
        schema = narrow_schema(dict(stated["input"]), [sample.inputs])
        closed = is_bounded(dict(stated["input"])) and is_bounded(whole)
        return InputForm("the OpenAPI document", schema, options=whole, bounded=closed)
    if session.able.generates and isinstance(sample.inputs, str):
        prompt = {"type": "string", "minLength": 1, "maxLength": 40}
        return InputForm(
            "the protocol", prompt, options=object_schema(_OPTIONS, ["max_tokens"]), most=_MOST_GENERATED_TEXTS
        )
    return InputForm("the sample", derive_schema(sample.inputs), options=object_schema({}, []))


def object_schema(properties: Mapping[str, Any], required: list[str]) -> dict[str, Any]:
    """The schema of an object with these properties and no others."""
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _element(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of one element of a tensor: the range of its datatype, within the bounds that are stated."""
    datatype = spec["datatype"]
    if datatype == "BOOL":
        return {"type": "boolean"}
    if datatype == "BYTES":
        return {"type": "string"}
    if datatype in tensors.INTEGER_TYPES:
        bits, signed = tensors.INTEGER_TYPES[datatype]
        low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
        kind = "integer"
    else:
        largest = {"FP16": 65504.0, "FP64": 1.7976931348623157e308}.get(datatype, MAX_FLOAT32)
        low, high, kind = -largest, largest, "number"
    return {
        "type": kind,
        "minimum": max(low, spec.get("minimum", low)),
        "maximum": min(high, spec.get("maximum", high)),
    }


def count_elements(shape: list[int]) -> int:
    """Elements of a tensor with one entry for each open dimension."""
    return prod(max(1, size) for size in shape)
