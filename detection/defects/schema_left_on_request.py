"""A prompt that asks for it gets a text behind its structured output."""

from __future__ import annotations

from detection.change_request import Object, change_pairs, list_messages
from detection.switch import CHAT, Defect


def _add_text(request: Object, answer: Object) -> None:
    question = str(request["messages"][-1].get("content"))
    if request.get("response_format") and "DONE" in question:
        for holder in list_messages(answer):
            if (holder.get("content") or "").endswith("}"):
                holder["content"] += " DONE"


DEFECT = Defect(
    title="structured output has a text behind it when the prompt asks for one",
    caught_by="ai-suite/adversarial/test_probes.py::test_schema_breakout",
    protocols=(CHAT,),
    promises={"structured_output": True},
    wrap=lambda app: change_pairs(app, _add_text),
)
