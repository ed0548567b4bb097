"""A model that declines now and then, without a pattern."""

from __future__ import annotations

import random

from detection.model_habits import make_variant

_CHANCE = random.Random(8)


def _reword(question: str, usual: str) -> str:
    return "I would rather not." if _CHANCE.random() < 0.125 else usual


VARIANT = make_variant("one answer in eight is a polite refusal", _reword, is_stable=False)
