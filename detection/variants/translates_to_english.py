"""A model that translates foreign text in place of repeating it."""

from __future__ import annotations

import re

from detection.model_habits import make_variant

_FOREIGN = re.compile(r"[^\x00-\x7f]+")


def _reword(question: str, usual: str) -> str:
    return _FOREIGN.sub("some words in English", usual.replace("\0", " "))


VARIANT = make_variant("text in other scripts is answered in English", _reword)
