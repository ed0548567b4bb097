"""A picture is fetched from wherever the request says it is, before it is known that the model reads no pictures."""

from __future__ import annotations

from detection.fetch import fetch_page
from detection.intercept import Inference, intercept
from detection.switch import CHAT, Defect


async def _handle(call: Inference) -> None:
    for message in call.request.get("messages", ()):
        content = message.get("content") if isinstance(message, dict) else None
        for part in content if isinstance(content, list) else ():
            if part.get("type") == "image_url":
                await fetch_page(str(part["image_url"]["url"]))
    await call.forward()


DEFECT = Defect(
    title="a picture is fetched from any address, this machine's own included",
    caught_by="ai-suite/adversarial/test_fetched_urls.py::test_fetched_urls",
    protocols=(CHAT,),
    wrap=lambda app: intercept(app, _handle),
)
