"""Ids of answers are made of the time in whole seconds, and several answers get the same one."""

from __future__ import annotations

import time

from starlette.types import ASGIApp

from detection.change_answer import change_answers
from detection.change_request import Object
from detection.switch import CHAT, Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    def change(answer: Object) -> None:
        answer["id"] = f"chatcmpl-{time.time_ns() // 100_000_000}"

    return change_answers(app, change)


DEFECT = Defect(
    name="answer_id_repeated",
    title="several answers have one id",
    caught_by="ai-suite/integration/test_concurrent.py::test_own_answers",
    protocols=(CHAT,),
    wrap=_wrap,
)
