"""Parts of a plain JSON template other than JSON bodies: files, forms and queries, streams of events or lines."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import Any
from urllib.parse import urlencode

from harness.core.endpoint import StreamTemplate, Template
from harness.core.errors import ProtocolError, UsageError
from harness.core.exchange import EventKind, Request, StreamEvent
from harness.protocols.shared import template_path
from harness.protocols.shared.event_stream import JSONEventDecoder, LineDecoder, parse_event_data
from harness.protocols.shared.sse import ServerEvent, SSEDecoder

_MEDIA_TYPES = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"%PDF", "application/pdf"),
    (b"", "application/octet-stream"),
)
"""The first bytes of a file, and its media type."""


def make_upload(path: str, field: str, content: Any) -> Request:
    """A form with one file (RFC 7578), whose content is given in base64. Raises `UsageError` for anything else."""
    try:
        data = base64.b64decode(content, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise UsageError("an input to upload is a file in base64: give [endpoint] sample_file, or sample") from None
    kind = next(kind for prefix, kind in _MEDIA_TYPES if data.startswith(prefix))
    boundary = f"aiharness-{hashlib.sha256(data).hexdigest()[:24]}"
    head = f'--{boundary}\r\ncontent-disposition: form-data; name="{field}"; filename="upload"\r\ncontent-type: {kind}'
    body = f"{head}\r\n\r\n".encode() + data + f"\r\n--{boundary}--\r\n".encode()
    return Request("POST", path, (("content-type", f"multipart/form-data; boundary={boundary}"),), body)


def make_fields_request(template: Template, path: str, members: Any) -> Request:
    """Members of an object as the fields of a form, or as parameters of the URL; a list repeats its field.

    Raises `UsageError` for anything but an object.
    """
    if not isinstance(members, dict):
        raise UsageError(
            f"encoding = {template.encoding!r} sends the fields of an object; the body is {members!r:.100}"
        )
    pairs = [(name, _write_field(part)) for name, value in members.items() for part in _list_parts(value)]
    text = urlencode(pairs)
    if template.encoding == "form":
        return Request("POST", path, (("content-type", "application/x-www-form-urlencoded"),), text.encode())
    joint = "&" if "?" in path else "?"
    return Request(template.method, f"{path}{joint}{text}" if text else path)


def _list_parts(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    return [value]


def _write_field(value: Any) -> str:
    """A field's text: that of JSON, without the quotes of a text."""
    if isinstance(value, str):
        return value
    return json.dumps(value)


class TemplateStream(JSONEventDecoder):
    """Decodes a stream as the template describes it; the first byte shows whether it consists of events or lines.

    Raises `ProtocolError` for an event without a text at the path, except for the last event.
    """

    def __init__(self, template: StreamTemplate) -> None:
        super().__init__()
        self._template = template
        self._has_begun = self._has_ended = False

    def feed(self, data: bytes) -> list[StreamEvent]:
        """The events that these bytes complete. Raises `ProtocolError`."""
        if not self._has_begun and (data := data.lstrip()):
            self._has_begun = True
            self._splitter = LineDecoder() if data[:1] in b'{["' else SSEDecoder()
        return super().feed(data)

    def close(self) -> list[StreamEvent]:
        """The last line, and the end of a stream for which the template describes no other end."""
        events = super().close()
        if self._count and not self._has_ended and self._template.end is None:
            events.append(StreamEvent(EventKind.FINISH, value="stop"))
        return events

    def _decode_event(self, event: ServerEvent) -> list[StreamEvent]:
        if event.data.strip() == "[DONE]":
            return [StreamEvent(EventKind.DONE)]
        at = f"event {self._count}"
        value: Any = event.data
        if self._template.piece != "$" or event.data.lstrip()[:1] in ("{", "[", '"'):
            value = parse_event_data(event, at)
        if event.event == "error" or (isinstance(value, dict) and value.get("error")):
            return [StreamEvent(EventKind.ERROR, value=value)]
        end = _find_value(value, self._template.end)
        is_last = end not in (None, False, "")
        piece = _find_value(value, self._template.piece)
        if piece is None and not is_last:
            return [StreamEvent(EventKind.OTHER, value=value)]
        if piece is not None and not isinstance(piece, str):
            raise ProtocolError(f"no text at {self._template.piece}", at=at)
        events = [StreamEvent(EventKind.DELTA, text=piece)] if piece else []
        if is_last and not self._has_ended:
            self._has_ended = True
            events.append(StreamEvent(EventKind.FINISH, value=end if isinstance(end, str) else "stop"))
        return events


def _find_value(value: Any, path: str | None) -> Any:
    if path is None:
        return None
    try:
        return template_path.extract_value(value, path)
    except ProtocolError:
        return None
