"""A model that puts its answers into markdown."""

from __future__ import annotations

from detection.model_habits import make_variant


def _reword(question: str, usual: str) -> str:
    return f"```text\n{usual}\n```"


VARIANT = make_variant("answers are in markdown code fences", _reword)
