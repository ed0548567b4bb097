"""What a valid input of an endpoint is: by its metadata, its OpenAPI document, its protocol, or its sample.

Tested in tests/generation/test_search.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

from harness.protocols.shared import tensors
from harness.protocols.shared.json_schema import MAX_FLOAT32
from harness.protocols.shared.valid_input import derive_schema, is_bounded, limit_amounts, narrow_schema
from harness.run.session import Session

MOST_GENERATED, _MOST_GENERATED_TEXTS = 40, 12
"""Requests generated; fewer for texts, which cost tokens and of which little is announced."""
GENERATED_MAX_TOKENS = 16
"""The largest `max_tokens` of a generated request; some services accept no smaller limit."""

_GENERATION_OPTIONS = {
    "max_tokens": {"type": "integer", "minimum": 1, "maximum": GENERATED_MAX_TOKENS},
    "temperature": {"type": "number", "minimum": 0, "maximum": 2},
    "seed": {"type": "integer", "minimum": 0, "maximum": 2**31 - 1},
    "stop": {"type": "string", "minLength": 1, "maxLength": 8},
}
"""The options of every service that generates (`Capabilities.generates`), in their documented ranges."""

FROM_SAMPLE = "the sample"
_LARGEST_FLOAT = {"FP16": 65504.0, "FP64": 1.7976931348623157e308}


@dataclass(frozen=True, slots=True)
class InputForm:
    """What a valid input is: a JSON Schema, or tensors (name, shape, element schema) whose open sizes agree.

    `source` names where this comes from, `options` is the schema of the options object beside the input, `is_bounded`
    says that the form leaves nothing about a valid input open, `most` is the number of requests to generate.
    """

    source: str
    schema: Mapping[str, Any] = field(default_factory=dict)
    tensors: tuple[Mapping[str, Any], ...] = ()
    options: Mapping[str, Any] = field(default_factory=lambda: object_schema({}, []))
    is_bounded: bool = False
    most: int = MOST_GENERATED


def find_input_form(session: Session) -> InputForm:
    """What a valid input is: by the metadata, by the OpenAPI document, by the chat protocol, or like the sample.

    Raises `UsageError` where there is no sample.
    """
    specs, announced = session.facts.inputs.get("inputs"), session.facts.inputs.get("valid")
    if isinstance(specs, list) and specs:
        return _describe_tensors(specs)
    sample = session.sample()
    if isinstance(announced, Mapping) and session.sample_query is None:
        options = object_schema(announced["options"], announced["required"])
        schema = dict(announced["input"])
        bounded = is_bounded(schema) and is_bounded(options)
        narrowed_schema = limit_amounts(narrow_schema(schema, [sample.inputs]))
        return InputForm("the OpenAPI document", narrowed_schema, options=limit_amounts(options), is_bounded=bounded)
    if session.capabilities.generates and isinstance(sample.inputs, str):
        prompt = {"type": "string", "minLength": 1, "maxLength": 40}
        options = object_schema(_GENERATION_OPTIONS, ["max_tokens"])
        return InputForm("the protocol", prompt, options=options, most=_MOST_GENERATED_TEXTS)
    return InputForm(FROM_SAMPLE, derive_schema(sample.inputs))


def object_schema(properties: Mapping[str, Any], required: list[str]) -> dict[str, Any]:
    """The schema of an object with these properties and no others."""
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _describe_tensors(specs: list[Mapping[str, Any]]) -> InputForm:
    described = tuple({**spec, "element": _element_schema(spec)} for spec in specs)
    bounded = all(is_bounded(spec["element"]) and min(spec["shape"][1:], default=1) > 0 for spec in described)
    return InputForm("the model's metadata", tensors=described, is_bounded=bounded)


def _element_schema(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of one element of a tensor: the range of its datatype, within the bounds that are announced."""
    datatype = spec["datatype"]
    if datatype == "BOOL":
        return {"type": "boolean"}
    if datatype == "BYTES":
        return {"type": "string"}
    low: float
    if datatype in tensors.INTEGER_TYPES:
        kind = "integer"
        bits, is_signed = tensors.INTEGER_TYPES[datatype]
        low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if is_signed else (0, 2**bits - 1)
    else:
        kind = "number"
        high = _LARGEST_FLOAT.get(datatype, MAX_FLOAT32)
        low = -high
    minimum, maximum = max(low, spec.get("minimum", low)), min(high, spec.get("maximum", high))
    return {"type": kind, "minimum": minimum, "maximum": maximum}


def count_elements(shape: list[int]) -> int:
    """The elements of a tensor of this shape whose open dimensions have one entry each."""
    return prod(max(1, size) for size in shape)
