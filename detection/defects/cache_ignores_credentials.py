"""A cache in front of the door: whoever asks what was asked before gets the answer, with any key or none."""

from __future__ import annotations

from functools import partial

from detection.blind_cache import cache_answers
from detection.intercept import Inference
from detection.switch import Defect


def _make_key(call: Inference) -> str:
    return call.body.decode("latin-1")


DEFECT = Defect(
    title="what was answered once is answered to anybody, with any key or none",
    caught_by="ai-suite/smoke/test_credentials.py::test_enforced",
    needs_key=True,
    outside=partial(cache_answers, make_key=_make_key),
)
