"""A cache of vectors whose key is the text: with other `dimensions` the first request's vector comes again."""

from __future__ import annotations

from functools import partial
from typing import Any

from detection.blind_cache import cache_answers
from detection.intercept import Inference
from detection.switch import EMBEDDINGS, Defect


def _make_key(call: Inference) -> Any:
    return {name: value for name, value in call.request.items() if name != "dimensions"}


DEFECT = Defect(
    title="vectors come from a cache whose key lacks the dimensions",
    caught_by="ai-suite/integration/test_cache.py::test_texts",
    protocols=(EMBEDDINGS,),
    wrap=partial(cache_answers, make_key=_make_key),
)
