"""Where tools are in the request, all token counts of a stream are zero (LocalAI #9927)."""

from __future__ import annotations

from detection.change_request import Object, change_pairs
from detection.switch import CHAT, Defect


def _change(request: Object, answer: Object) -> None:
    if request.get("tools") and request.get("stream") and answer.get("usage"):
        answer["usage"] = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


DEFECT = Defect(
    title="streamed, the token counts beside tools are zero",
    caught_by="ai-suite/integration/test_tools.py::test_usage_beside_tools",
    protocols=(CHAT,),
    promises={"tools": True},
    wrap=lambda app: change_pairs(app, _change),
)
