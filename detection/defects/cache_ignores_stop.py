"""A cache of answers whose key lacks `stop`: with a stop sequence the whole answer comes again."""

from __future__ import annotations

from functools import partial
from typing import Any

from detection.blind_cache import cache_answers
from detection.intercept import Inference
from detection.switch import CHAT, Defect


def _make_key(call: Inference) -> Any:
    return {name: value for name, value in call.request.items() if name != "stop"}


DEFECT = Defect(
    title="answers come from a cache whose key lacks the stop sequences",
    caught_by="ai-suite/integration/test_cache.py::test_prompts",
    protocols=(CHAT,),
    wrap=partial(cache_answers, make_key=_make_key),
)
