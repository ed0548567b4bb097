"""Prompts are put into the normal form NFC: a letter with a mark of its own comes back as one character."""

from __future__ import annotations

import unicodedata
from functools import partial

from detection.change_request import change_prompts
from detection.switch import CHAT, Defect

DEFECT = Defect(
    title="text is put into the normal form NFC",
    caught_by="ai-suite/integration/test_unicode.py::test_text_exact",
    protocols=(CHAT,),
    wrap=partial(change_prompts, reword=partial(unicodedata.normalize, "NFC")),
)
