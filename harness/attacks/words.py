"""Words replaced by others of the same meaning, which the user lists: `[adversarial] words`.

Which words mean the same depends on the text, so that no list is shipped: studies with readers find that most
replacements by embeddings change the meaning (Morris et al. 2020).
"""

from __future__ import annotations

import numpy as np

from harness.attacks._greedy import search_words
from harness.core.attack import AttackKind, Search, Task
from harness.core.threat import Norm


class Words:
    """The attack."""

    name = "words"
    title = "Words (the user's own synonyms)"
    kind = AttackKind(Norm.EDITS, takes="text", asks_first=True)

    def search(self, task: Task) -> Search:
        """One batch leaves out each word, then one batch for each word has its synonyms, in the word's case."""

        def list_synonyms(word: str, _: np.random.Generator) -> list[str]:
            others = task.words.get(word, task.words.get(word.lower(), ()))
            return [other.capitalize() if word[0].isupper() else other for other in others]

        yield from search_words(task, list_synonyms)


ATTACK = Words()
