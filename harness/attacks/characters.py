"""Characters of a text that a reader overlooks or reads all the same: typing errors, look-alikes, invisible ones, leet.

The order of words is that of DeepWordBug (Gao, Lanchantin, Soffa, Qi 2018), the unit is one edit. A reader still
understands the text, as long as `edits` is small against its length: whether it keeps its meaning is not judged.
"""

from __future__ import annotations

import numpy as np

from harness.attacks._greedy import search_words
from harness.core.attack import AttackKind, Search, Task
from harness.core.threat import Norm

LOOK_ALIKES = dict(zip("acehijoprsuxyABCEHIKMNOPSTXYZ", "асеһіјорrѕuхуАВСЕНІКМΝОРЅТХҮΖ", strict=True)) | {
    "d": "ԁ", "r": "г", "u": "υ", "v": "ν", "w": "ԝ", "n": "ո", "l": "ӏ", "g": "ɡ",
}  # fmt: skip
"""Cyrillic, Greek and Armenian letters that look like Latin ones."""
LEET = dict(zip("abegiostz", "483610572", strict=True))
INVISIBLE = ("\u200b", "\u200c", "\u2060", "\u00ad")
"""Zero-width space, zero-width non-joiner, word joiner, soft hyphen."""
_KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


def list_neighbours(letter: str) -> str:
    """The letters beside one on a keyboard, in its row and in the next ones."""
    for number, row in enumerate(_KEYBOARD):
        place = row.find(letter.lower())
        if place >= 0:
            near = row[max(place - 1, 0) : place] + row[place + 1 : place + 2]
            for other in (number - 1, number + 1):
                near += _KEYBOARD[other][place : place + 1] if 0 <= other < len(_KEYBOARD) else ""
            return near
    return ""


def misspell(word: str, generator: np.random.Generator) -> list[str]:
    """One spelling of each kind: swapped, missing, doubled, neighbouring key, look-alike, leet, invisible, case."""
    inner = range(1, len(word) - 1) or range(len(word))
    place = int(generator.choice(inner))
    spellings = [
        word[: place - 1] + word[place] + word[place - 1] + word[place + 1 :] if place else word[::-1],
        word[:place] + word[place + 1 :],
        word[:place] + word[place] + word[place:],
        word[:place] + str(generator.choice(INVISIBLE)) + word[place:],
        word[:place] + word[place].swapcase() + word[place + 1 :],
    ]
    for table in (LOOK_ALIKES, LEET):
        places = [number for number, letter in enumerate(word) if letter in table]
        if places:
            number = int(generator.choice(places))
            spellings.append(word[:number] + table[word[number]] + word[number + 1 :])
    if near := list_neighbours(word[place]):
        spellings.append(word[:place] + str(generator.choice(list(near))) + word[place + 1 :])
    return spellings


class Characters:
    """The attack."""

    name = "characters"
    title = "Characters (typing errors, look-alikes, invisible characters, leet)"
    kind = AttackKind(Norm.EDITS, takes="text", asks_first=True)

    def search(self, task: Task) -> Search:
        """One batch leaves out each word, then one batch for each word has its spellings."""
        yield from search_words(task, misspell)


ATTACK = Characters()
