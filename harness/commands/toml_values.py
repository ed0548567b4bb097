"""Values of TOML on one line.

Tested in tests/commands/test_init.py.
"""

from __future__ import annotations

import json
import re
from typing import Any


def quote_text(value: str) -> str:
    """A basic string of TOML: JSON's escapes are TOML's, except for lone surrogates."""
    return json.dumps(value.encode("utf-8", "replace").decode(), ensure_ascii=False).replace("\x7f", "\\u007f")


def write_value(value: Any) -> str:
    """A JSON value as a value of TOML, which has no null: such fields are left out. Raises `ValueError` for a null."""
    if value is None:
        raise ValueError("TOML has no null")
    if isinstance(value, str):
        return quote_text(value)
    if isinstance(value, list):
        return f"[{', '.join(map(write_value, value))}]"
    if isinstance(value, dict):
        fields = [f"{_write_key(name)} = {write_value(part)}" for name, part in value.items() if part is not None]
        return f"{{ {', '.join(fields)} }}"
    return json.dumps(value)


def _write_key(name: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9_-]+", name):
        return name
    return quote_text(name)
