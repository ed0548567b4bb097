"""The id of an inference is the key of its result: a second one with the same id gets the first one's outputs."""

from __future__ import annotations

from functools import partial
from typing import Any

from detection.blind_cache import cache_answers
from detection.intercept import Inference
from detection.switch import V2, Defect


def _make_key(call: Inference) -> Any:
    return call.request.get("id")


DEFECT = Defect(
    title="an inference with the id of an earlier one gets the earlier one's outputs",
    caught_by="ai-suite/integration/test_ids.py::test_same_request_id",
    protocols=(V2,),
    wrap=partial(cache_answers, make_key=_make_key),
)
