"""How a text was rewritten on its way: escaped once more, with its escapes decoded, or in another normal form.

Tested in tests/suites/integration/test_unicode.py.
"""

from __future__ import annotations

import html
import json
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

_FORMS: tuple[Literal["NFC", "NFD", "NFKC", "NFKD"], ...] = ("NFC", "NFD", "NFKC", "NFKD")


@dataclass(frozen=True, slots=True)
class Rewriting:
    """One piece of a text that came back as another (`words`).

    `is_escaped`: it was escaped once more, which no tokenizer and no model does. Escapes may be read, and letters put
    into another form, by those, too.
    """

    words: str
    is_escaped: bool


def _read_backslashes(text: str) -> str:
    try:
        return str(json.loads(f'"{text}"'))
    except ValueError:
        return text


_READERS: dict[str, Callable[[str], str]] = {
    "HTML": html.unescape,
    "JSON": _read_backslashes,
    "percent": unquote,
}


def find_rewriting(text: str, answer: str) -> Rewriting | None:
    """The first piece of the text that came back rewritten; None if none is, as far as the answer shows.

    The text consists of words with a piece between each two of them, which the answer must repeat in their order.
    """
    for piece, copy in pair_pieces(text, answer):
        if copy == piece:
            continue
        words = f"{piece!a} came back as {copy!a:.60}"
        for name, read in _READERS.items():
            if read(copy) == piece:
                return Rewriting(f"{words}: escaped once more ({name})", is_escaped=True)
            if read(piece) == copy:
                return Rewriting(f"{words}: its escape was decoded ({name})", is_escaped=False)
        for form in _FORMS:
            if unicodedata.normalize(form, piece) == copy:
                return Rewriting(f"{words}: put into the normal form {form}", is_escaped=False)
        if _drop_formats(piece) == copy:
            return Rewriting(f"{words}: characters that are not seen are lost", is_escaped=False)
    return None


def pair_pieces(text: str, answer: str) -> list[tuple[str, str]]:
    """Each piece of the text with what the answer has in its place; none if it does not repeat the words around."""
    words = text.split(" ")
    pattern = r"\b(.*?)\b".join(words[::2])
    match = re.search(pattern, answer, re.DOTALL)
    if match is None:
        return []
    copies = [copy.removeprefix(" ").removesuffix(" ") for copy in match.groups()]
    return list(zip(words[1::2], copies, strict=True))


def _drop_formats(text: str) -> str:
    return "".join(character for character in text if unicodedata.category(character) != "Cf")
