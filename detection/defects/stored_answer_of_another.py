"""Who knows the idempotency key of another caller gets that one's answer."""

from __future__ import annotations

from starlette.types import ASGIApp, Message

from detection.intercept import Inference, intercept
from detection.switch import CHAT, Defect


def _outside(app: ASGIApp) -> ASGIApp:
    stored: dict[str, list[Message]] = {}

    async def handle(call: Inference) -> None:
        answer = await call.collect()
        name = call.headers.get("idempotency-key")
        if name and answer[0]["status"] == 200:
            answer = stored.setdefault(name, answer)
        await call.replay(answer)

    return intercept(app, handle)


DEFECT = Defect(
    title="an answer that is stored for one caller is given to another",
    caught_by="ai-suite/adversarial/test_stored_answers.py::test_stored_answers",
    protocols=(CHAT,),
    promises={"idempotency": "Idempotency-Key"},
    needs_key=True,
    outside=_outside,
)
