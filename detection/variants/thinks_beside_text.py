"""Thinking comes in `reasoning_content` (DeepSeek, SGLang, llama.cpp), and is longer than a short answer may be."""

from __future__ import annotations

from detection.switch import CHAT, Variant
from detection.thinking import add_thinking

VARIANT = Variant(
    title="112 words of thinking come before each answer, beside its text",
    protocols=(CHAT,),
    wrap=lambda app: add_thinking(app, 112, "reasoning_content"),
    promises={"reasoning": "on"},
)
