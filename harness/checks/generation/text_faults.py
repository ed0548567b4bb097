"""What is wrong with a generated text whatever was asked: loops, other scripts, an end in the middle of a sentence.

No reference is needed, so that the shares can be compared between two endpoints, or with a limit.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

_TOKEN = re.compile(r"[^\W\d_]+|\d+|[^\w\s]|_")
_LONGEST_UNIT, _FEWEST_REPEATS, _FEWEST_TOKENS = 60, 4, 20
"""A loop is a unit of at most so many tokens that comes at least so often in a row, and has so many tokens in all."""
_MOST_TOKENS = 6000
"""Tokens at the end of a text that are looked at: a loop does not end by itself."""
_SCRIPTS_OF_ALL = frozenset(
    (
        "LATIN",
        "GREEK",
        "MATHEMATICAL",
        "FULLWIDTH",
        "MODIFIER",
        "MICRO",
        "FEMININE",
        "MASCULINE",
        "SCRIPT",
        "DOUBLE-STRUCK",
    )
)
"""Scripts, and beginnings of names, that names, code and formulas of any language have."""
_SYLLABLES = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "KATAKANA-HIRAGANA", "IDEOGRAPHIC", "HALFWIDTH")
_WRONG_SHARE, _FEWEST_WRONG = 0.1, 3
_UNFINISHED = re.compile(r"[\w,;(\[{“‘«\-–—]\s*\Z")
_SHORTEST_SENTENCE = 40


def find_loop(text: str) -> str:
    """The words that the text repeats again and again; empty where it does not."""
    tokens = _split(text)[-_MOST_TOKENS:]
    for period in range(1, min(_LONGEST_UNIT, len(tokens) // _FEWEST_REPEATS) + 1):
        needed, run = max(_FEWEST_REPEATS * period, _FEWEST_TOKENS) - period, 0
        for place in range(period, len(tokens)):
            run = run + 1 if tokens[place] == tokens[place - period] else 0
            if run >= needed:
                unit = tokens[place - period + 1 : place + 1]
                if any(token.isalpha() for token in unit):
                    return " ".join(unit)
                break
    return ""


def _split(text: str) -> list[str]:
    """Words, numbers and signs; scripts without blanks by character."""
    tokens = list[str]()
    for token in _TOKEN.findall(text):
        if token.isalpha() and _name_script(token[0]) in _SYLLABLES:
            tokens += token
        else:
            tokens.append(token)
    return tokens


def find_wrong_script(prompt: str, text: str) -> str:
    """The script of at least a tenth of the text's letters which the prompt does not have; empty: there is none.

    Letters of names and formulas (Latin, Greek) do not count; the sign for a character that was lost does.
    """
    known = _count_scripts(prompt)
    scripts = _count_scripts(text)
    fewest = max(_FEWEST_WRONG, _WRONG_SHARE * sum(scripts.values()))
    foreign = {name: count for name, count in scripts.items() if not known[name] and name not in _SCRIPTS_OF_ALL}
    if any(known[name] for name in _SYLLABLES):
        foreign = {name: count for name, count in foreign.items() if name not in _SYLLABLES}
    if not foreign or sum(foreign.values()) < fewest:
        return ""
    return max(foreign, key=lambda name: foreign[name])


def _count_scripts(text: str) -> Counter[str]:
    counts = Counter(_name_script(letter) for letter in text if letter.isalpha() or letter == "�")
    counts.pop("", None)
    return counts


def _name_script(letter: str) -> str:
    return unicodedata.name(letter, "").partition(" ")[0]


def is_unfinished(text: str) -> bool:
    """Whether a text of more than a few words ends in the middle of a sentence, as one that was cut does.

    Lists often end so, too: the share is worth comparing, a single text is not.
    """
    return len(text.strip()) >= _SHORTEST_SENTENCE and _UNFINISHED.search(text) is not None
