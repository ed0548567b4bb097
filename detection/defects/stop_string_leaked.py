"""The stop string ends the answer and stays in it."""

from __future__ import annotations

from detection.change_request import Object, change_pairs
from detection.switch import CHAT, Defect


def _leak(request: Object, answer: Object) -> None:
    stop = request.get("stop")
    text = stop if isinstance(stop, str) else stop[0] if isinstance(stop, list) and stop else ""
    for choice in answer.get("choices", ()):
        if text and choice.get("finish_reason") == "stop":
            holder = choice.get("message") or choice["delta"]
            holder["content"] = (holder.get("content") or "") + text


DEFECT = Defect(
    title="an answer that a stop string ended holds it",
    caught_by="ai-suite/integration/test_parameters.py::test_stop",
    protocols=(CHAT,),
    wrap=lambda app: change_pairs(app, _leak),
)
