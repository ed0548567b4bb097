"""Success without an answer: status 200, the right media type, and no byte of body."""

from __future__ import annotations

import json

from starlette.responses import Response

from detection.change_answer import replace_answers
from detection.switch import Defect


def _empty(path: str, body: bytes) -> Response:
    return Response(media_type="text/event-stream" if _asks_for_stream(body) else "application/json")


def _asks_for_stream(body: bytes) -> bool:
    try:
        return json.loads(body).get("stream") is True
    except (ValueError, AttributeError):
        return False


DEFECT = Defect(
    title="every inference answers 200 with an empty body",
    caught_by="ai-suite/smoke/test_answer.py::test_valid",
    wrap=lambda app: replace_answers(app, _empty),
)
