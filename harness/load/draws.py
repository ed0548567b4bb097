"""Random numbers from a seed, lengths by distribution, and plain text of about so many tokens. Pure.

Tested in tests/load/workload/test_requests.py.
"""

from __future__ import annotations

import math
from random import Random

from harness.core.workload import Spread

_TRIES = 100
_WORDS_PER_SENTENCE = 12

NONCE_TOKENS = 10
"""About as many tokens as the nonce of a prompt has."""

_LIST = (
    "time people year way day thing man world life hand part place week case point company number group problem fact "
    "water room money story book word side kind head house service friend father power hour game line end member law "
    "car city name team minute idea body back parent face level office door health person art war history party result "
    "change morning reason research girl moment air teacher force education foot boy age policy process music market "
    "sense nation plan college interest death experience effect use class control care field development role effort "
    "rate heart drug show leader light voice wife police mind price report decision son view relation town road arm "
    "difference value building action season society tax director position player record paper space ground form event "
    "matter center couple site project activity star table need court oil situation cost industry figure street image "
    "phone data picture practice piece land product doctor wall worker news test movie north love step baby computer "
    "type attention film tree source hair window culture chance brother energy period course summer plant opportunity "
    "term letter condition choice south rule daughter floor campaign material population call economy hospital church "
    "risk fire future bank west sport board subject officer rest behavior performance top goal second bed order author "
    "blood agency nature color store sound movement page race concern series language response animal factor decade "
    "article east artist scene stock career treatment approach size dog fund media sign thought list individual"
)
_WORDS = _LIST.split()


class Draw(Random):
    """Random numbers that a text determines, the same on every machine."""


def draw_value(spread: Spread, draw: Draw) -> float:
    """One value of a distribution, from its `min` to its `max`; one outside is drawn again, at last cut off."""
    value = spread.middle
    for _ in range(_TRIES):
        value = _draw_unbounded(spread, draw)
        if spread.min <= value <= (math.inf if spread.max is None else spread.max):
            return value
    return min(max(value, spread.min), math.inf if spread.max is None else spread.max)


def draw_length(spread: Spread, draw: Draw) -> int:
    """A whole number of a distribution."""
    return round(draw_value(spread, draw))


def _draw_unbounded(spread: Spread, draw: Draw) -> float:
    if spread.kind == "uniform":
        return draw.uniform(spread.min, spread.max or spread.min)
    if spread.kind == "normal":
        return draw.gauss(spread.middle, spread.stdev)
    if spread.kind == "lognormal":
        variance = math.log1p((spread.stdev / spread.middle) ** 2)
        return draw.lognormvariate(math.log(spread.middle) - variance / 2, math.sqrt(variance))
    return spread.middle


def make_text(draw: Draw, tokens: int) -> str:
    """Sentences of plain words, about so many tokens: a common word is one, and so is a full stop."""
    sentences = []
    left = max(1, tokens)
    while left > 0:
        count = min(left - 1, draw.randint(_WORDS_PER_SENTENCE - 4, _WORDS_PER_SENTENCE + 4)) or 1
        words = draw.choices(_WORDS, k=count)
        sentences.append(" ".join(words).capitalize() + ".")
        left -= count + 1
    return " ".join(sentences)
