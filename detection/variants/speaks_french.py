"""A model that answers in another language than it is asked in."""

from __future__ import annotations

from detection.model_habits import make_variant

_FRENCH = {
    "words": "mots",
    "one": "un",
    "two": "deux",
    "three": "trois",
    "four": "quatre",
    "five": "cinq",
    "hello": "bonjour",
}


def _reword(question: str, usual: str) -> str:
    words = [
        _FRENCH.get(word.lower(), f"le {word}" if word.isalpha() and word.isascii() else word) for word in usual.split()
    ]
    return " ".join(words)


VARIANT = make_variant("answers are in French, numbers as they are", _reword)
