"""A plausible valid input, guessed from a schema or from the name of a field; it must be proved by a request.

Tested in tests/commands/test_init_choices.py.
"""

from __future__ import annotations

import base64
import json
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from functools import partial
from typing import Any

from harness.core.json_path import map_leaves
from harness.protocols.shared.json_schema import UnusableSchema, follow_reference, resolve_reference
from harness.protocols.shared.named_fields import find_bounds
from harness.protocols.shared.routes import PAYLOAD_NAMES
from harness.protocols.shared.values import get_list, get_member

WIDTHS = (4, 2, 3, 1, 5, 8, 10, 13, 6, 7, 9, 12, 16, 20, 30, 64, 784)
"""Lengths that are tried for a row whose length is not stated, the most common first."""
TEXTS = (
    "I love this wonderful product, it is excellent.",
    "This is terrible, I hate it and want my money back.",
    "WINNER! Claim your free prize now, call this number and send your bank account.",
    "Can we move the meeting to Tuesday at ten?",
    "The government raised taxes after the election, said the minister.",
    "Our team won the final in the last minute.",
    "Bonjour, je voudrais une baguette.",
    "def add(a, b): return a + b",
)
"""Texts that a classifier is likely to put into different classes."""
_FORMATS = {
    "date": "2024-01-31",
    "date-time": "2024-01-31T12:00:00Z",
    "time": "12:00:00",
    "uuid": "3fa85f64-5717-4562-b3fc-2c963f66afa6",
    "email": "someone@example.org",
    "uri": "https://example.org/",
    "ipv4": "192.0.2.1",
    "byte": "aGVsbG8=",
    "duration": "P1D",
}
_PASSAGE_NAMES = ("context", "passage", "article", "paragraph", "body", "abstract")
"""Fields that hold several sentences."""
_PATTERN_TRIES = ("12345", "A", "a", "AB", "ABC", "abc", "1", "A1", "AB12", "ABC-123", "123-4567", "+4312345678")
_DEEPEST = 12
_SERIES = 3
"""Entries of a list whose objects have dates: a series in time."""


class SampleMaker:
    """Makes valid values for the schemas of a document; an open list gets `width` entries."""

    def __init__(self, document: Any, width: int) -> None:
        self._document, self._width = document, width

    def make_value(self, schema: Any, name: str = "", depth: int = 0) -> Any:
        """A valid value, as far as the schema says. Raises `UnusableSchema` where nothing can be guessed."""
        if not isinstance(schema, dict) or depth > _DEEPEST:
            raise UnusableSchema
        reference = schema.get("$ref")
        if isinstance(reference, str):
            return self.make_value(resolve_reference(self._document, reference), name, depth + 1)
        for key in ("example", "const", "default"):
            if schema.get(key) is not None:
                return schema[key]
        for key in ("examples", "enum"):
            if isinstance(schema.get(key), list) and schema[key]:
                return schema[key][0]
        for key in ("anyOf", "oneOf", "allOf"):
            choices = [part for part in get_list(schema, key) if get_member(part, "type") != "null"]
            if choices:
                return self._make_of_parts(key, choices, name, depth)
        return self._make_by_type(schema, name, depth)

    def _make_of_parts(self, key: str, parts: list[Any], name: str, depth: int) -> Any:
        if key != "allOf" or len(parts) == 1:
            return self.make_value(parts[0], name, depth + 1)
        merged: dict[str, Any] = {}
        for part in parts:
            value = self.make_value(part, name, depth + 1)
            if not isinstance(value, dict):
                raise UnusableSchema
            merged |= value
        return merged

    def _make_by_type(self, schema: dict[str, Any], name: str, depth: int) -> Any:
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = next((one for one in kind if one != "null"), "null")
        if kind == "object" or "properties" in schema:
            return self._make_object(schema, depth)
        if kind == "array":
            return self._make_list(schema, name, depth)
        if kind in ("number", "integer"):
            return _make_number(schema, kind == "integer")
        if kind == "string":
            return _make_text(schema, name)
        if kind == "boolean":
            return False
        return _guess_by_name(name, self._width)[0]

    def _make_object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        """The required fields; all of them where none is required."""
        properties = schema.get("properties")
        if not isinstance(properties, dict):
            raise UnusableSchema
        names = get_list(schema, "required") or list(properties)
        return {str(name): self.make_value(properties.get(name), str(name), depth + 1) for name in names}

    def _make_list(self, schema: dict[str, Any], name: str, depth: int) -> list[Any]:
        items = schema.get("items", {})
        item = self.make_value(items, name, depth + 1)
        count = 1
        if type(item) in (int, float):
            count = self._width
        has_dates = isinstance(item, dict) and any(map(_is_date, item.values()))
        if has_dates:
            count = _SERIES
        least, most = schema.get("minItems"), schema.get("maxItems")
        if type(least) is int:
            count = max(least, min(count, most if type(most) is int else least))
        elif type(most) is int:
            count = min(count, most)
        if has_dates:
            return [map_leaves(item, partial(_move_date, days)) for days in range(count)]
        return [item] * count


def _is_date(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d(T.*)?", value) is not None


def _move_date(days: int, leaf: Any) -> Any:
    """A date so many days later; anything else as it is."""
    if not _is_date(leaf):
        return leaf
    try:
        return (date.fromisoformat(leaf[:10]) + timedelta(days)).isoformat() + leaf[10:]
    except (ValueError, OverflowError):
        return leaf


def _make_number(schema: dict[str, Any], is_whole: bool) -> Any:
    """The middle of the stated range, else a small number on the stated side."""
    low, high = find_bounds({key: bound for key, bound in schema.items() if type(bound) in (int, float)}, is_whole)
    value = 1.0
    if low is not None and high is not None:
        value = (low + high) / 2
    elif low is not None:
        value = max(1.0, low)
    elif high is not None:
        value = min(1.0, high)
    step: Any = schema.get("multipleOf")
    if type(step) in (int, float) and step > 0:
        value = value // step * step
    if is_whole:
        return int(value)
    return float(value)


def _make_text(schema: dict[str, Any], name: str) -> str:
    pattern = schema.get("pattern")
    if isinstance(pattern, str):
        if len(pattern) > 100:
            raise UnusableSchema
        try:
            return next(text for text in _PATTERN_TRIES if re.search(pattern, text))
        except (StopIteration, re.error):
            raise UnusableSchema from None
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]
    text = "example"
    if re.search("image|img|picture|photo", name.lower()):
        text = PICTURE
    elif name.lower() in PAYLOAD_NAMES:
        text = TEXTS[0]
    elif name.lower() in _PASSAGE_NAMES:
        text = " ".join(TEXTS)
    least, most = schema.get("minLength"), schema.get("maxLength")
    if type(least) is int and len(text) < least <= 10_000:
        text = text.ljust(least, "e")
    if type(most) is int:
        text = text[:most]
    return text


def _guess_by_name(name: str, width: int) -> list[Any]:
    """Values that a field of this name may take, the most likely first."""
    row = [1.0] * width
    lowered = name.lower()
    if re.search("text|prompt|question|message|sentence|review|query|content|document", lowered):
        return [TEXTS[0], [TEXTS[0]]]
    if "image" in lowered or "file" in lowered:
        return [PICTURE]
    if re.search("instances|inputs|rows|samples|records", lowered):
        return [[row], row, TEXTS[0]]
    if lowered in PAYLOAD_NAMES:
        return [row, [row], TEXTS[0]]
    return [1.0, "example", row, True]


def list_guesses(name: str, width: int) -> Iterator[Any]:
    """Values that a field of this name may take, the most likely first."""
    yield from _guess_by_name(name, width)


def split_payload(body: Any) -> tuple[str, Any]:
    """The template of a body and the input in it: its one field that holds texts or rows, else the whole body."""
    if isinstance(body, dict):
        names = [
            name for name, value in body.items() if isinstance(value, str | list) and name.lower() in PAYLOAD_NAMES
        ]
        if len(names) == 1 and not any(isinstance(part, dict) for part in body.values()):
            name = names[0]
            marked = json.dumps({**body, name: "@"}, ensure_ascii=False)
            return marked.replace('"@"', "{{input}}"), body[name]
    return "{{input}}", body


def make_picture(*colour: int, size: int = 32) -> str:
    """A PNG of one colour with a brighter square in it, in base64 (RFC 2083).

    The colour is one shade of grey, or red, green and blue, of 0 to 255 each.
    """
    pixel, bright = bytes(colour), bytes(min(255, part + 40) for part in colour)
    rows = bytearray()
    for line in range(size):
        middle = bright if size // 4 <= line < size // 2 else pixel
        rows += b"\0" + pixel * (size // 4) + middle * (size // 4) + pixel * (size - 2 * (size // 4))
    kind_of_pixel = 0 if len(colour) == 1 else 2
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", size, size, 8, kind_of_pixel, 0, 0, 0)),
        (b"IDAT", zlib.compress(bytes(rows), 9)),
        (b"IEND", b""),
    ]
    data = b"\x89PNG\r\n\x1a\n"
    for kind, content in chunks:
        data += struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    return base64.b64encode(data).decode("ascii")


PICTURE = make_picture(60)
"""The picture that a sample is made with."""
COLOURED_PICTURE = make_picture(60, 60, 60)
"""The same for a service that takes only pictures with colours."""


def find_file_field(content: Mapping[str, Any], document: Any) -> str | None:
    """The one file in a form, if nothing else is required in it."""
    schema = follow_reference(document, get_member(content, "multipart/form-data", "schema"))
    properties = get_member(schema, "properties")
    if not isinstance(properties, dict):
        return None
    files = [str(name) for name, part in properties.items() if _is_file(part)]
    required = set(map(str, get_list(schema, "required")))
    if len(files) == 1 and required <= set(files):
        return files[0]
    return None


def _is_file(part: Any) -> bool:
    is_binary = get_member(part, "format") == "binary" or get_member(part, "contentMediaType") is not None
    return is_binary or any(map(_is_file, get_list(part, "anyOf")))
