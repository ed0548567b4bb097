"""Texts that hold something else than text: a file in base64, or an address. No word can be added to them.

And texts of several words, to which words can be added.

Tested in tests/protocols/shared/test_opaque_text.py.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from harness.core.json_path import JSONPath, find_paths, read_at

_HEADS = (
    *(b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"BM", b"RIFF", b"%PDF-", b"ID3", b"OggS", b"fLaC", b"\xff\xfb"),
    *(b"II*\x00", b"MM\x00*", b"\x1aE\xdf\xa3", b"PK\x03\x04", b"\x1f\x8b", b"\x93NUMPY"),
)
"""The first bytes of files that models take: pictures, sounds, documents, archives, arrays."""
_DATA_URL = re.compile(r"data:[\w.+-]+/[\w.+-]+;base64,")
_ADDRESS = re.compile(r"(?:https?|s3|gs|file)://\S+")
_LEAST = 16
_LEAST_WORDS = 4
_BEGINNING = 64


def is_opaque_text(value: Any) -> bool:
    """Whether a text is a file in base64, a data URL, or an address."""
    if not isinstance(value, str) or len(value) < _LEAST:
        return False
    if _DATA_URL.match(value) or _ADDRESS.fullmatch(value):
        return True
    beginning = value[:_BEGINNING].rstrip("=")
    try:
        head = base64.b64decode(beginning[: len(beginning) // 4 * 4], validate=True)
    except (binascii.Error, ValueError):
        return False
    return head.startswith(_HEADS)


def find_sentence(inputs: Any) -> JSONPath | None:
    """The place of the longest text of several words in an input; None if there is none."""
    places = [place for place in find_paths(inputs, str) if _has_words(read_at(inputs, place))]
    return max(places, key=lambda place: len(read_at(inputs, place)), default=None)


def _has_words(text: str) -> bool:
    return len(text.split()) >= _LEAST_WORDS and not is_opaque_text(text)
