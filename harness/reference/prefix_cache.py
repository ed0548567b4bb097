"""Which beginnings of prompts were read lately, in whole blocks of tokens, as engines keep them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

BLOCK = 16
"""Tokens of a block, as in vLLM."""
_MOST = 20_000
"""Blocks that are kept; those that were not used for the longest time go first."""


class PrefixCache:
    """Blocks by the hash of all tokens up to their end."""

    def __init__(self) -> None:
        self._blocks: OrderedDict[int, None] = OrderedDict()

    def read(self, tokens: Sequence[str], caller: str = "") -> int:
        """Keep a caller's prompt; how many tokens of its beginning were kept before, never all: one is always read."""
        key, cached, is_kept = hash(caller), 0, True
        for end in range(BLOCK, len(tokens), BLOCK):
            key = hash((key, *tokens[end - BLOCK : end]))
            is_kept = is_kept and key in self._blocks
            if is_kept:
                cached = end
            self._blocks[key] = None
            self._blocks.move_to_end(key)
        while len(self._blocks) > _MOST:
            self._blocks.popitem(last=False)
        return cached
