"""A model that samples and may end its answer after any word."""

from __future__ import annotations

import random

from detection.model_habits import make_variant

_CHANCE = random.Random(9)


def _reword(question: str, usual: str) -> str:
    first, *words = usual.split(" ")
    spoken = [first]
    while len(spoken) <= len(words) and _CHANCE.random() > 0.15:
        spoken.append(words[len(spoken) - 1])
    return " ".join(spoken) or usual


VARIANT = make_variant("an answer may end after each of its words", _reword, is_stable=False)
