"""A report inside a page: the JSON of gate.json, compressed and written in letters that HTML leaves alone.

Tested in tests/reports/test_as_html.py.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib

PACKED = "application/gzip;base64"
"""The type of the element that holds it."""

_MOST = 200_000_000
"""Bytes that are unpacked; a larger report is refused."""

_ELEMENT = re.compile(rb'<script type="application/gzip;base64" id="gate">([A-Za-z0-9+/=]+)</script>')


def pack_report(content: bytes) -> str:
    """The same letters for the same content: there is no time of day in them."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    return base64.b64encode(compressor.compress(content) + compressor.flush()).decode()


def unpack_report(page: bytes) -> bytes:
    """The JSON in a page. Raises `ValueError` for a page without one that is whole and not too large."""
    element = _ELEMENT.search(page)
    if element is None:
        raise ValueError("no report is embedded in it")
    decompressor = zlib.decompressobj(31)
    try:
        content = decompressor.decompress(base64.b64decode(element[1], validate=True), _MOST)
    except (zlib.error, binascii.Error) as error:
        raise ValueError(f"the report in it cannot be unpacked ({error})") from None
    if not decompressor.eof:
        raise ValueError("the report in it is cut or too large")
    return content
