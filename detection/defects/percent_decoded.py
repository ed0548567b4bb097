"""Prompts pass through a decoder of URLs: `%20` reaches the model as a blank."""

from __future__ import annotations

from functools import partial
from urllib.parse import unquote

from detection.change_request import change_prompts
from detection.switch import CHAT, Defect

DEFECT = Defect(
    title="percent escapes in a text are decoded",
    caught_by="ai-suite/integration/test_unicode.py::test_text_exact",
    protocols=(CHAT,),
    wrap=partial(change_prompts, reword=unquote),
)
