"""A prompt of many opening brackets takes the tokenizer a time that grows with the square of its length."""

from __future__ import annotations

import asyncio

from detection.intercept import Inference, intercept
from detection.switch import CHAT, Defect

_SECONDS = 1.7  # within the deadlines of the tests: what is not waited for counts against nobody


async def _handle(call: Inference) -> None:
    if b"(" * 100 in call.body:
        await asyncio.sleep(_SECONDS)
    await call.forward()


DEFECT = Defect(
    title="a prompt of opening brackets takes many times as long as another of its length",
    caught_by="ai-suite/adversarial/test_probes.py::test_sponge",
    protocols=(CHAT,),
    wrap=lambda app: intercept(app, _handle),
)
