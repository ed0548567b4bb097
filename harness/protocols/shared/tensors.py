"""Tensors of the Open Inference Protocol in JSON: a datatype, a shape, and data that are flat or nested."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from math import prod
from typing import Any

from harness.core.errors import ProtocolError, UsageError
from harness.protocols.shared.values import describe_kind, expect_array

INTEGER_TYPES = {f"{sign}INT{bits}": (bits, sign == "") for bits in (8, 16, 32, 64) for sign in ("", "U")}
"""Integer datatypes: bits, and whether they are signed."""

FLOAT_TYPES = ("FP16", "FP32", "FP64", "BF16")
DATATYPES = ("BOOL", *INTEGER_TYPES, *FLOAT_TYPES, "BYTES")
MAX_RANK = 32
"""Most dimensions of a tensor, as in NumPy until version 2."""
_MAX_SAMPLE_SIZE = 1_000_000
"""Elements of a sample made from metadata; a larger tensor must be given by the user."""


def find_regular_shape(value: Any) -> tuple[int, ...]:
    """The shape of nested lists; a bare value has the shape `()`. Raises `UsageError` for ragged ones."""
    if not isinstance(value, list | tuple):
        return ()
    inner = [find_regular_shape(each) for each in value]
    if any(shape != inner[0] for shape in inner):
        raise UsageError("the rows have different shapes; a tensor needs rows of one shape")
    return (len(value), *(inner[0] if inner else ()))


def flatten_rows(value: Any) -> list[Any]:
    """The elements of nested lists in row-major order."""
    flat = [value]
    while any(isinstance(each, list | tuple) for each in flat):
        flat = list(chain.from_iterable(each if isinstance(each, list | tuple) else (each,) for each in flat))
    return flat


def _infer_datatype(flat: Sequence[Any]) -> str:
    """The datatype that holds these elements without loss: BYTES, BOOL, INT64 or FP64."""
    kinds = {type(each) for each in flat}
    if kinds == {str}:
        return "BYTES"
    if kinds == {bool}:
        return "BOOL"
    return "INT64" if kinds == {int} else "FP64"


def _convert_elements(flat: list[Any], datatype: str) -> list[Any]:
    """Elements as the datatype writes them: `0.0` for an integer tensor becomes `0`; nothing else is changed."""
    if datatype not in INTEGER_TYPES:
        return flat
    return [int(each) if isinstance(each, float) and each.is_integer() else each for each in flat]


def fit_tensor(value: Any, spec: Mapping[str, Any] | None) -> tuple[tuple[int, ...], list[Any], str]:
    """The shape of an input, its elements in row-major order, and their datatype, as the metadata have them.

    Where these have one dimension more, a batch of one is made. Raises `UsageError` for ragged rows.
    """
    shape, flat = find_regular_shape(value), flatten_rows(value)
    if len(shape) == (len(spec["shape"]) if spec else 1) - 1:
        shape = (1, *shape)
    datatype = spec["datatype"] if spec else _infer_datatype(flat)
    return shape, _convert_elements(flat, datatype), datatype


def parse_datatype_and_shape(tensor: dict[str, Any], at: str) -> tuple[str, tuple[int, ...]]:
    """The datatype and the shape that an answered tensor states. Raises `ProtocolError` with the place."""
    datatype = tensor.get("datatype")
    if datatype not in DATATYPES:
        raise ProtocolError(f"{datatype!r:.60} is no datatype of the protocol", at=f"{at}.datatype")
    return datatype, _shape_in(tensor.get("shape"), f"{at}.shape")


def find_integer_range(datatype: str) -> tuple[int, int]:
    """The least number of an integer datatype, and the first above its greatest."""
    bits, signed = INTEGER_TYPES[datatype]
    return (-(2 ** (bits - 1)), 2 ** (bits - 1)) if signed else (0, 2**bits)


def decode_tensor(tensor: dict[str, Any], at: str) -> Any:
    """The nested lists of an answered tensor. Raises `ProtocolError` where data, shape and datatype disagree."""
    datatype, shape = parse_datatype_and_shape(tensor, at)
    data = expect_array(tensor.get("data"), f"{at}.data")
    if any(isinstance(each, list) for each in data):
        try:
            found = find_regular_shape(data)
        except UsageError:
            raise ProtocolError("the rows of the data have different shapes", at=f"{at}.data") from None
        if found != shape:
            raise ProtocolError(f"nested data of shape {list(found)} where {list(shape)} is stated", at=f"{at}.data")
        data = flatten_rows(data)
    return build_tensor(data, datatype, shape, f"{at}.data")


def build_tensor(flat: list[Any], datatype: str, shape: Sequence[int], at: str) -> Any:
    """The nested lists of row-major elements. Raises `ProtocolError` for a wrong number, or one of another datatype."""
    if len(flat) != prod(shape):
        raise ProtocolError(f"{len(flat)} elements where the shape {list(shape)} is stated", at=at)
    for index, element in enumerate(flat):
        if problem := _wrong(element, datatype):
            raise ProtocolError(problem, at=f"{at}[{index}]")
    return fold_elements(flat, shape)


def fold_elements(flat: list[Any], shape: Sequence[int]) -> Any:
    """Row-major elements as nested lists; `[]` for any shape without elements."""
    if not shape:
        return flat[0]
    if not flat:
        return []
    for size in reversed(shape[1:]):
        flat = [flat] if size == len(flat) else [flat[i : i + size] for i in range(0, len(flat), size)]
    return flat


def make_zeros(spec: Mapping[str, Any]) -> Any:
    """Zeros (of text: "hello") of an input's shape, one of each open size. Raises `UsageError` for too many."""
    shape = [size if size >= 0 else 1 for size in spec["shape"]]
    if (count := prod(shape)) > _MAX_SAMPLE_SIZE:
        raise UsageError(f"input {spec['name']!r} has {count} elements; give one valid input as [endpoint] sample")
    datatype = spec["datatype"]
    zero: Any = {"BYTES": "hello", "BOOL": False}.get(datatype, 0 if datatype in INTEGER_TYPES else 0.0)
    return fold_elements([zero] * count, shape)


def _shape_in(value: Any, at: str) -> tuple[int, ...]:
    """The shape that an answer states. Raises `ProtocolError` with the place of what is no size."""
    sizes = expect_array(value, at)
    if len(sizes) > MAX_RANK:
        raise ProtocolError(f"{len(sizes)} dimensions; at most {MAX_RANK} are read", at=at)
    for index, size in enumerate(sizes):
        if type(size) is not int or not 0 <= size < 2**63:
            raise ProtocolError("a size must be a whole number from 0", at=f"{at}[{index}]")
    return tuple(sizes)


def _wrong(element: Any, datatype: str) -> str | None:
    """Why an element is none of the datatype, or None."""
    kind = type(element)
    if datatype in INTEGER_TYPES:
        low, high = find_integer_range(datatype)
        right = kind is int and low <= element < high
    elif datatype == "BOOL":
        right = kind is bool
    elif datatype == "BYTES":
        right = kind is str
    else:
        right = kind in (int, float)
    return None if right else f"{element!r:.40} ({describe_kind(element)}) is no {datatype}"
