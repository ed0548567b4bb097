"""The parts of a plain JSON template that are no JSON body: an uploaded file, and a stream of events or lines."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Any

from harness.core.endpoint import StreamTemplate
from harness.core.errors import ProtocolError, UsageError
from harness.core.exchange import EventKind, Request, StreamEvent
from harness.protocols.shared import template_path
from harness.protocols.shared.event_stream import JSONEventDecoder, LineDecoder, parse_event_data
from harness.protocols.shared.sse import ServerEvent, SSEDecoder

_MAGIC = ((b"\x89PNG", "image/png"), (b"\xff\xd8", "image/jpeg"), (b"GIF8", "image/gif"), (b"%PDF", "application/pdf"))


def make_upload(path: str, field: str, given: Any) -> Request:
    """A form with one file (RFC 7578), given in base64. Raises `UsageError` for anything else."""
    try:
        data = base64.b64decode(given, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise UsageError("an input to upload is a file in base64: give [endpoint] sample_file, or sample") from None
    kind = next((kind for magic, kind in _MAGIC if data.startswith(magic)), "application/octet-stream")
    boundary = f"aiharness-{hashlib.sha256(data).hexdigest()[:24]}"
    head = f'--{boundary}\r\ncontent-disposition: form-data; name="{field}"; filename="upload"\r\ncontent-type: {kind}'
    body = f"{head}\r\n\r\n".encode() + data + f"\r\n--{boundary}--\r\n".encode()
    return Request("POST", path, (("content-type", f"multipart/form-data; boundary={boundary}"),), body)


class TemplateStream(JSONEventDecoder):
    """Decodes a stream as the template says; whether it is events or lines shows in its first byte.

    Raises `ProtocolError` for an event without a text at the path, except the last one.
    """

    def __init__(self, template: StreamTemplate) -> None:
        super().__init__()
        self._template = template
        self._begun = self._ended = False

    def feed(self, data: bytes) -> list[StreamEvent]:
        """The events completed by these bytes. Raises `ProtocolError`."""
        if not self._begun and (data := data.lstrip()):
            self._begun = True
            self._splitter = LineDecoder() if data[:1] in b'{["' else SSEDecoder()
        return super().feed(data)

    def close(self) -> list[StreamEvent]:
        """A last line, and the end of a stream of which nothing else tells the end."""
        found = super().close()
        if self._seen and not self._ended and self._template.end is None:
            found.append(StreamEvent(EventKind.FINISH, value="stop"))
        return found

    def _read(self, event: ServerEvent) -> list[StreamEvent]:
        if event.data.strip() == "[DONE]":
            return [StreamEvent(EventKind.DONE)]
        at = f"event {self._seen}"
        value: Any = (
            event.data if self._template.piece == "$" and not _jsonish(event.data) else parse_event_data(event, at)
        )
        if event.event == "error" or (isinstance(value, dict) and value.get("error")):
            return [StreamEvent(EventKind.ERROR, value=value)]
        last = self._template.end is not None and _reached(value, self._template.end) not in (None, False, "")
        piece = _reached(value, self._template.piece)
        if piece is None and not last:
            return [StreamEvent(EventKind.OTHER, value=value)]
        if piece is not None and not isinstance(piece, str):
            raise ProtocolError(f"no text at {self._template.piece}", at=at)
        events = [StreamEvent(EventKind.DELTA, text=piece)] if piece else []
        if last and not self._ended:
            self._ended = True
            reason = _reached(value, self._template.end or "$")
            events.append(StreamEvent(EventKind.FINISH, value=reason if isinstance(reason, str) else "stop"))
        return events


def _jsonish(text: str) -> bool:
    return text.lstrip()[:1] in ("{", "[", '"')


def _reached(value: Any, path: str) -> Any:
    try:
        return template_path.extract_value(value, path)
    except ProtocolError:
        return None
