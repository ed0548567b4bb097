"""Text from an untrusted peer, made safe to show: what is invisible becomes visible, what is long is cut."""

from __future__ import annotations

import re

_SHOWN = 2000
"""Characters of one value that a report for people shows; gate.json holds the whole."""

_UNSEEN = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # C0 and C1 controls: terminal escapes, NUL
    "\xad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\u3164\ufeff\uffa0"  # bidi, zero width
    "\ufff9-\ufffb\ufffe\uffff"  # interlinear marks, non-characters
    "\ud800-\udfff"  # lone surrogates: no encoding can write them
    "\U000e0000-\U000e007f"  # tags: text that no reader sees
    "]"
)


def visible(text: str, limit: int = _SHOWN, *, keep: str = "\n\t") -> str:
    """The text with every unseen character written out, cut at `limit` characters with the count of the rest.

    Controls become their picture (`␀`), everything else its number (`⟨U+202E⟩`: a right-to-left override, as in
    Trojan Source, CVE-2021-42574). The characters in `keep` stay.
    """
    shown = _UNSEEN.sub(lambda match: match[0] if match[0] in keep else _picture(match[0]), text[:limit])
    return shown + _rest(len(text) - limit)


def line(text: str, limit: int = 300) -> str:
    """The text on one line: every run of white space is one space, the rest as in `visible`."""
    folded = " ".join(text[: limit * 4].split())
    unread = max(0, len(text) - limit * 4)
    return visible(folded[:limit], limit, keep="") + _rest(max(0, len(folded) - limit) + unread)


def command(text: str, limit: int = 6000) -> str:
    """A command to paste, on one line and otherwise unchanged; one that is cut says so and is no longer a command."""
    return visible(text, limit, keep="")


def encodable(text: str) -> str:
    r"""The text with lone surrogates written as `\udc80`, so that it can be encoded; anything else unchanged."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return text


def _rest(left_out: int) -> str:
    return f"… [+{left_out:,} characters]" if left_out > 0 else ""


def _picture(char: str) -> str:
    code = ord(char)
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"⟨U+{code:04X}⟩"
