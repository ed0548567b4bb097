"""Whether a value is still a valid input: what makes a request simpler must not leave what is announced.

Loaded only for a request that fails (jsonschema is part of the extra `property`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from harness.core.errors import UsageError
from harness.generation.input_form import InputForm, object_schema
from harness.protocols.shared import tensors


def make_validator(form: InputForm, like: Any) -> Callable[[Any], bool]:
    """Whether a value `{"inputs", "options"}` is of the form.

    A text that must have a format is one only where `like` holds it too.
    """
    inputs: Mapping[str, Any] = form.schema
    if form.tensors:
        inputs = object_schema(
            {each["name"]: _nested(each) for each in form.tensors}, [t["name"] for t in form.tensors]
        )
    schema = object_schema({"inputs": inputs, "options": form.options}, ["inputs", "options"])
    texts, checker = set(_all_texts(like)), FormatChecker(())
    for name in set(_formats(schema)):
        checker.checkers = {**checker.checkers, name: (lambda each: not isinstance(each, str) or each in texts, ())}
    right = Draft202012Validator(schema, format_checker=checker).is_valid
    return lambda value: right(value) and _agree(form.tensors, value["inputs"])


def _formats(schema: Any) -> Iterator[str]:
    if isinstance(schema, Mapping):
        if isinstance(schema.get("format"), str):
            yield schema["format"]
        schema = list(schema.values())
    for each in schema if isinstance(schema, list) else ():
        yield from _formats(each)


def _all_texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _all_texts(each)


def _nested(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    schema: Mapping[str, Any] = spec["element"]
    for size in reversed(spec["shape"]):
        bounds = {"minItems": 1} if size < 0 else {"minItems": size, "maxItems": size}
        schema = {"type": "array", "items": schema, **bounds}
    return schema


def _agree(specs: tuple[Mapping[str, Any], ...], inputs: Mapping[str, Any]) -> bool:
    """Whether the tensors are rectangular and open sizes of one place are the same in all of them."""
    sizes: dict[int, int] = {}
    for spec in specs:
        try:
            shape = tensors.find_regular_shape(inputs[spec["name"]])
        except UsageError:
            return False
        for place, (stated, size) in enumerate(zip(spec["shape"], shape, strict=True)):
            if stated < 0 and sizes.setdefault(place, size) != size:
                return False
    return True
