"""Prompts are written as JSON twice, and read once: each backslash comes back as two, each quotation mark with one."""

from __future__ import annotations

import json
from functools import partial

from detection.change_request import change_prompts
from detection.switch import CHAT, Defect


def _escape(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


DEFECT = Defect(
    title="backslashes and quotation marks come back escaped once more",
    caught_by="ai-suite/integration/test_unicode.py::test_text_kept",
    protocols=(CHAT,),
    wrap=partial(change_prompts, reword=_escape),
)
