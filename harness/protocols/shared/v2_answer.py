"""The answer of V2 over HTTP, read strictly; and read quickly where it is of the common form.

The quick way takes a JSON body of nothing but the protocol's own members with flat numbers, whose types msgspec checks
as it parses. It gives what the strict way gives, or nothing: then the strict way reads it and says what is wrong. The
types bound the depth. Bytes behind the JSON (Triton's extension binary_tensor_data) are read wherever a header tells
how long the JSON is.
"""

from __future__ import annotations

from math import prod
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from harness.core.errors import ProtocolError
from harness.core.exchange import Response
from harness.core.json_text import parse_json
from harness.protocols.shared import binary_tensor, tensors
from harness.protocols.shared.values import expect_array, expect_object, refuse_error

JSON_LENGTH_HEADER = "inference-header-content-length"
"""The header that tells how many bytes of JSON stand before those of the tensors."""

_Scalar = bool | int | float | str | None
_Size = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class _Output(Struct, forbid_unknown_fields=True):
    name: str
    datatype: str
    shape: Annotated[list[_Size], Meta(max_length=tensors.MAX_RANK)]
    data: list[int | float] | UnsetType = UNSET
    parameters: dict[str, _Scalar] | UnsetType | None = UNSET


class _Answer(Struct, forbid_unknown_fields=True):
    outputs: list[_Output]
    model_name: str | UnsetType | None = UNSET
    model_version: str | int | UnsetType | None = UNSET
    id: _Scalar | UnsetType = UNSET
    parameters: dict[str, _Scalar] | UnsetType | None = UNSET


_ANSWER = msgspec.json.Decoder(_Answer)


def decode_outputs(response: Response) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parsed body, and every output as nested lists of its stated shape. Raises `ProtocolError` with the place."""
    body, rest = _split(response)
    return _quickly(body, rest) or _strictly(body, rest, response)


def _split(response: Response) -> tuple[bytes, bytes]:
    """The JSON, and the bytes of the tensors behind it."""
    stated = response.header(JSON_LENGTH_HEADER)
    if stated is None:
        return response.body, b""
    length = int(stated) if stated.isascii() and stated.isdigit() and len(stated) < 16 else -1
    if not 0 <= length <= len(response.body):
        raise ProtocolError(
            f"{stated!r:.40} is no length within a body of {len(response.body)} bytes", at=JSON_LENGTH_HEADER
        )
    return response.body[:length], response.body[length:]


def _strictly(body: bytes, rest: bytes, response: Response) -> tuple[dict[str, Any], dict[str, Any]]:
    value = expect_object(parse_json(body))
    refuse_error(value, response)
    outputs: dict[str, Any] = {}
    for i, each in enumerate(expect_array(value.get("outputs"), "$.outputs")):
        at = f"$.outputs[{i}]"
        tensor = expect_object(each, at)
        name = tensor.get("name")
        if not isinstance(name, str) or name in outputs:
            raise ProtocolError(f"the name {name!r:.60} is no string, or there twice", at=f"{at}.name")
        stated = tensor.get("parameters")
        size = None if stated is None else expect_object(stated, f"{at}.parameters").get("binary_data_size")
        if size is None:
            outputs[name] = tensors.decode_tensor(tensor, at)
            continue
        raw, rest = _taken(size, rest, at)
        datatype, shape = tensors.parse_datatype_and_shape(tensor, at)
        if "data" in tensor:
            raise ProtocolError("data beside binary ones", at=f"{at}.data")
        outputs[name] = binary_tensor.unpack_tensor(raw, datatype, shape, at)
    if not outputs:
        raise ProtocolError("no output in the answer", at="$.outputs")
    if rest:
        raise ProtocolError(f"{len(rest)} bytes that belong to no output", at="$.outputs")
    return value, outputs


def _quickly(body: bytes, rest: bytes) -> tuple[dict[str, Any], dict[str, Any]] | None:
    try:
        answer = _ANSWER.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    outputs: dict[str, Any] = {}
    for each in answer.outputs:
        size = each.parameters.get("binary_data_size") if each.parameters else None
        if each.name in outputs or each.datatype not in tensors.DATATYPES:
            return None
        if size is None and each.data is not UNSET:
            found = _numbers(each.data, each.datatype, each.shape)
        elif size is not None and each.data is UNSET:
            at = f"$.outputs[{len(outputs)}]"
            raw, rest = _taken(size, rest, at)
            found = binary_tensor.unpack_tensor(raw, each.datatype, each.shape, at)
        else:
            return None
        if found is None:
            return None
        outputs[each.name] = found
    if not outputs or rest:
        return None
    return _parsed(answer), outputs


def _numbers(data: list[int | float], datatype: str, shape: list[int]) -> Any:
    """The nested lists, or None where these are no such numbers."""
    if len(data) != prod(shape):
        return None
    if datatype in tensors.INTEGER_TYPES:
        low, high = tensors.find_integer_range(datatype)
        if set(map(type, data)) - {int} or not (low <= min(data, default=low) and max(data, default=low) < high):
            return None
    elif datatype not in tensors.FLOAT_TYPES:
        return None
    return tensors.fold_elements(data, shape)


def _parsed(answer: _Answer) -> dict[str, Any]:
    """The body as plain values; the numbers are laid aside meanwhile, for they would be copied one by one."""
    numbers = [each.data for each in answer.outputs]
    for each in answer.outputs:
        each.data = UNSET
    value: dict[str, Any] = msgspec.to_builtins(answer)
    for output, data in zip(value["outputs"], numbers, strict=True):
        if data is not UNSET:
            output["data"] = data
    return value


def _taken(size: Any, rest: bytes, at: str) -> tuple[bytes, bytes]:
    """The next `size` bytes, and what is left."""
    if type(size) is not int or not 0 <= size <= len(rest):
        what = f"{size!r:.40} bytes are stated where {len(rest)} are left"
        raise ProtocolError(what, at=f"{at}.parameters.binary_data_size")
    return rest[:size], rest[size:]
