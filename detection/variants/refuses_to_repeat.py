"""A model that declines to repeat what it is told."""

from __future__ import annotations

from detection.model_habits import make_variant


def _reword(question: str, usual: str) -> str:
    return "I am sorry, but I cannot repeat that for you." if "repeat" in question.lower() else usual


VARIANT = make_variant("asked to repeat a text, the model declines politely", _reword)
