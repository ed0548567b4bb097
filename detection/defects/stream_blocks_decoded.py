"""A relay decodes the text of a stream in blocks of 512 bytes: characters at their edges become U+FFFD (aisix #111)."""

from __future__ import annotations

from collections.abc import Callable

from detection.change_request import change_streamed_texts
from detection.switch import CHAT, Defect

_BLOCK = 512


def _begin() -> Callable[[str], str]:
    passed = 0

    def decode(piece: str) -> str:
        nonlocal passed
        characters = []
        for character in piece:
            end = passed + len(character.encode())
            is_cut = passed // _BLOCK < (end - 1) // _BLOCK
            characters.append("\N{REPLACEMENT CHARACTER}" if is_cut else character)
            passed = end
        return "".join(characters)

    return decode


DEFECT = Defect(
    title="in long streams, a character at the edge of a block becomes U+FFFD",
    caught_by="ai-suite/integration/test_unicode.py::test_text_kept",
    protocols=(CHAT,),
    wrap=lambda app: change_streamed_texts(app, _begin),
)
