"""Thinking comes inside the text, between `<think>` tags (engines without a parser for it)."""

from __future__ import annotations

from detection.switch import CHAT, Variant
from detection.thinking import add_thinking

VARIANT = Variant(
    title="112 words of thinking come before each answer, between tags in its text",
    protocols=(CHAT,),
    wrap=lambda app: add_thinking(app, 112, None),
    promises={"reasoning": "on"},
)
