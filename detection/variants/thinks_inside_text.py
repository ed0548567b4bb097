"""Thinking comes inside the text, between `<think>` tags (engines without a parser for it)."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.switch import CHAT, Variant
from detection.thinking import add_thinking


def _wrap(app: ASGIApp) -> ASGIApp:
    return add_thinking(app, 112, None)


VARIANT = Variant(
    name="thinks_inside_text",
    title="112 words of thinking come before each answer, between tags in its text",
    protocols=(CHAT,),
    wrap=_wrap,
    promises={"reasoning": "on"},
)
