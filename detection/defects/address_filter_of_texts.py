"""A callback is called, unless its address looks like one of this machine: but one address has many spellings."""

from __future__ import annotations

import re

from detection.fetch import fetch_page
from detection.intercept import Inference, intercept
from detection.switch import CHAT, Defect

_OWN = re.compile(r"127\.0\.0\.1|localhost|0\.0\.0\.0", re.IGNORECASE)


async def _handle(call: Inference) -> None:
    url = call.request.get("url")
    await call.forward()
    if isinstance(url, str) and not _OWN.search(url):
        await fetch_page(url)


DEFECT = Defect(
    title="a callback to this machine is refused in one spelling and made in another",
    caught_by="ai-suite/adversarial/test_fetched_urls.py::test_fetched_urls",
    protocols=(CHAT,),
    wrap=lambda app: intercept(app, _handle),
)
