"""Thinking comes in `reasoning` (vLLM, OpenRouter), and leaves room for the answer."""

from __future__ import annotations

from detection.switch import CHAT, Variant
from detection.thinking import add_thinking

VARIANT = Variant(
    title="six words of thinking come before each answer, beside its text",
    protocols=(CHAT,),
    wrap=lambda app: add_thinking(app, 6, "reasoning"),
    promises={"reasoning": "on"},
)
