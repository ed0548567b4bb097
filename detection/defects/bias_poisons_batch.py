"""A `logit_bias` beyond the vocabulary raises in the sampler, and the step fails for the whole running batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from detection.poisoned_batch import poison_batches
from detection.switch import CHAT, Defect

_VOCABULARY = 256_000


def _is_beyond(request: Mapping[str, Any]) -> bool:
    bias = request.get("logit_bias")
    return isinstance(bias, dict) and any(not 0 <= int(token) < _VOCABULARY for token in bias)


DEFECT = Defect(
    title="a logit_bias beyond the vocabulary ends all answers that are under way",
    caught_by="ai-suite/integration/test_bad_beside.py::test_bad_requests_break_no_answer",
    protocols=(CHAT,),
    wrap=lambda app: poison_batches(app, _is_beyond),
)
