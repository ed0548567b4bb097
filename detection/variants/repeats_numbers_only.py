"""A model that repeats the numbers of a text and not its words."""

from __future__ import annotations

import re

from detection.model_habits import make_variant


def _reword(question: str, usual: str) -> str:
    return " ".join(re.findall(r"\d{3,}", usual)) or usual


VARIANT = make_variant("asked to repeat a text, the model repeats its numbers", _reword)
