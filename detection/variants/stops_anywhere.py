"""A model that samples and may end its answer after any word."""

from __future__ import annotations

import random

from detection.model_habits import make_variant

_CHANCE = random.Random(9)


def _reword(question: str, usual: str) -> str:
    first, *words = usual.split(" ")
    kept = [first]
    while len(kept) <= len(words) and _CHANCE.random() > 0.15:
        kept.append(words[len(kept) - 1])
    return " ".join(kept) or usual


VARIANT = make_variant("an answer may end after each of its words", _reword, is_stable=False)
