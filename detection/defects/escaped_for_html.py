"""Prompts are escaped for HTML, as if they were shown on a page: `<` becomes `&lt;`."""

from __future__ import annotations

import html
from functools import partial

from detection.change_request import change_prompts
from detection.switch import CHAT, Defect

DEFECT = Defect(
    title="text comes back escaped for HTML",
    caught_by="ai-suite/integration/test_unicode.py::test_text_kept",
    protocols=(CHAT,),
    wrap=partial(change_prompts, reword=html.escape),
)
