"""Tensors of the Open Inference Protocol in bytes: little-endian elements, BYTES each behind its length of 4 bytes.

Where JSON has no word for NaN and Infinity bytes do, and they are refused: no comparison of answers would survive them.
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
"""Bytes of one element; BYTES have none of their own."""


def pack_tensor(flat: Sequence[Any], datatype: str) -> bytes:
    """The bytes of row-major elements. Raises `UsageError` for what the datatype cannot hold."""
    try:
        if datatype == "BYTES":
            texts = [each.encode() if isinstance(each, str) else bytes(each) for each in flat]
            return b"".join(struct.pack("<I", len(text)) + text for text in texts)
        if datatype == "BF16":
            words = struct.unpack(f"<{len(flat)}I", struct.pack(f"<{len(flat)}f", *flat))
            # To the nearest, and to the even one of two equally near (IEEE 754), as frameworks do.
            return struct.pack(f"<{len(flat)}H", *((word + 0x7FFF + (word >> 16 & 1)) >> 16 for word in words))
        return struct.pack(f"<{len(flat)}{_CODES[datatype]}", *flat)
    except (struct.error, OverflowError, TypeError, ValueError) as error:
        raise UsageError(f"the query has elements that are no {datatype} ({error})") from None


class PackedTensor(Struct):
    """A tensor of numbers that was found sound and is not made into lists yet."""

    data: bytes
    datatype: str
    shape: Sequence[int]

    def lists(self) -> Any:
        """The nested lists of the stated shape."""
        return fold_elements(_numbers(self.data, self.datatype), self.shape)


class LazyOutputs(Mapping[str, Any]):
    """Outputs by name; what is packed becomes lists when it is first asked for. A load run asks for none."""

    def __init__(self, held: dict[str, Any]) -> None:
        self._held = held

    def __getitem__(self, name: str) -> Any:
        value = self._held[name]
        if isinstance(value, PackedTensor):
            value = self._held[name] = value.lists()
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

    def __repr__(self) -> str:
        return repr(dict(self))


def unpack_tensor(data: bytes, datatype: str, shape: Sequence[int], at: str) -> Any:
    """A tensor in bytes, packed, but for texts. Raises `ProtocolError` where bytes, shape and datatype disagree."""
    count = prod(shape)
    if datatype == "BYTES":
        return fold_elements(_texts(data, count, at), shape)
    size = _SIZES[datatype]
    if len(data) != count * size:
        wanted = f"{count} elements of {datatype} (shape {list(shape)}) take {count * size}"
        raise ProtocolError(f"{len(data)} bytes where {wanted}", at=at)
    if datatype == "BOOL" and data.strip(b"\0\1"):
        raise ProtocolError("a byte that is neither 0 nor 1 in a BOOL tensor", at=at)
    if datatype in FLOAT_TYPES:
        tops = data[size - 1 :: size]  # sign, and 7 bits of the exponent, which are all set in what is not finite
        if datatype == "FP16" or 0x7F in tops or 0xFF in tops:
            refuse_non_finite(_numbers(data, datatype), at)
    return PackedTensor(data, datatype, shape)


def _numbers(data: bytes, datatype: str) -> list[Any]:
    """By an array, which makes numbers faster than `struct`; its sizes of these codes are those of every platform."""
    if datatype in ("BOOL", "FP16"):
        return list(struct.unpack(f"<{len(data) // _SIZES[datatype]}{_CODES[datatype]}", data))
    if datatype == "BF16":
        wide = bytearray(2 * len(data))
        wide[2::4], wide[3::4] = data[::2], data[1::2]
        data, datatype = bytes(wide), "FP32"
    found: array[Any] = array(_CODES[datatype])
    found.frombytes(data)
    if sys.byteorder == "big":
        found.byteswap()
    return found.tolist()


def refuse_non_finite(values: Sequence[float], at: str) -> None:
    """Raise `ProtocolError` with the place of the first NaN or infinity."""
    if not isfinite(sum(values)):  # which finite numbers may reach too, in adding
        for index, value in enumerate(values):
            if not isfinite(value):
                raise ProtocolError(f"{value} is no finite number", at=f"{at}[{index}]")


def decode_element(data: bytes) -> str:
    """An element of a BYTES tensor as text; bytes that are no UTF-8 are written as `\\\\xff`."""
    return data.decode("utf-8", "backslashreplace")


def _texts(data: bytes, count: int, at: str) -> list[str]:
    found: list[str] = []
    place = 0
    while place < len(data):
        begin = place + 4
        place = begin + int.from_bytes(data[place:begin], "little")
        if place > len(data) or len(found) == count:
            raise ProtocolError(f"the bytes hold no {count} elements, each behind its length", at=at)
        found.append(decode_element(data[begin:place]))
    if len(found) != count:
        raise ProtocolError(f"{len(found)} elements where the shape has {count}", at=at)
    return found
