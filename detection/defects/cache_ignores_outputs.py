"""A cache of answers whose key holds the model and the values: who asks for other outputs gets the first one's."""

from __future__ import annotations

from functools import partial
from typing import Any

from detection.blind_cache import cache_answers
from detection.intercept import Inference
from detection.switch import V2, Defect


def _make_key(call: Inference) -> Any:
    return [tensor.get("data") for tensor in call.request.get("inputs", ()) if isinstance(tensor, dict)]


DEFECT = Defect(
    title="answers come from a cache whose key lacks the outputs that are asked for, and the shapes",
    caught_by="ai-suite/integration/test_cache.py::test_rows",
    protocols=(V2,),
    wrap=partial(cache_answers, make_key=_make_key),
)
