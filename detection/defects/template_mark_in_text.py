"""Where the answer ends by itself, the mark that ends a turn in the model's template stands in its text."""

from __future__ import annotations

from typing import Any

from detection.change_answer import change_answers
from detection.switch import CHAT, Defect

_MARK = "<|im_end|>"


def _add_mark(answer: dict[str, Any]) -> None:
    for choice in answer.get("choices", ()):
        if choice.get("finish_reason") != "stop":
            continue
        holder = choice.get("message") or choice.get("delta")
        if holder is not None:
            holder["content"] = (holder.get("content") or "") + _MARK


DEFECT = Defect(
    title="answers that end by themselves have the mark of the turn's end in their text",
    caught_by="ai-suite/integration/test_written_text.py::test_no_template_marks",
    protocols=(CHAT,),
    wrap=lambda app: change_answers(app, _add_mark),
)
