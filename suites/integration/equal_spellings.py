"""Spellings of one request that mean the same: old and new names, texts as parts, defaults that are stated.

Tested in tests/suites/integration/test_equal_spellings.py.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from itertools import product

from harness.core.exchange import Query
from harness.core.generation_options import LIMIT_OPTIONS, find_limit_option

_OLD, _NEW = LIMIT_OPTIONS[:2]


def rename_limit(query: Query) -> Query:
    """The query with its limit of tokens under the newer name, or under the older one."""
    options = dict(query.options)
    name = find_limit_option(options)
    options[_NEW if name == _OLD else _OLD] = options.pop(name)
    return replace(query, options=options)


def split_content(query: Query) -> Query:
    """The prompt as a message whose content is a list of one part."""
    return replace(query, inputs=[{"role": "user", "content": [{"type": "text", "text": query.inputs}]}])


def _state(**options: object) -> Callable[[Query], Query]:
    return lambda query: replace(query, options={**query.options, **options})


_SPELLINGS: dict[str, Callable[[Query], Query]] = {
    "its content as a list of parts": split_content,
    "its limit under the other name": rename_limit,
    "n of 1": _state(n=1),
    "stream of false": _state(stream=False),
    "top_p of 1": _state(top_p=1),
}


def spell_query(query: Query, most: int, seed: int) -> dict[str, Query]:
    """The query in other spellings, by their words: all changes at once, the parts alone, and others by the seed."""
    chosen = [tuple(_SPELLINGS), tuple(_SPELLINGS)[:1]]
    combinations = list(product((False, True), repeat=len(_SPELLINGS)))[1:]
    random.Random(f"{seed} spellings").shuffle(combinations)
    for flags in combinations:
        chosen.append(tuple(name for name, is_used in zip(_SPELLINGS, flags, strict=True) if is_used))
    respelled: dict[str, Query] = {}
    for names in dict.fromkeys(chosen):
        changed = query
        for name in names:
            changed = _SPELLINGS[name](changed)
        respelled[", ".join(names)] = changed
        if len(respelled) == most:
            break
    return respelled
