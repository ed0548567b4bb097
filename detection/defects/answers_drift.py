"""State of one request stays for the next: every third answer is another one to the same question."""

from __future__ import annotations

from itertools import count
from typing import Any

from starlette.types import ASGIApp

from detection.change_answer import change_answers
from detection.change_request import list_messages
from detection.switch import Defect

_EVERY = 3


def _wrap(app: ASGIApp) -> ASGIApp:
    numbers = count(1)

    def drift(answer: dict[str, Any]) -> None:
        # A stream is many objects, and each is an answer of its own here: some of its pieces drift.
        if next(numbers) % _EVERY:
            return
        for holder in list_messages(answer):
            if holder.get("content"):
                holder["content"] = holder["content"][::-1]
        for values in [answer.get("predictions"), *(output["data"] for output in answer.get("outputs", ()))]:
            if values:
                values[0] = 1 - values[0]

    return change_answers(app, drift)


DEFECT = Defect(
    title="every third answer to the same request is another one",
    caught_by="ai-suite/integration/test_repeat.py::test_same_",
    promises={"deterministic": True},
    wrap=_wrap,
)
