"""A model that has nothing to say now and then, without a pattern."""

from __future__ import annotations

import random

from detection.model_habits import make_variant

_CHANCE = random.Random(5)


def _reword(question: str, usual: str) -> str:
    return "" if _CHANCE.random() < 0.2 else usual


VARIANT = make_variant("one answer in five is empty", _reword, is_stable=False)
