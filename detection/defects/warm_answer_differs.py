"""What is found in the cache of prefixes is not what reading the prompt gives: the second answer is another one."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.change_answer import change_answers
from detection.change_request import Object, list_messages
from detection.intercept import Inference, intercept
from detection.switch import CHAT, Defect


def _spoil(answer: Object) -> None:
    for holder in list_messages(answer):
        if holder.get("role") and holder.get("content") is not None:
            holder["content"] = "Well. " + holder["content"]


def _wrap(app: ASGIApp) -> ASGIApp:
    spoiling, seen = change_answers(app, _spoil), set[str]()

    async def handle(call: Inference) -> None:
        prompt = str(call.request.get("messages"))
        if prompt in seen:
            call.app = spoiling
        seen.add(prompt)
        await call.forward()

    return intercept(app, handle)


DEFECT = Defect(
    title="a prompt that is in the cache has another answer than when it was new",
    caught_by="ai-suite/integration/test_parameters.py::test_repeatable",
    protocols=(CHAT,),
    wrap=_wrap,
    promises={"deterministic": True},
)
