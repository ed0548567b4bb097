"""Switched off, thinking goes on in the text: the opening tag is in the template, the closing one in the answer."""

from __future__ import annotations

from detection.change_request import Object, change_pairs, list_messages
from detection.switch import CHAT, Defect
from detection.thinking import read_switch

_THOUGHT = "Okay, the user wants an answer.\n</think>\n\n"


def _spill(request: Object, answer: Object) -> None:
    for holder in list_messages(answer) if read_switch(request) is False else ():
        if holder.get("role") and holder.get("content") is not None:
            holder["content"] = _THOUGHT + holder["content"]


DEFECT = Defect(
    title="switched off, thinking goes on in the text, and ends with a closing tag",
    caught_by="ai-suite/integration/test_written_text.py::test_reasoning_promised",
    protocols=(CHAT,),
    wrap=lambda app: change_pairs(app, _spill),
    promises={"reasoning": "off"},
)
