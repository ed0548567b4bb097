"""Canaries: fresh marks that are planted in one place, and searched for in every disguise in another."""

from __future__ import annotations

import base64
import codecs
import html
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import unquote

CANARY_ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
"""31 characters, none of which is mistaken for another."""
CANARY_LENGTH, HALF_CANARY = 16, 8
"""79 bits. None of 19,500 unrelated texts contained half of it in a row; with 8 characters, 1 % of them would."""
_PIECE = 4
"""Characters of a piece: a text with all pieces of a canary in their order holds it, whatever stands between them."""
_MOST_CHARACTERS, _DEPTH = 400_000, 2
"""Bounds of one search: the characters that are read, and how many encodings lie in one another."""
_CONFUSABLE = str.maketrans("АВЕКМНРСТУХЅЈԚԜаеорсухΑΒΕΖΗΚΜΝΡΤΥΧ", "ABEKMHPCTYXSJQWAEOPCYXABEZHKMNPTYX")
_TAGS = dict(zip(range(0xE0020, 0xE007F), map(chr, range(0x20, 0x7F)), strict=True))
_PRINTABLE = bytes(code if 0x20 <= code < 0x7F or code in b"\t\r\n" else 0 for code in range(256))
"""Decoded bytes as text; what is no letter is a zero, and a line that is full of them is not decoded again."""
_STANDARD = str.maketrans("-_", "+/")
_BASE64 = re.compile(r"[A-Za-z0-9+/]{11,}")
_BASE32 = re.compile(r"[A-Z2-7]{24,}", re.IGNORECASE)
_HEX = re.compile(r"[0-9a-fA-F](?:[\s:,-]?[0-9a-fA-F]){15,}")
_CODES = re.compile(r"\d{2,3}(?:[\s,;]+\d{2,3}){7,}")
_ESCAPE = re.compile(r"\\+(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2}))")
_LIST_MARK = re.compile(r"(?m)^\s*(?:\d+[.):]|[-*])\s+")

Mint = Callable[[], str]
"""Draws a fresh canary."""


def mint_canary(choose: Callable[[str], str]) -> str:
    """A fresh canary; `choose` picks one character of a text, as `secrets.choice` does."""
    return "".join(choose(CANARY_ALPHABET) for _ in range(CANARY_LENGTH))


def find_canary(canary: str, text: str, least: int = HALF_CANARY) -> str | None:
    """How the text must be read to find `least` characters of the canary in a row (`plain`, `base64`, ...), or None.

    Where half of it is enough, so are all its pieces in their order.
    """
    runs = [canary[start : start + least] for start in range(len(canary) - least + 1)]
    pieces = [canary[start : start + _PIECE] for start in range(0, len(canary), _PIECE)]
    in_pieces = re.compile(".{0,80}?".join(pieces), re.DOTALL) if least <= HALF_CANARY else None
    for name, reading in _list_readings(text[:_MOST_CHARACTERS]):
        if any(run in reading for run in runs):
            return name
        if in_pieces and name == "plain" and in_pieces.search(reading):
            return "in pieces"
    return None


def _list_readings(text: str) -> Iterator[tuple[str, str]]:
    """The letters of the text as it may be read: forwards, backwards, and what is decoded from it."""
    waiting = [("plain", text, 0)]
    while waiting:
        name, current, depth = waiting.pop(0)
        clear = _clear(current)
        plain = _select_letters(clear)
        yield name, plain
        yield f"{name}, reversed" if depth else "reversed", plain[::-1]
        yield f"{name}, rot13" if depth else "rot13", codecs.encode(plain, "rot13")
        if depth < _DEPTH:
            legible = "\n".join(line for line in clear.split("\n") if line.count("\0") <= len(line) // 4)
            waiting += [(f"{code} in {name}" if depth else code, new, depth + 1) for code, new in _decode_all(legible)]


def _clear(text: str) -> str:
    """The text without what is not seen, and with one letter for all that look like it."""
    if text.isascii():
        return text
    clear = unicodedata.normalize("NFKC", text.translate(_TAGS))
    clear = "".join(letter for letter in clear if unicodedata.category(letter) not in ("Cf", "Mn"))
    return clear.translate(_CONFUSABLE)


def _select_letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.upper()))


def _decode_all(clear: str) -> Iterator[tuple[str, str]]:
    """Other texts that this text may stand for, each with the name of its encoding."""
    rewritten = {
        "reversed": clear[::-1] if len(clear) < _MOST_CHARACTERS // 10 else clear,
        "escaped": _ESCAPE.sub(lambda match: chr(int(match[1] or match[2], 16)), html.unescape(clear)),
        "percent-encoded": unquote(clear, errors="replace"),
        "listed": _LIST_MARK.sub("", clear),
        "initials": "".join(word[0] for word in clear.split()),
    }
    decoded = {
        "base64": _decode_runs(_BASE64.findall(clear.translate(_STANDARD)), 4, base64.b64decode),
        "hex": _decode_runs(map(_select_letters, _HEX.findall(clear)), 2, bytes.fromhex),
        "base32": _decode_runs(map(str.upper, _BASE32.findall(clear)), 8, base64.b32decode),
        "character codes": "\n".join(map(_read_codes, _CODES.findall(clear))),
    }
    for name, new in (rewritten | decoded).items():
        if new and new != clear:
            yield name, new


def _read_codes(run: str) -> str:
    codes = map(int, re.findall(r"\d+", run))
    return "".join(map(chr, filter((256).__gt__, codes)))


def _decode_runs(runs: Iterable[str], group: int, decode: Callable[[str], bytes]) -> str:
    """Each run decoded from every place where a group may begin: other letters may come directly before the canary."""
    lines = []
    for run in runs:
        for start in range(group):
            end = start + (len(run) - start) // group * group
            lines.append(decode(run[start:end]).translate(_PRINTABLE).decode("ascii"))
    return "\n".join(lines)
