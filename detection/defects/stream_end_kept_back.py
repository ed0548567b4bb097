"""The detokenizer keeps characters of several bytes back until an ASCII one comes, and sends none at the end."""

from __future__ import annotations

from collections.abc import Callable

from detection.change_request import change_streamed_texts
from detection.switch import CHAT, Defect


def _begin() -> Callable[[str], str]:
    held_text = ""

    def hold_back(piece: str) -> str:
        nonlocal held_text
        text = held_text + piece
        shown = len(text)
        while shown and not text[shown - 1].isascii():
            shown -= 1
        held_text = text[shown:]
        return text[:shown]

    return hold_back


DEFECT = Defect(
    title="streamed, a text that ends in other letters than ASCII loses this end",
    caught_by="ai-suite/integration/test_unicode.py::test_text_kept",
    protocols=(CHAT,),
    wrap=lambda app: change_streamed_texts(app, _begin),
)
