"""A model that samples and says its words in another order now and then."""

from __future__ import annotations

import random

from detection.model_habits import make_variant

_CHANCE = random.Random(10)


def _reword(question: str, usual: str) -> str:
    words = usual.split()
    return " ".join(_CHANCE.sample(words, len(words))) if _CHANCE.random() < 0.5 else usual


VARIANT = make_variant("every other answer has its words in another order", _reword, is_stable=False)
