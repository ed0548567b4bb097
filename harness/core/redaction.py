"""Take secrets out of text, however they are escaped in it.

Text is compared in its normal form, in which every escape of JSON, Python, HTML and URLs is decoded, layer by layer
and in any mixture, so that no list of spellings has to be complete. Tested in tests/core/test_redaction.py.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

MIN_SECRET_LENGTH = 4
"""Characters; a shorter value cannot be distinguished from ordinary text, so it cannot be removed from it."""

_MOST_LAYERS = 6
_HINT = re.compile(r"[\\%&+]")
_SUSPICIOUS = re.compile(
    # An escape of a letter, a digit, or what begins an escape: hardly any text has them where no secret is hidden.
    r"\\[\\uU0{x]*(?:2[356]|3\d|5[cC]|[46][0-9a-fA-F]|[57][0-9aA])"
    r"|%(?:25)*(?:2[356]|3\d|5[cC]|[46][0-9a-fA-F]|[57][0-9aA])"
    r"|&(?:amp;)*(?:#[xX]?0*(?:2[356]|3\d|4\d|5\d|[679]\d|8\d|1[012]\d|[4-7][0-9a-fA-F])\b|(?:bsol|num|percnt);)"
)
_RUN = re.compile(r"[0-9A-Za-z]{3,}")
_LONGEST_ESCAPE = 30
"""Characters by which one character of a secret is written in several layers of escapes."""

_ESCAPE = re.compile(
    r"\\+u[dD][89abAB][0-9a-fA-F]{2}\\+u[dD][c-fC-F][0-9a-fA-F]{2}"  # JSON: a pair of surrogates
    r"|\\+(?:u\{0*[0-9a-fA-F]{1,6}\}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2}|[nrtbf]|[^a-zA-Z0-9\\]|)"
    r"|%(?:25)*[0-7][0-9a-fA-F]"
    r"|(?:%(?:25)*[89a-fA-F][0-9a-fA-F])+"  # URL: the bytes of characters beyond ASCII
    r"|&(?:amp;)*(?:#0*\d{1,7};?|#[xX]0*[0-9a-fA-F]{1,6};?|[a-zA-Z][a-zA-Z0-9]{1,31};)",
    re.DOTALL,
)
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


def redact_text(text: str, secrets: Iterable[str]) -> str:
    """The text with every secret replaced by `***`, the longest first so that no part of a secret is left."""
    ordered = sorted(filter(None, secrets), key=len, reverse=True)
    for secret in ordered:
        text = text.replace(secret, "***")
    if ordered and _HINT.search(text):
        for wanted, anchor in _list_normal_forms(tuple(ordered)):
            text = _replace_escaped(text, wanted, anchor)
    return text


def _replace_escaped(text: str, wanted: str, anchor: str) -> str:
    suspects = [match.start() for match in _SUSPICIOUS.finditer(text)]
    pieces, end = list[str](), 0
    for start, stop in _list_windows(text, anchor, suspects, _LONGEST_ESCAPE * len(wanted) + 64):
        part = text[start:stop]
        if wanted in _decode(part):
            pieces += text[end:start], _replace_decoded(part, wanted)
            end = stop
    return "".join([*pieces, text[end:]])


def _list_windows(text: str, anchor: str, suspects: list[int], reach: int) -> Iterator[tuple[int, int]]:
    """The parts of the text that may hold a secret with that run of letters; all of it for a secret without one."""
    if not anchor:
        yield 0, len(text)
        return
    places = sorted([*(match.start() for match in re.finditer(re.escape(anchor), text)), *suspects])
    start = stop = 0
    for place in places:
        if place > stop:
            if stop:
                yield start, stop
            start = max(place - reach, stop)
        stop = place + reach
    if stop:
        yield start, min(stop, len(text))


@lru_cache(maxsize=64)
def _list_normal_forms(secrets: tuple[str, ...]) -> list[tuple[str, str]]:
    """The distinct normal forms, each with its longest run of letters and digits, which few writers escape."""
    forms: dict[str, str] = {}
    for secret in secrets:
        wanted = _decode(secret)
        runs = [run for run in _RUN.findall(wanted) if run in secret]
        if len(wanted) >= MIN_SECRET_LENGTH:
            forms.setdefault(wanted, max(runs, key=len, default=""))
    return list(forms.items())


def _decode(text: str) -> str:
    for _ in range(_MOST_LAYERS):
        decoded = _ESCAPE.sub(_spell_out, text)
        if decoded == text:
            break
        text = decoded
    return text.replace("+", " ")  # a form's space; the same in the secret


def _replace_decoded(text: str, wanted: str) -> str:
    """Replace what the wanted text is written as."""
    normal_form, starts = _decode_with_places(text)
    pieces, end = list[str](), 0
    place = normal_form.find(wanted)
    while place >= 0:
        pieces += text[end : starts[place]], "***"
        end = starts[place + len(wanted)]
        place = normal_form.find(wanted, place + len(wanted))
    return "".join([*pieces, text[end:]])


def _decode_with_places(text: str) -> tuple[str, list[int]]:
    """The normal form, and where in the text each of its characters starts; then the text's length."""
    starts = list(range(len(text) + 1))
    for _ in range(_MOST_LAYERS):
        pieces, places, end = list[str](), list[int](), 0
        for match in _ESCAPE.finditer(text):
            character = _spell_out(match)
            pieces += text[end : match.start()], character
            places += starts[end : match.start()]
            places += [starts[match.start()]] * len(character)
            end = match.end()
        decoded = "".join([*pieces, text[end:]])
        if decoded == text:
            break
        text, starts = decoded, places + starts[end:]
    return text.replace("+", " "), starts


def _spell_out(match: re.Match[str]) -> str:
    """The characters that one escape stands for; backslashes that escape nothing are left out."""
    escape = match[0]
    if escape[0] == "%":
        data = bytes.fromhex("".join(part[-2:] for part in escape[1:].split("%")))
        return _decode_bytes(data)
    if escape[0] == "&":
        return html.unescape("&" + re.sub(r"^&(?:amp;)*", "", escape))
    letters = escape.lstrip("\\")
    if not letters or letters[0] not in "uUx":
        return _CONTROLS.get(letters, letters)
    if "\\" in letters:
        high, low = (int(part[-4:], 16) for part in (letters[:5], letters))
        return chr(0x10000 + ((high - 0xD800) << 10) + low - 0xDC00)
    number = int(letters[1:].strip("{}"), 16)
    return chr(number) if number < 0x110000 else letters


def _decode_bytes(data: bytes) -> str:
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("latin-1")
