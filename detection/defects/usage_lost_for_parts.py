"""The counter of streams does not know content that is a list of parts: its prompt tokens are zero."""

from __future__ import annotations

from detection.change_request import Object, change_pairs
from detection.switch import CHAT, Defect


def _change(request: Object, answer: Object) -> None:
    has_parts = any(isinstance(message.get("content"), list) for message in request.get("messages") or ())
    if has_parts and request.get("stream") and answer.get("usage"):
        answer["usage"]["prompt_tokens"] = 0


DEFECT = Defect(
    title="streamed, content that is a list of parts counts no prompt tokens",
    caught_by="ai-suite/integration/test_combinations.py::test_combinations",
    protocols=(CHAT,),
    wrap=lambda app: change_pairs(app, _change),
)
