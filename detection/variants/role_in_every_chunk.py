"""Every chunk names the role, and ids are short and come again (Ollama)."""

from __future__ import annotations

from random import Random
from typing import Any

from starlette.types import ASGIApp

from detection.change_answer import change_answers
from detection.switch import CHAT, Variant

_IDS = 1_000


def _wrap(app: ASGIApp) -> ASGIApp:
    numbers = Random(7)
    ids: dict[str, str] = {}

    def change(answer: dict[str, Any]) -> None:
        if "choices" not in answer:
            return
        if answer["id"] not in ids:
            ids[answer["id"]] = f"chatcmpl-{numbers.randrange(_IDS)}"
        answer["id"] = ids[answer["id"]]
        for choice in answer.get("choices", ()):
            if "delta" in choice:
                choice["delta"]["role"] = "assistant"

    return change_answers(app, change)


VARIANT = Variant(
    title="every chunk names the role, and ids are among a thousand",
    protocols=(CHAT,),
    wrap=_wrap,
)
