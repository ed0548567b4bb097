"""Whether a model that is asked to repeat a text between two marks kept it, as far as its control shows.

The control is the same request with plain words between the marks: a model that does not repeat those shows nothing.
Tested in tests/suites/integration/test_unicode.py.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping

from harness.checks.generation.rewriting import Rewriting, find_rewriting
from harness.checks.generation.text_cases import Unjudged

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
MARK_BEFORE, MARK_AFTER = "48213765", "90314276 11827364"
"""Marks around the text: a service that loses the second one has cut the text."""
PLAIN_TEXT = "plain"

UNICODE_TEXTS: Mapping[str, str] = {
    PLAIN_TEXT: "words",
    "emoji": "\U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f3f3\ufe0f\u200d\U0001f308 \U0001f44d\U0001f3fd",
    "right to left": "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 \u202eabc\u202c",
    "combining": "e\u0301 n\u0303 Z\u0351\u0327\u030a A\u030a",
    "four bytes": "\U0002070e\U00020731 \U0001d518\U0001d52b\U0001d526",
    "byte order mark": "one\ufefftwo",
    "escapes": r"one \n two \"x\" three \u00e9 four a%20b five &amp; six <i> seven",
    "other normal forms": "one e\u0301 two \ufb01 three \uff21 four \u2460 five \u212b six a\u200db seven",
    "NUL": "one\0two",
    "a lone surrogate": "one\ud800two",
}
"""Texts by name; the last two may be refused, the others are ordinary text in some language."""
ODD_TEXTS = ("NUL", "a lone surrogate")
EXACT_TEXTS = ("escapes", "other normal forms")
"""Texts that come back byte for byte, unless a tokenizer or a model reads them otherwise."""
NEVER_DROPPED = ("emoji", "right to left", "four bytes")
"""Texts that no tokenizer may drop: normalisation may remove marks and blanks, but not these."""
_FEW_LETTERS = 3
"""Different letters in place of a text with which a model may have said something else; a filler has fewer."""
_ESCAPE = re.compile(r"&#\w+;|%[0-9A-Fa-f]{2}|\\[uUxN]")


def has_plain_echo(answer: str) -> bool:
    """Whether the answer to the control repeats the plain words between both marks, in whatever case."""
    between = _find_between(answer)
    return between is not None and UNICODE_TEXTS[PLAIN_TEXT].casefold() in between.casefold()


def find_changed_text(name: str, answer: str) -> str | None:
    """The sign, in an answer that should repeat a text, that the text was lost or read in another encoding.

    None: it was kept, as far as a tokenizer must keep it; `Unjudged`: the model said something else.
    """
    if misread := find_misread_text(name, answer):
        return misread
    if name in ODD_TEXTS:
        return Unjudged("it need not be kept")
    if has_replacement(answer):
        return "it contains U+FFFD, which was not sent"
    between = _find_between(answer)
    if between is None:
        return Unjudged(f"the model did not repeat both marks: {answer!a:.60}")
    if rewriting := find_exact_rewriting(name, between):
        return rewriting.words if rewriting.is_escaped else Unjudged(rewriting.words)
    if name not in NEVER_DROPPED:
        return _find_filler(between)
    if not set(filter(_must_be_kept, UNICODE_TEXTS[name])).isdisjoint(between):
        return None
    return _describe_replacement(between)


def find_exact_rewriting(name: str, answer: str) -> Rewriting | None:
    """How one of the `EXACT_TEXTS` was rewritten in an answer."""
    return find_rewriting(UNICODE_TEXTS[name], answer) if name in EXACT_TEXTS else None


def has_exact_echo(name: str, answer: str) -> bool:
    """Whether an answer repeats one of the `EXACT_TEXTS` byte for byte."""
    return UNICODE_TEXTS[name] in answer


def _describe_replacement(between: str) -> str:
    """What stands between the marks in place of a text none of which came back."""
    rest = re.sub("abc", "", between, flags=re.IGNORECASE)  # the plain part of the text that is read from the right
    if not rest.strip(" \t\n\u202e\u202c\u200d\ufe0f"):
        return "the text between its marks is lost"
    if escape := _ESCAPE.search(rest):
        return f"it contains the escape {escape[0]!r} instead of the character"
    if len(set(filter(str.isalpha, rest.casefold()))) >= _FEW_LETTERS:
        return Unjudged(f"the model said something else between the marks: {between!a:.60}")
    return _find_filler(rest) or f"the text between its marks came back as {between.strip()!a:.60}"


def _find_between(answer: str) -> str | None:
    between = re.search(f"{MARK_BEFORE}(.*?){MARK_AFTER}", answer, re.DOTALL)
    return between and between[1]


def _find_filler(text: str) -> str | None:
    if "?" in text and not re.search(r"[^\s?]", text):
        return "it has question marks in place of the text"
    return None


def _must_be_kept(character: str) -> bool:
    category = unicodedata.category(character)
    return ord(character) > 0xFF and category != "Sk" and category[0] in "LS"


def find_misread_text(name: str, answer: str) -> str | None:
    """A character of the text that came back as another encoding would read its bytes, or as its JSON escape.

    No model writes so by itself.
    """
    for character in sorted(set(UNICODE_TEXTS[name])):
        if ord(character) <= 0xFF or 0xD800 <= ord(character) < 0xE000:
            continue
        for encoding in ("latin-1", "cp1252"):
            wrong = character.encode().decode(encoding, "replace")
            if _REPLACEMENT not in wrong and wrong in answer:
                return f"it contains {wrong!a}, which is {character!a} in UTF-8 read as {encoding}"
        escaped = json.dumps(character)[1:-1]
        if escaped in answer:
            return f"it contains the escape {escaped!r} instead of the character"
    return None


def has_replacement(text: str) -> bool:
    """Whether U+FFFD is in a text before its end, where a limit of tokens may cut a character."""
    return _REPLACEMENT in text.rstrip(_REPLACEMENT)
