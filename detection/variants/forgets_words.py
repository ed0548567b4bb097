"""A model that samples and drops words of what it was to repeat, without a pattern."""

from __future__ import annotations

import random

from detection.model_habits import make_variant

_CHANCE = random.Random(7)


def _reword(question: str, usual: str) -> str:
    return " ".join(word for word in usual.split(" ") if _CHANCE.random() > 0.15) or usual


VARIANT = make_variant("each word of an answer may be missing", _reword, is_stable=False)
