"""Whether a value is still a valid input: a simplified request must not leave what the endpoint announces.

Loaded only for a request that fails (jsonschema is part of the extra `property`).

Tested in tests/generation/test_search.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from harness.core.errors import UsageError
from harness.core.json_path import list_leaves
from harness.generation.input_form import InputForm, object_schema
from harness.protocols.shared import tensors


def make_validator(form: InputForm, failing: Any) -> Callable[[Any], bool]:
    """A function that says whether a value `{"inputs", "options"}` has this form.

    A text with a `format` is valid only if it occurs in the `failing` request too: formats themselves are not checked.
    """
    inputs: Mapping[str, Any] = form.schema
    if form.tensors:
        schemas = {spec["name"]: _nest_schema(spec) for spec in form.tensors}
        inputs = object_schema(schemas, list(schemas))
    schema = object_schema({"inputs": inputs, "options": form.options}, ["inputs", "options"])
    texts = {leaf for leaf in list_leaves(failing) if isinstance(leaf, str)}
    checker = FormatChecker(())
    for name in set(_find_formats(schema)):
        checker.checkers = {**checker.checkers, name: (lambda leaf: not isinstance(leaf, str) or leaf in texts, ())}
    is_valid = Draft202012Validator(schema, format_checker=checker).is_valid
    return lambda value: is_valid(value) and _have_equal_sizes(form.tensors, value["inputs"])


def _find_formats(schema: Any) -> Iterator[str]:
    if isinstance(schema, Mapping):
        if isinstance(schema.get("format"), str):
            yield schema["format"]
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            yield from _find_formats(part)


def _nest_schema(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema of a tensor as nested lists."""
    schema: Mapping[str, Any] = spec["element"]
    for size in reversed(spec["shape"]):
        bounds = {"minItems": 1} if size < 0 else {"minItems": size, "maxItems": size}
        schema = {"type": "array", "items": schema, **bounds}
    return schema


def _have_equal_sizes(specs: tuple[Mapping[str, Any], ...], inputs: Mapping[str, Any]) -> bool:
    """Whether the tensors are rectangular, and each open dimension has the same size in all of them."""
    sizes: dict[int, int] = {}
    for spec in specs:
        try:
            shape = tensors.find_regular_shape(inputs[spec["name"]])
        except UsageError:
            return False
        for dimension, (stated, size) in enumerate(zip(spec["shape"], shape, strict=True)):
            if stated < 0 and sizes.setdefault(dimension, size) != size:
                return False
    return True
