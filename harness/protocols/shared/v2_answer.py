"""Decoding answers of V2 over HTTP: a fast decoder for the common form, and a strict one for everything else.

The fast decoder accepts a JSON body that has only members of the protocol and flat numbers; msgspec checks the types
while it parses, and the types limit the depth. It returns the same result as the strict decoder, or None: then the
strict one decodes the body and explains what is wrong. Both also decode tensors in bytes after the JSON (Triton's
extension binary_tensor_data) if a header states the length of the JSON.
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
from harness.protocols.shared.values import accept_object, expect_array, expect_object, refuse_error

JSON_LENGTH_HEADER = "inference-header-content-length"
"""The header with the number of bytes of the JSON; the bytes of the tensors follow it."""

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
    body, rest = _split_body(response)
    return _decode_fast(body, rest) or _decode_strictly(body, rest, response)


def _split_body(response: Response) -> tuple[bytes, bytes]:
    """The JSON, and the bytes of the tensors after it."""
    stated = response.header(JSON_LENGTH_HEADER)
    if stated is None:
        return response.body, b""
    length = int(stated) if stated.isascii() and stated.isdigit() and len(stated) < 16 else -1
    if not 0 <= length <= len(response.body):
        problem = f"{stated!r:.40} is not a valid length within a body of {len(response.body)} bytes"
        raise ProtocolError(problem, at=JSON_LENGTH_HEADER)
    return response.body[:length], response.body[length:]


def _decode_strictly(body: bytes, rest: bytes, response: Response) -> tuple[dict[str, Any], dict[str, Any]]:
    value = expect_object(parse_json(body))
    refuse_error(value, response)
    outputs: dict[str, Any] = {}
    for i, output in enumerate(expect_array(value.get("outputs"), "$.outputs")):
        at = f"$.outputs[{i}]"
        tensor = expect_object(output, at)
        name = tensor.get("name")
        if not isinstance(name, str) or name in outputs:
            raise ProtocolError(f"the name {name!r:.60} is not a string, or occurs twice", at=f"{at}.name")
        size = accept_object(tensor.get("parameters"), f"{at}.parameters").get("binary_data_size")
        if size is None:
            outputs[name] = tensors.decode_tensor(tensor, at)
            continue
        raw, rest = _split_raw(size, rest, at)
        datatype, shape = tensors.parse_datatype_and_shape(tensor, at)
        if "data" in tensor:
            raise ProtocolError("the output has both data and binary data", at=f"{at}.data")
        outputs[name] = binary_tensor.unpack_tensor(raw, datatype, shape, at)
    if not outputs:
        raise ProtocolError("no output in the answer", at="$.outputs")
    if rest:
        raise ProtocolError(f"{len(rest)} bytes that belong to no output", at="$.outputs")
    return value, outputs


def _decode_fast(body: bytes, rest: bytes) -> tuple[dict[str, Any], dict[str, Any]] | None:
    try:
        answer = _ANSWER.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    outputs: dict[str, Any] = {}
    for output in answer.outputs:
        size = output.parameters.get("binary_data_size") if output.parameters else None
        if output.name in outputs or output.datatype not in tensors.DATATYPES:
            return None
        if (size is None) is (output.data is UNSET):
            return None
        if output.data is not UNSET:
            value = _fold_numbers(output.data, output.datatype, output.shape)
        else:
            at = f"$.outputs[{len(outputs)}]"
            raw, rest = _split_raw(size, rest, at)
            value = binary_tensor.unpack_tensor(raw, output.datatype, output.shape, at)
        if value is None:
            return None
        outputs[output.name] = value
    if not outputs or rest:
        return None
    return _to_builtins(answer), outputs


def _fold_numbers(data: list[int | float], datatype: str, shape: list[int]) -> Any:
    """The nested lists, or None if the numbers are not valid for the datatype or the shape."""
    if len(data) != prod(shape):
        return None
    if datatype in tensors.INTEGER_TYPES:
        low, high = tensors.find_integer_range(datatype)
        if set(map(type, data)) - {int} or not (low <= min(data, default=low) and max(data, default=low) < high):
            return None
    elif datatype not in tensors.FLOAT_TYPES:
        return None
    return tensors.fold_elements(data, shape)


def _to_builtins(answer: _Answer) -> dict[str, Any]:
    """The body as plain values. Numbers are put back afterwards, because msgspec would copy them one by one."""
    numbers = [output.data for output in answer.outputs]
    for output in answer.outputs:
        output.data = UNSET
    value: dict[str, Any] = msgspec.to_builtins(answer)
    for plain, data in zip(value["outputs"], numbers, strict=True):
        if data is not UNSET:
            plain["data"] = data
    return value


def _split_raw(size: Any, rest: bytes, at: str) -> tuple[bytes, bytes]:
    """The next `size` bytes, and the bytes after them."""
    if type(size) is not int or not 0 <= size <= len(rest):
        problem = f"{size!r:.40} bytes are stated where {len(rest)} are left"
        raise ProtocolError(problem, at=f"{at}.parameters.binary_data_size")
    return rest[:size], rest[size:]
