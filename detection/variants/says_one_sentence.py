"""A model that has one sentence for everything, as a service for greetings may have."""

from __future__ import annotations

from detection.model_habits import make_variant


def _reword(question: str, usual: str) -> str:
    return "Thank you for your message, we will be in touch with you soon."


VARIANT = make_variant("every answer is the same sentence", _reword)
