"""References to media that nobody can read: broken files, addresses of nothing, pictures larger than any memory.

Tested in tests/suites/adversarial/test_service_security.py.
"""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Mapping

from harness.checks.bad_input.media import list_media_bodies
from harness.checks.bad_input.requests import BadRequest, parse_body, replace_body
from harness.core.exchange import Request

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def _write_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _write_picture(width: int, height: int, data: bytes) -> str:
    head = _write_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    file = _SIGNATURE + head + _write_chunk(b"IDAT", data) + _write_chunk(b"IEND", b"")
    return f"data:image/png;base64,{base64.b64encode(file).decode()}"


_REFERENCES: Mapping[str, str] = {
    "a file that is cut off": f"data:image/png;base64,{base64.b64encode(_SIGNATURE).decode()}",
    "no base64": "data:image/png;base64,@@@@",
    "an empty file": "data:image/png;base64,",
    "bytes that are no picture": "data:image/png;base64,bm8gcGljdHVyZSBhdCBhbGwsIG9ubHkgd29yZHM=",
    "a picture without pixels": _write_picture(0, 0, zlib.compress(b"")),
    "a picture of 3.6 billion pixels": _write_picture(60_000, 60_000, zlib.compress(bytes(1000))),
    "a file of the server": "file:///etc/hostname",
    "an unknown scheme": "gopher://127.0.0.1:9/a.png",
    "an address where nobody answers": "http://127.0.0.1:9/a.png",
    "an empty address": "",
}
MOST_REFERENCES = 20


def list_unreadable_media(valid: Request) -> list[BadRequest]:
    """The valid request with each reference in the protocol's own place, and a broken file in every other.

    Empty where requests of this kind hold no text.
    """
    body = parse_body(valid)
    own = _find_own_place(valid, list(list_media_bodies(body, "")))
    requests = []
    for name, reference in _REFERENCES.items():
        for place, changed in list_media_bodies(body, reference).items():
            if place == own or name == "a file that is cut off":
                request = replace_body(valid, json.dumps(changed).encode())
                # A member or a part that the protocol does not know may be passed over, and a text is a text.
                is_unknown = place != own or "in the text" in place
                requests.append(BadRequest(f"{name} in {place}", request, may_accept=is_unknown))
    return requests[:MOST_REFERENCES]


def _find_own_place(valid: Request, places: list[str]) -> str | None:
    """The place in which the protocol itself has pictures: Anthropic's, Ollama's, else OpenAI's."""
    path = valid.path
    ends = "source" if path.endswith("/messages") else "message" if path.startswith("/api/") else ""
    return next((place for place in places if place.endswith(ends)), None)
