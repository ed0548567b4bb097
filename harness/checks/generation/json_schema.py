"""Whether a value obeys a JSON schema, as far as the suites' own schemas go."""

from __future__ import annotations

from collections.abc import Mapping
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


def violation(value: Any, schema: Mapping[str, Any], at: str = "$") -> str | None:
    """Where and how a value breaks a schema of `type`, `enum`, `properties`, `required` and `items`, or None.

    No property may be there that the schema does not name. A whole number may be written 2.0 (JSON Schema 2020-12).
    """
    kind = schema.get("type")
    whole = kind == "integer" and type(value) is float and value.is_integer()
    if kind is not None and not whole and type(value) not in _TYPES[kind]:
        return f"{at} is {value!r:.40} where the schema has type {kind}"
    if "enum" in schema and value not in schema["enum"]:
        return f"{at} is {value!r:.40}, which is none of {', '.join(map(repr, schema['enum']))}"
    if kind == "array" and "items" in schema:
        parts = [violation(each, schema["items"], f"{at}[{place}]") for place, each in enumerate(value)]
        return next((each for each in parts if each), None)
    if kind == "object":
        properties = schema.get("properties", {})
        if missing := [name for name in schema.get("required", ()) if name not in value]:
            return f"{at} lacks {', '.join(missing)}"
        if unknown := [name for name in value if name not in properties]:
            return f"{at} has {unknown[0]!r:.40}, which the schema does not name"
        parts = [violation(each, properties[name], f"{at}.{name}") for name, each in value.items()]
        return next((each for each in parts if each), None)
    return None


def text_violation(text: str, schema: Mapping[str, Any]) -> str | None:
    """What keeps a text from being JSON that obeys a schema, with nothing before or after it; None: it is."""
    try:
        value = parse_json(text.encode(errors="replace"))
    except ProtocolError as error:
        return f"{text!r:.80} is no JSON: {error}"
    return violation(value, schema)
