"""Tensors of the Open Inference Protocol in JSON: a datatype, a shape, and data that are flat or nested."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from math import prod
from typing import Any

from harness.core.errors import ProtocolError, UsageError
from harness.protocols.shared.values import an_array, kind_of

INTEGERS = {f"{sign}INT{bits}": (bits, sign == "") for bits in (8, 16, 32, 64) for sign in ("", "U")}
"""Integer datatypes: bits, and whether they are signed."""

FLOATS = ("FP16", "FP32", "FP64", "BF16")
DATATYPES = ("BOOL", *INTEGERS, *FLOATS, "BYTES")
MAX_RANK = 32
"""Most dimensions of a tensor, as in NumPy until version 2."""
MOST_SAMPLE = 1_000_000
"""Elements of a sample made from metadata; a larger tensor must be given by the user."""


def shape_of(value: Any) -> tuple[int, ...]:
    """The shape of nested lists; a bare value has the shape `()`. Raises `UsageError` for ragged ones."""
    if not isinstance(value, list | tuple):
        return ()
    inner = [shape_of(each) for each in value]
    if any(shape != inner[0] for shape in inner):
        raise UsageError("the rows have different shapes; a tensor needs rows of one shape")
    return (len(value), *(inner[0] if inner else ()))


def flatten(value: Any) -> list[Any]:
    """The elements of nested lists in row-major order."""
    flat = [value]
    while any(isinstance(each, list | tuple) for each in flat):
        flat = list(chain.from_iterable(each if isinstance(each, list | tuple) else (each,) for each in flat))
    return flat


def datatype_of(flat: Sequence[Any]) -> str:
    """The datatype that holds these elements without loss: BYTES, BOOL, INT64 or FP64."""
    kinds = {type(each) for each in flat}
    if kinds == {str}:
        return "BYTES"
    if kinds == {bool}:
        return "BOOL"
    return "INT64" if kinds == {int} else "FP64"


def as_datatype(flat: list[Any], datatype: str) -> list[Any]:
    """Elements as the datatype writes them: `0.0` for an integer tensor becomes `0`; nothing else is changed."""
    if datatype not in INTEGERS:
        return flat
    return [int(each) if isinstance(each, float) and each.is_integer() else each for each in flat]


def fitted(value: Any, spec: Mapping[str, Any] | None) -> tuple[tuple[int, ...], list[Any], str]:
    """The shape of an input, its elements in row-major order, and their datatype, as the metadata have them.

    Where these have one dimension more, a batch of one is made. Raises `UsageError` for ragged rows.
    """
    shape, flat = shape_of(value), flatten(value)
    if len(shape) == (len(spec["shape"]) if spec else 1) - 1:
        shape = (1, *shape)
    datatype = spec["datatype"] if spec else datatype_of(flat)
    return shape, as_datatype(flat, datatype), datatype


def form(tensor: dict[str, Any], at: str) -> tuple[str, tuple[int, ...]]:
    """The datatype and the shape that an answered tensor states. Raises `ProtocolError` with the place."""
    datatype = tensor.get("datatype")
    if datatype not in DATATYPES:
        raise ProtocolError(f"{datatype!r:.60} is no datatype of the protocol", at=f"{at}.datatype")
    return datatype, _shape_in(tensor.get("shape"), f"{at}.shape")


def bounds(datatype: str) -> tuple[int, int]:
    """The least number of an integer datatype, and the first above its greatest."""
    bits, signed = INTEGERS[datatype]
    return (-(2 ** (bits - 1)), 2 ** (bits - 1)) if signed else (0, 2**bits)


def read(tensor: dict[str, Any], at: str) -> Any:
    """The nested lists of an answered tensor. Raises `ProtocolError` where data, shape and datatype disagree."""
    datatype, shape = form(tensor, at)
    data = an_array(tensor.get("data"), f"{at}.data")
    if any(isinstance(each, list) for each in data):
        try:
            found = shape_of(data)
        except UsageError:
            raise ProtocolError("the rows of the data have different shapes", at=f"{at}.data") from None
        if found != shape:
            raise ProtocolError(f"nested data of shape {list(found)} where {list(shape)} is stated", at=f"{at}.data")
        data = flatten(data)
    return checked(data, datatype, shape, f"{at}.data")


def checked(flat: list[Any], datatype: str, shape: Sequence[int], at: str) -> Any:
    """The nested lists of row-major elements. Raises `ProtocolError` for a wrong number, or one of another datatype."""
    if len(flat) != prod(shape):
        raise ProtocolError(f"{len(flat)} elements where the shape {list(shape)} is stated", at=at)
    for index, element in enumerate(flat):
        if problem := _wrong(element, datatype):
            raise ProtocolError(problem, at=f"{at}[{index}]")
    return fold(flat, shape)


def fold(flat: list[Any], shape: Sequence[int]) -> Any:
    """Row-major elements as nested lists; `[]` for any shape without elements."""
    if not shape:
        return flat[0]
    if not flat:
        return []
    for size in reversed(shape[1:]):
        flat = [flat] if size == len(flat) else [flat[i : i + size] for i in range(0, len(flat), size)]
    return flat


def zeros(spec: Mapping[str, Any]) -> Any:
    """Zeros (of text: "hello") of an input's shape, one of each open size. Raises `UsageError` for too many."""
    shape = [size if size >= 0 else 1 for size in spec["shape"]]
    if (count := prod(shape)) > MOST_SAMPLE:
        raise UsageError(f"input {spec['name']!r} has {count} elements; give one valid input as [endpoint] sample")
    datatype = spec["datatype"]
    zero: Any = {"BYTES": "hello", "BOOL": False}.get(datatype, 0 if datatype in INTEGERS else 0.0)
    return fold([zero] * count, shape)


def _shape_in(value: Any, at: str) -> tuple[int, ...]:
    """The shape that an answer states. Raises `ProtocolError` with the place of what is no size."""
    sizes = an_array(value, at)
    if len(sizes) > MAX_RANK:
        raise ProtocolError(f"{len(sizes)} dimensions; at most {MAX_RANK} are read", at=at)
    for index, size in enumerate(sizes):
        if type(size) is not int or not 0 <= size < 2**63:
            raise ProtocolError("a size must be a whole number from 0", at=f"{at}[{index}]")
    return tuple(sizes)


def _wrong(element: Any, datatype: str) -> str | None:
    """Why an element is none of the datatype, or None."""
    kind = type(element)
    if datatype in INTEGERS:
        low, high = bounds(datatype)
        right = kind is int and low <= element < high
    elif datatype == "BOOL":
        right = kind is bool
    elif datatype == "BYTES":
        right = kind is str
    else:
        right = kind in (int, float)
    return None if right else f"{element!r:.40} ({kind_of(element)}) is no {datatype}"
