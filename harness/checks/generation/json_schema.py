"""Whether a value obeys a JSON schema, as far as the suites' own schemas go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from harness.core.errors import ProtocolError
from harness.core.json_text import parse_json

_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


def find_violation(value: Any, schema: Mapping[str, Any], at: str = "$") -> str | None:
    """Where and how a value breaks a schema of `type`, `enum`, `properties`, `required` and `items`, or None.

    Properties that the schema does not name are not allowed. A whole number may be written 2.0 (JSON Schema 2020-12).
    """
    kind = schema.get("type")
    whole = kind == "integer" and type(value) is float and value.is_integer()
    if kind is not None and not whole and type(value) not in _TYPES[kind]:
        return f"{at} is {value!r:.40}, but the schema has type {kind}"
    if "enum" in schema and value not in schema["enum"]:
        return f"{at} is {value!r:.40}, which is not one of {', '.join(map(repr, schema['enum']))}"
    members: Iterable[tuple[Any, Mapping[str, Any], str]] = ()
    if kind == "array" and "items" in schema:
        members = ((item, schema["items"], f"{at}[{index}]") for index, item in enumerate(value))
    elif kind == "object":
        properties = schema.get("properties", {})
        if missing := [name for name in schema.get("required", ()) if name not in value]:
            return f"{at} lacks {', '.join(missing)}"
        if unknown := [name for name in value if name not in properties]:
            return f"{at} has {unknown[0]!r:.40}, which the schema does not name"
        members = ((item, properties[name], f"{at}.{name}") for name, item in value.items())
    for member in members:
        if violation := find_violation(*member):
            return violation
    return None


def find_text_violation(text: str, schema: Mapping[str, Any]) -> str | None:
    """Why a text is not JSON that obeys a schema, with nothing before or after it; None: it is."""
    try:
        value = parse_json(text.encode(errors="replace"))
    except ProtocolError as error:
        return f"{text!r:.80} is not valid JSON: {error}"
    return find_violation(value, schema)
