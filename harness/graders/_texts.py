"""What graders that compare texts have in common."""

from __future__ import annotations

from typing import Any

from harness.core.evaluation import list_references


def find_text_problem(reference: Any) -> str:
    """Why this is neither a text nor a list of texts that an answer could equal; empty: it is."""
    choices = list_references(reference)
    if not choices:
        return "the list of references is empty: no answer could be right"
    for choice in choices:
        if not isinstance(choice, str):
            return f"the reference must be a text or a list of texts, got {choice!r:.60}"
        if not choice.strip():
            return "the reference is blank: an empty answer would be right"
    return ""


def describe_choices(reference: Any) -> str:
    """The references in words, for the reason of a wrong answer."""
    choices = [repr(choice)[:60] for choice in list_references(reference)]
    more = f" or {len(choices) - 3} others" if len(choices) > 3 else ""
    return " or ".join(choices[:3]) + more
