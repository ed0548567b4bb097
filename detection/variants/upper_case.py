"""A model that writes everything in capitals."""

from __future__ import annotations

from detection.model_habits import make_variant


def _reword(question: str, usual: str) -> str:
    return usual.upper()


VARIANT = make_variant("answers are in capital letters", _reword)
