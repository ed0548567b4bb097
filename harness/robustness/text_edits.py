"""Show how two texts differ, so that a reader sees a character that looks like another, or none at all.

Tested in tests/robustness/test_text_edits.py.
"""

from __future__ import annotations

import unicodedata
from difflib import SequenceMatcher

_SHOWN = 8
"""Changes that are shown."""


def name_characters(text: str) -> str:
    """The text with each character that is not plain ASCII as its code and name."""
    return "".join(char if " " <= char <= "~" else f"<U+{ord(char):04X} {_name(char)}>" for char in text)


def _name(char: str) -> str:
    return unicodedata.name(char, "without a name").lower()


def show_edits(original: str, changed: str) -> str:
    """The changed places, each as `"before" -> "after"`."""
    changes = []
    for tag, begin, end, other_begin, other_end in SequenceMatcher(None, original, changed, False).get_opcodes():
        if tag != "equal":
            before, after = original[begin:end], changed[other_begin:other_end]
            changes.append(f'"{name_characters(before)}" -> "{name_characters(after)}" at character {begin + 1}')
    shown = "; ".join(changes[:_SHOWN])
    if len(changes) > _SHOWN:
        shown += f" and {len(changes) - _SHOWN} more"
    return shown
