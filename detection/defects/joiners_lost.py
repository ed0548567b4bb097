"""Characters that are not seen are taken for dirt: joiners, which emoji and Persian need, are removed."""

from __future__ import annotations

from functools import partial

from detection.change_request import change_prompts
from detection.switch import CHAT, Defect


def _remove_joiners(text: str) -> str:
    return text.replace("\u200d", "").replace("\u200c", "")


DEFECT = Defect(
    title="zero width joiners are removed from text",
    caught_by="ai-suite/integration/test_unicode.py::test_text_exact",
    protocols=(CHAT,),
    wrap=partial(change_prompts, reword=_remove_joiners),
)
