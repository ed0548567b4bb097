"""Thinking comes in `reasoning_content` (DeepSeek, SGLang, llama.cpp), and is longer than a short answer may be."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.switch import CHAT, Variant
from detection.thinking import add_thinking


def _wrap(app: ASGIApp) -> ASGIApp:
    return add_thinking(app, 112, "reasoning_content")


VARIANT = Variant(
    name="thinks_beside_text",
    title="112 words of thinking come before each answer, beside its text",
    protocols=(CHAT,),
    wrap=_wrap,
    promises={"reasoning": "on"},
)
