"""Tensors of the Open Inference Protocol in bytes: little-endian elements; each element of BYTES follows its length.

Unlike JSON, bytes can contain NaN and Infinity. They are refused, because answers with them cannot be compared.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite, prod
from typing import Any

from msgspec import Struct

from harness.core.errors import ProtocolError, UsageError
from harness.protocols.shared.tensors import FLOAT_TYPES, fold_elements

_CODES = {"BOOL": "?", "INT8": "b", "INT16": "h", "INT32": "i", "INT64": "q", "FP16": "e", "FP32": "f", "FP64": "d"}
_CODES |= {f"U{name}": code.upper() for name, code in _CODES.items() if name.startswith("INT")}
_SIZES = {name: struct.calcsize(f"<{code}") for name, code in _CODES.items()} | {"BF16": 2}
"""Bytes of one element; those of BYTES differ in size."""


def pack_tensor(flat: Sequence[Any], datatype: str) -> bytes:
    """The bytes of row-major elements. Raises `UsageError` for elements that are not valid in the datatype."""
    try:
        if datatype == "BYTES":
            texts = [text.encode() if isinstance(text, str) else bytes(text) for text in flat]
            return b"".join(struct.pack("<I", len(text)) + text for text in texts)
        if datatype == "BF16":
            words = struct.unpack(f"<{len(flat)}I", struct.pack(f"<{len(flat)}f", *flat))
            # Rounded to the nearest value, to the even one of two equally near (IEEE 754), as frameworks do.
            return struct.pack(f"<{len(flat)}H", *((word + 0x7FFF + (word >> 16 & 1)) >> 16 for word in words))
        return struct.pack(f"<{len(flat)}{_CODES[datatype]}", *flat)
    except (struct.error, OverflowError, TypeError, ValueError) as error:
        raise UsageError(f"the query has elements that are not valid {datatype} ({error})") from None


class PackedTensor(Struct):
    """A tensor of numbers that is known to be valid, and was not converted to lists yet."""

    data: bytes
    datatype: str
    shape: Sequence[int]

    def to_lists(self) -> Any:
        """The nested lists of the stated shape."""
        return fold_elements(_unpack_numbers(self.data, self.datatype), self.shape)


class LazyOutputs(Mapping[str, Any]):
    """Outputs by name; a packed tensor is converted to lists at its first use. A load run uses none."""

    def __init__(self, outputs: dict[str, Any]) -> None:
        self._outputs = outputs

    def __getitem__(self, name: str) -> Any:
        value = self._outputs[name]
        if isinstance(value, PackedTensor):
            value = self._outputs[name] = value.to_lists()
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._outputs)

    def __len__(self) -> int:
        return len(self._outputs)

    def __repr__(self) -> str:
        return repr(dict(self))


def unpack_tensor(data: bytes, datatype: str, shape: Sequence[int], at: str) -> Any:
    """A packed tensor, or the nested lists of BYTES. Raises `ProtocolError` if bytes, shape and datatype disagree."""
    count = prod(shape)
    if datatype == "BYTES":
        return fold_elements(_unpack_texts(data, count, at), shape)
    size = _SIZES[datatype]
    if len(data) != count * size:
        expected = f"{count} elements of {datatype} (shape {list(shape)}) take {count * size}"
        raise ProtocolError(f"{len(data)} bytes where {expected}", at=at)
    if datatype == "BOOL" and data.strip(b"\0\1"):
        raise ProtocolError("a byte that is neither 0 nor 1 in a BOOL tensor", at=at)
    if datatype in FLOAT_TYPES:
        tops = data[size - 1 :: size]  # the sign and 7 bits of the exponent, all of them set in NaN and Infinity
        if datatype == "FP16" or 0x7F in tops or 0xFF in tops:
            refuse_non_finite(_unpack_numbers(data, datatype), at)
    return PackedTensor(data, datatype, shape)


def _unpack_numbers(data: bytes, datatype: str) -> list[Any]:
    """Mostly by `array`, which is faster than `struct`; it has the same sizes for these codes on every platform."""
    if datatype in ("BOOL", "FP16"):
        return list(struct.unpack(f"<{len(data) // _SIZES[datatype]}{_CODES[datatype]}", data))
    if datatype == "BF16":
        wide = bytearray(2 * len(data))
        wide[2::4], wide[3::4] = data[::2], data[1::2]
        data, datatype = bytes(wide), "FP32"
    numbers: array[Any] = array(_CODES[datatype])
    numbers.frombytes(data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tolist()


def refuse_non_finite(values: Sequence[float], at: str) -> None:
    """Raise `ProtocolError` with the place of the first NaN or Infinity."""
    if not isfinite(sum(values)):  # the sum of finite numbers may be infinite too
        for index, value in enumerate(values):
            if not isfinite(value):
                raise ProtocolError(f"{value} is not a finite number", at=f"{at}[{index}]")


def decode_element(data: bytes) -> str:
    """An element of a BYTES tensor as text; bytes that are not UTF-8 are written as `\\\\xff`."""
    return data.decode("utf-8", "backslashreplace")


def _unpack_texts(data: bytes, count: int, at: str) -> list[str]:
    texts: list[str] = []
    place = 0
    while place < len(data):
        begin = place + 4
        place = begin + int.from_bytes(data[place:begin], "little")
        if place > len(data) or len(texts) == count:
            raise ProtocolError(f"the bytes are not {count} elements that follow their length", at=at)
        texts.append(decode_element(data[begin:place]))
    if len(texts) != count:
        raise ProtocolError(f"{len(texts)} elements where the shape has {count}", at=at)
    return texts
