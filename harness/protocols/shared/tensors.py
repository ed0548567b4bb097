"""Tensors of the Open Inference Protocol in JSON: a datatype, a shape, and data that are flat or nested."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from math import prod
from typing import Any

from harness.core.errors import ProtocolError, UsageError
from harness.protocols.shared.values import describe_kind, expect_array

INTEGER_TYPES = {f"{sign}INT{bits}": (bits, sign == "") for bits in (8, 16, 32, 64) for sign in ("", "U")}
"""Integer datatypes with their bits, and whether they are signed."""

FLOAT_TYPES = ("FP16", "FP32", "FP64", "BF16")
DATATYPES = ("BOOL", *INTEGER_TYPES, *FLOAT_TYPES, "BYTES")
_PYTHON_TYPES: dict[str, tuple[type, ...]] = dict.fromkeys(FLOAT_TYPES, (int, float))
_PYTHON_TYPES |= dict.fromkeys(INTEGER_TYPES, (int,)) | {"BOOL": (bool,), "BYTES": (str,)}

MAX_RANK = 32
"""The most dimensions of a tensor, as in NumPy before version 2."""
_MAX_SAMPLE_SIZE = 1_000_000
"""The most elements of a sample made from metadata; for a larger tensor the user has to give one."""


def find_regular_shape(value: Any) -> tuple[int, ...]:
    """The shape of nested lists, `()` for other values. Raises `UsageError` if rows have different shapes."""
    if not isinstance(value, list | tuple):
        return ()
    shapes = [find_regular_shape(row) for row in value]
    if any(shape != shapes[0] for shape in shapes):
        raise UsageError("the rows have different shapes; a tensor needs rows of one shape")
    return (len(value), *(shapes[0] if shapes else ()))


def flatten_rows(value: Any) -> list[Any]:
    """The elements of nested lists in row-major order."""
    flat = [value]
    while any(isinstance(row, list | tuple) for row in flat):
        flat = list(chain.from_iterable(row if isinstance(row, list | tuple) else (row,) for row in flat))
    return flat


def _infer_datatype(flat: Sequence[Any]) -> str:
    """The datatype for these elements: BYTES, BOOL, INT64 or FP64."""
    types = {type(element) for element in flat}
    if len(types) != 1:
        return "FP64"
    return {str: "BYTES", bool: "BOOL", int: "INT64"}.get(types.pop(), "FP64")


def fit_tensor(value: Any, spec: Mapping[str, Any] | None) -> tuple[tuple[int, ...], list[Any], str]:
    """The shape of an input, its elements in row-major order and their datatype, according to the metadata `spec`.

    If the metadata have one more dimension, the input becomes a batch of one. For an integer datatype, `0.0` becomes
    `0`. Raises `UsageError` if rows have different shapes.
    """
    shape, flat = find_regular_shape(value), flatten_rows(value)
    if spec:
        rank, datatype = len(spec["shape"]), spec["datatype"]
    else:
        rank, datatype = 1, _infer_datatype(flat)
    if len(shape) == rank - 1:
        shape = (1, *shape)
    if datatype in INTEGER_TYPES:
        flat = [int(number) if isinstance(number, float) and number.is_integer() else number for number in flat]
    return shape, flat, datatype


def parse_datatype_and_shape(tensor: dict[str, Any], at: str) -> tuple[str, tuple[int, ...]]:
    """The datatype and the shape that a tensor in an answer states. Raises `ProtocolError` with the place."""
    datatype = tensor.get("datatype")
    if datatype not in DATATYPES:
        raise ProtocolError(f"{datatype!r:.60} is not a datatype of the protocol", at=f"{at}.datatype")
    return datatype, _parse_shape(tensor.get("shape"), f"{at}.shape")


def find_integer_range(datatype: str) -> tuple[int, int]:
    """The smallest number of an integer datatype, and the first number above its largest."""
    bits, is_signed = INTEGER_TYPES[datatype]
    return (-(2 ** (bits - 1)), 2 ** (bits - 1)) if is_signed else (0, 2**bits)


def decode_tensor(tensor: dict[str, Any], at: str) -> Any:
    """The nested lists of a tensor in an answer. Raises `ProtocolError` if data, shape and datatype disagree."""
    datatype, shape = parse_datatype_and_shape(tensor, at)
    data = expect_array(tensor.get("data"), f"{at}.data")
    if any(isinstance(row, list) for row in data):
        try:
            nested = find_regular_shape(data)
        except UsageError:
            raise ProtocolError("the rows of the data have different shapes", at=f"{at}.data") from None
        if nested != shape:
            raise ProtocolError(f"nested data of shape {list(nested)} where {list(shape)} is stated", at=f"{at}.data")
        data = flatten_rows(data)
    return build_tensor(data, datatype, shape, f"{at}.data")


def build_tensor(flat: list[Any], datatype: str, shape: Sequence[int], at: str) -> Any:
    """The nested lists of row-major elements. Raises `ProtocolError` for a wrong count or an invalid element."""
    if len(flat) != prod(shape):
        raise ProtocolError(f"{len(flat)} elements where the shape {list(shape)} is stated", at=at)
    for index, element in enumerate(flat):
        if not _is_element(element, datatype):
            problem = f"{element!r:.40} ({describe_kind(element)}) is not a valid {datatype}"
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
    """Zeros (for BYTES "hello") in the shape of an input; open sizes become 1. Raises `UsageError` for too many."""
    shape = [size if size >= 0 else 1 for size in spec["shape"]]
    if (count := prod(shape)) > _MAX_SAMPLE_SIZE:
        raise UsageError(f"input {spec['name']!r} has {count} elements; give one valid input as [endpoint] sample")
    datatype = spec["datatype"]
    zero: Any = 0 if datatype in INTEGER_TYPES else {"BYTES": "hello", "BOOL": False}.get(datatype, 0.0)
    return fold_elements([zero] * count, shape)


def _parse_shape(value: Any, at: str) -> tuple[int, ...]:
    sizes = expect_array(value, at)
    if len(sizes) > MAX_RANK:
        raise ProtocolError(f"{len(sizes)} dimensions; at most {MAX_RANK} are accepted", at=at)
    for index, size in enumerate(sizes):
        if type(size) is not int or not 0 <= size < 2**63:
            raise ProtocolError("a size must be a whole number from 0", at=f"{at}[{index}]")
    return tuple(sizes)


def _is_element(element: Any, datatype: str) -> bool:
    if type(element) not in _PYTHON_TYPES[datatype]:
        return False
    if datatype not in INTEGER_TYPES:
        return True
    low, high = find_integer_range(datatype)
    return bool(low <= element < high)
