"""Messages are templates of their own before the chat template is: what stands in braces is filled in, or empty."""

from __future__ import annotations

import re
from functools import partial

from detection.change_request import change_prompts
from detection.switch import CHAT, Defect

_PLACEHOLDER = re.compile(r"\{\{?[^{}]*\}?\}")


def _fill(text: str) -> str:
    return _PLACEHOLDER.sub("", text)


DEFECT = Defect(
    name="placeholders_filled",
    title="what stands in braces in a message is taken for a placeholder, and lost",
    caught_by="ai-suite/integration/test_written_text.py::test_template_texts_kept",
    protocols=(CHAT,),
    wrap=partial(change_prompts, reword=_fill),
)
