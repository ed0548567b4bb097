"""The search that attacks on texts share: the words that matter most first, each changed in the way that hurts most.

Tested in tests/attacks/test_characters.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from operator import itemgetter

import numpy as np

from harness.core.attack import Search, Task

_WORD = re.compile(r"\w+")
_LEAST_LETTERS, _MOST_WORDS = 2, 40
"""Letters of a word that is changed; words that are tried, the most important ones."""

SpellWord = Callable[[str, np.random.Generator], Sequence[str]]
"""The other spellings of a word that are tried, in this order."""


def search_words(task: Task, spell: SpellWord) -> Search:
    """Leave out each word once to see how much it matters; then, by importance, keep the worst spelling of each.

    A text without a word is a question, and no finding. A spelling that leaves the limit is not tried; of equally bad
    ones the least edited is kept.
    """
    assert isinstance(task.row, str)
    original = task.row
    generator = np.random.default_rng(task.seed)
    spans = [match.span() for match in _WORD.finditer(original) if len(match[0]) >= _LEAST_LETTERS]
    shortened = {}
    for place, (begin, end) in enumerate(spans):
        shorter = original[:begin] + original[end:]
        if task.distance.admits(original, shorter):
            shortened[place] = shorter
    margins = (yield list(shortened.values())) if shortened else ()
    importance = dict(zip(shortened, margins, strict=True))
    order = sorted(range(len(spans)), key=lambda place: (importance.get(place, 0.0), place))[:_MOST_WORDS]
    best, chosen = float("inf"), {place: original[slice(*spans[place])] for place in order}
    for _ in range(task.budget):
        before = dict(chosen)
        for place in order:
            texts: dict[str, str] = {}
            for word in spell(original[slice(*spans[place])], generator):
                changed = _join(original, spans, {**chosen, place: word})
                if word != chosen[place] and task.distance.allows(original, changed):
                    texts[word] = changed
            if not texts:
                continue
            margins = yield list(texts.values())
            edits = map(partial(task.distance.between, original), texts.values())
            margin, _, word = min(zip(margins, edits, texts, strict=True), key=itemgetter(0, 1))
            if margin < best:
                best, chosen[place] = margin, word
        if chosen == before:
            return


def _join(original: str, spans: Sequence[tuple[int, int]], words: dict[int, str]) -> str:
    """The original with other words at some places."""
    parts, end = [], 0
    for place in sorted(words):
        begin, following = spans[place]
        parts += [original[end:begin], words[place]]
        end = following
    return "".join(parts) + original[end:]
