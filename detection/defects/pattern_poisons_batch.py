"""A pattern that does not compile raises where the grammar is made, in the loop that serves everybody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from detection.poisoned_batch import poison_batches
from detection.switch import CHAT, Defect


def _is_broken(request: Mapping[str, Any]) -> bool:
    return '"(["' in str(request.get("response_format")).replace("'", '"')


DEFECT = Defect(
    title="a schema with a pattern that does not compile ends all answers that are under way",
    caught_by="ai-suite/integration/test_bad_beside.py::test_bad_requests_break_no_answer",
    protocols=(CHAT,),
    wrap=lambda app: poison_batches(app, _is_broken),
)
