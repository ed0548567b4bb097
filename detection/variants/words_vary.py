"""A model that samples: the same request has other words around the same content each time."""

from __future__ import annotations

import random

from detection.model_habits import make_variant

_CHANCE = random.Random(6)
_OPENINGS = ("Sure:", "Here you are.", "Of course!", "Certainly, here it is:", "As you wish,", "Well,", "", "Okay.")
_ENDINGS = ("", "", "Anything else?", "I hope that helps.", "Done.")


def _reword(question: str, usual: str) -> str:
    return f"{_CHANCE.choice(_OPENINGS)} {usual} {_CHANCE.choice(_ENDINGS)}"


VARIANT = make_variant("each answer is worded in another way", _reword, is_stable=False)
