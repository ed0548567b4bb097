"""Make text from an untrusted peer safe to show: invisible characters become visible, long text is cut."""

from __future__ import annotations

import re

_SHOWN = 2000
"""Characters of one value that a report for people shows; gate.json has all of them."""

_LONG_WORD, _WORD_ENDS = 40, frozenset(",;:)]}>\"'/&?")

_INVISIBLE = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # C0 and C1 controls: terminal escapes, NUL
    "\xad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\u3164\ufeff\uffa0"  # bidi, zero width
    "\ufff9-\ufffb\ufffe\uffff"  # interlinear marks, non-characters
    "\ud800-\udfff"  # lone surrogates: no encoding can write them
    "\U000e0000-\U000e007f"  # tags: text that no reader sees
    "]"
)


def make_visible(text: str, limit: int = _SHOWN, *, keep: str = "\n\t") -> str:
    """The text with every invisible character written out, cut at `limit` characters with the count of the rest.

    Nothing is cut whose count would be as long as the rest itself.

    Controls become their picture (`␀`), everything else its number (`⟨U+202E⟩`: a right-to-left override, as in
    Trojan Source, CVE-2021-42574). The characters in `keep` stay.
    """
    cut = find_cut(text, limit)
    rest = _count_rest(len(text) - cut)
    shown = text[:cut] if rest else text
    return _INVISIBLE.sub(lambda match: match[0] if match[0] in keep else _write_out(match[0]), shown) + rest


def fold_line(text: str, limit: int = 300) -> str:
    """The text on one line: every run of white space becomes one space, the rest as in `make_visible`."""
    window = limit * 4 + 100
    folded = " ".join(text[:window].split())
    cut = find_cut(folded, limit)
    rest = _count_rest(len(folded) - cut + max(0, len(text) - window))
    shown = folded[:cut].rstrip() if rest else " ".join(text.split())
    return make_visible(shown, len(shown), keep="") + rest


def show_command(text: str, limit: int = 6000) -> str:
    """A command to paste, on one line and otherwise unchanged; a longer one is cut and says so."""
    return make_visible(text, limit, keep="")


def make_encodable(text: str) -> str:
    r"""The text with lone surrogates written as `\udc80`, so that it can be encoded; anything else unchanged."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return text


def cut_text(text: str, limit: int) -> str:
    """The text cut after `limit` characters at most with `…`, where that leaves out more than it adds."""
    return text if len(text) <= limit + 1 else f"{text[: find_cut(text, limit)].rstrip()}…"


def find_cut(text: str, limit: int) -> int:
    """Where to cut a text to at most `limit` characters: after a word, or within one of more than 40 characters."""
    if len(text) <= limit:
        return len(text)
    for end in range(limit, max(limit - _LONG_WORD, 0), -1):
        if text[end].isspace() or text[end - 1].isspace() or text[end - 1] in _WORD_ENDS:
            return end
    return limit


def _count_rest(left_out: int) -> str:
    """How many characters are left out; empty where this note would not be shorter than they are."""
    note = f"… [+{left_out:,} characters]"
    return note if left_out > len(note) else ""


def _write_out(char: str) -> str:
    code = ord(char)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    return f"⟨U+{code:04X}⟩"
