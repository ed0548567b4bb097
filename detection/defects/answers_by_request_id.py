"""Retries are recognised by the id of the request: whoever sends an id again gets the answer that it had first."""

from __future__ import annotations

from functools import partial

from detection.blind_cache import cache_answers
from detection.intercept import Inference
from detection.switch import CHAT, EMBEDDINGS, PLAIN, V2, Defect


def _make_key(call: Inference) -> str | None:
    return call.headers.get("x-request-id")


DEFECT = Defect(
    title="a request with the id of an earlier one gets the earlier one's answer",
    caught_by="ai-suite/integration/test_ids.py::test_same_request_id",
    protocols=(PLAIN, V2, CHAT, EMBEDDINGS),
    outside=partial(cache_answers, make_key=_make_key),
)
