"""A cache whose key is the prompt: the same prompt with other options gets the first one's answer (LiteLLM #894)."""

from __future__ import annotations

from functools import partial
from typing import Any

from detection.blind_cache import cache_answers
from detection.intercept import Inference
from detection.switch import CHAT, Defect


def _make_key(call: Inference) -> Any:
    return [call.request.get("messages"), call.streams]


DEFECT = Defect(
    title="answers come from a cache whose key is the prompt, whatever the options",
    caught_by="ai-suite/integration/test_cache.py::test_prompts",
    protocols=(CHAT,),
    wrap=partial(cache_answers, make_key=_make_key),
)
