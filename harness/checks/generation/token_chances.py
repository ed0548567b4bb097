"""How far the log-probabilities of one answer from two engines are apart.

Tested in tests/checks/generation/test_token_chances.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

from harness.core.exchange import TokenLogprob

_LOWEST = -20.0
"""Where servers clip: what is less probable differs by nothing that matters."""


def measure_chance_distance(
    one: Sequence[TokenLogprob], other: Sequence[TokenLogprob], *, is_greedy: bool
) -> float | None:
    """The mean distance in nats over the tokens with which both answers begin; None without such tokens.

    Where greedy answers part, the token that one side prefers has at most a chance of one half on the other side. That
    distance counts by itself: a mean over a long beginning would hide it.
    """
    distances, parting = list[float](), 0.0
    for first, second in zip(one, other, strict=False):
        a, b = _read_token(first), _read_token(second)
        if a != b:
            is_cut_otherwise = a.startswith(b) or b.startswith(a)
            if is_greedy and not is_cut_otherwise:
                parting = max(first.logprob, second.logprob) + math.log(2)
            break
        distances.append(abs(max(first.logprob, _LOWEST) - max(second.logprob, _LOWEST)))
    if parting > 0:
        return max(parting, fmean(distances or [0.0]))
    return fmean(distances) if distances else None


def _read_token(token: TokenLogprob) -> str:
    """Its text without the marks that vocabularies have for a blank."""
    return token.token.replace("Ġ", " ").replace("▁", " ").strip()
