"""Options of generation requests: the names of the limit of tokens, and how two sets of options are joined.

Tested in tests/config/test_endpoint_options.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LIMIT_OPTIONS = ("max_tokens", "max_completion_tokens", "max_output_tokens", "max_new_tokens", "num_predict")
"""The names under which protocols limit the tokens of an answer: they are one option."""
DEFAULT_LIMIT = 16
"""Tokens of an answer to the sample, unless the configuration gives another limit."""


def merge_options(defaults: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """The chosen options, and the defaults that they do not replace; a limit replaces one of any other name."""
    merged = dict(defaults)
    if not set(LIMIT_OPTIONS).isdisjoint(chosen):
        for name in LIMIT_OPTIONS:
            merged.pop(name, None)
    return {**merged, **chosen}


def find_limit_option(options: Mapping[str, Any]) -> str:
    """The name of the limit of tokens in these options, otherwise `max_tokens`, which every adapter understands."""
    for name in LIMIT_OPTIONS:
        if options.get(name) is not None:
            return name
    return LIMIT_OPTIONS[0]


def choose_limit_value(options: Mapping[str, Any], needed: int) -> int:
    """The limit of tokens for an answer that needs `needed` of them: a larger one in the options is kept."""
    configured = options.get(find_limit_option(options))
    return max(needed, configured) if type(configured) is int else needed
