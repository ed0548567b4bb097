"""A cache whose key holds the first 96 characters of the input: inputs that differ late share one answer."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from detection.blind_cache import cache_answers
from detection.intercept import Inference
from detection.switch import CHAT, EMBEDDINGS, PLAIN, V2, Defect

_LONGEST = 96
"""Characters of the input that are in a key."""


def _make_key(call: Inference) -> Any:
    request = dict(call.request)
    name = next((field for field in ("messages", "instances", "inputs", "input") if field in request), "")
    text = json.dumps(request.pop(name, None))
    return [request, text[:_LONGEST]]


DEFECT = Defect(
    title="answers come from a cache whose key is the beginning of the input",
    caught_by="ai-suite/integration/test_cache.py::test_",
    protocols=(PLAIN, V2, CHAT, EMBEDDINGS),
    wrap=partial(cache_answers, make_key=_make_key),
)
