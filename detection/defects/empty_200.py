"""Success without an answer: status 200, the right media type, and no byte of body."""

from __future__ import annotations

import json

from starlette.responses import Response
from starlette.types import ASGIApp

from detection.change_answer import replace_answers
from detection.switch import Defect


def _empty(path: str, body: bytes) -> Response:
    return Response(media_type="text/event-stream" if _asks_for_stream(body) else "application/json")


def _asks_for_stream(body: bytes) -> bool:
    try:
        return json.loads(body).get("stream") is True
    except (ValueError, AttributeError):
        return False


def _wrap(app: ASGIApp) -> ASGIApp:
    return replace_answers(app, _empty)


DEFECT = Defect(
    name="empty_200",
    title="every inference answers 200 with an empty body",
    caught_by="ai-suite/smoke/test_answer.py::test_valid",
    wrap=_wrap,
)
