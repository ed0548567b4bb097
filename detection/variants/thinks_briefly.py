"""Thinking comes in `reasoning` (vLLM, OpenRouter), and leaves room for the answer."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.switch import CHAT, Variant
from detection.thinking import add_thinking


def _wrap(app: ASGIApp) -> ASGIApp:
    return add_thinking(app, 6, "reasoning")


VARIANT = Variant(
    name="thinks_briefly",
    title="six words of thinking come before each answer, beside its text",
    protocols=(CHAT,),
    wrap=_wrap,
    promises={"reasoning": "on"},
)
