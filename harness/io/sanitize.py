"""Remove what no file may hold: secrets, and text that UTF-8 cannot encode.

Tested in tests/io/test_rundir.py.
"""

from __future__ import annotations

import json
import re
from dataclasses import fields
from typing import Any

import msgspec

from harness.core import plan, report, verdict
from harness.core.redaction import redact_text

_STRING = re.compile(rb'"([^"\\]*(?:\\.[^"\\]*)*)"', re.DOTALL)
_RECORDS = [
    value
    for module in (plan, report, verdict)
    for value in vars(module).values()
    if isinstance(value, type) and hasattr(value, "__dataclass_fields__")
]
_WORDS = frozenset(
    {item.name for record in _RECORDS for item in fields(record)}
    | {*verdict.Status, *verdict.Level}
    | {"check", "worker", "started_epoch", "hist", "latency", "inconclusive", "allow_partial", "accept_first"}
)
"""Words of the file formats themselves: a secret that is such a word gives nothing away, and is not replaced."""


class Cleaner:
    """Replaces secrets, given in every spelling (`Endpoint.list_secrets`), in bytes."""

    def __init__(self, hidden: tuple[str, ...] = ()) -> None:
        self._secrets = hidden
        self._bytes = [text.encode("utf-8", "surrogatepass") for text in hidden]

    def __bool__(self) -> bool:
        return bool(self._secrets)

    def clean(self, data: bytes) -> bytes:
        """The bytes with every spelling of a secret replaced by `***`.

        JSON stays the same JSON: only its strings are searched, each as the text that it spells, so that a key such
        as `1234` breaks no number, and a string that is one of the format's own words stays as it is.
        """
        if self._bytes and _is_json(data):
            return _STRING.sub(self._clean_string, data)
        for spelling in self._bytes:
            data = data.replace(spelling, b"***")
        if not self._bytes:
            return data
        return redact_text(data.decode("utf-8", "surrogateescape"), self._secrets).encode("utf-8", "surrogateescape")

    def _clean_string(self, match: re.Match[bytes]) -> bytes:
        text = json.loads(match[0], strict=False)
        cleaned = redact_text(text, self._secrets)
        if cleaned == text or text in _WORDS:
            return match[0]
        return json.dumps(cleaned).encode()


def encode_line(value: Any) -> bytes:
    """A value as one line of JSON. A lone surrogate, which JSON can escape and UTF-8 cannot encode, becomes `?`."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(_replace_surrogates(msgspec.to_builtins(value)))


def _replace_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_replace_surrogates(key): _replace_surrogates(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_replace_surrogates(item) for item in value]
    return value


def _is_json(data: bytes) -> bool:
    if data[:1] not in (b"{", b"["):
        return False
    try:
        msgspec.json.decode(data)
    except (msgspec.MsgspecError, RecursionError):
        return False
    return True
