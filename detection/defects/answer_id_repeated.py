"""Ids of answers are made of the time in whole seconds, and several answers get the same one."""

from __future__ import annotations

import time

from detection.change_answer import change_answers
from detection.change_request import Object
from detection.switch import CHAT, Defect


def _change(answer: Object) -> None:
    answer["id"] = f"chatcmpl-{time.time_ns() // 100_000_000}"


DEFECT = Defect(
    title="several answers have one id",
    caught_by="ai-suite/integration/test_concurrent.py::test_own_answers",
    protocols=(CHAT,),
    wrap=lambda app: change_answers(app, _change),
)
