"""Strict parsing of JSON from an untrusted peer; its depth is limited before the parser gets it."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from harness.core.errors import ProtocolError

MAX_DEPTH = 64
"""The deepest nesting that is accepted; real answers of every known protocol stay below 16."""

_STRINGS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_BRACKETS = re.compile(rb"[\[\]{}]")


def find_depth(text: bytes) -> int:
    """The deepest nesting of brackets outside strings, in time linear in the length of any text."""
    if (count := text.count(b"[") + text.count(b"{")) <= 1:
        return count
    level = deepest = 0
    for match in _BRACKETS.finditer(_STRINGS.sub(b"", text)):
        if match[0] in (b"[", b"{"):
            level += 1
            deepest = max(deepest, level)
        else:
            level -= 1
    return deepest


def parse_json(text: bytes, *, max_depth: int = MAX_DEPTH) -> Any:
    """The value of a JSON text in UTF-8 (RFC 8259; a byte-order mark is ignored).

    Raises `ProtocolError` for text that is not JSON, contains bare `NaN` or `Infinity`, or is nested deeper than
    `max_depth`.
    """
    if not text.strip():
        raise ProtocolError("the body is empty where JSON was expected")
    if (depth := find_depth(text)) > max_depth:
        raise ProtocolError(f"the JSON is nested {depth} levels deep; at most {max_depth} are accepted")
    try:
        return json.loads(text.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise ProtocolError(f"the body is not UTF-8 (byte {error.start})") from None
    except json.JSONDecodeError as error:
        raise ProtocolError(f"the body is not JSON ({error.msg} at character {error.pos})") from None
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"the body cannot be parsed as JSON ({type(error).__name__})") from None


def parse_or_keep(text: str) -> Any:
    """The value of a JSON text, or the text itself where `parse_json` refuses it."""
    try:
        return parse_json(text.encode(errors="replace"))
    except ProtocolError:
        return text


def _refuse_constant(name: str) -> NoReturn:
    raise ProtocolError(f"bare {name} in the body is not valid JSON (RFC 8259 section 6): strict clients refuse it")
