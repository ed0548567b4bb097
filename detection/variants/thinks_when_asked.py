"""Callers switch thinking on and off, in each spelling that services know."""

from __future__ import annotations

from detection.switch import CHAT, Variant
from detection.thinking import think_where, wants_thinking

VARIANT = Variant(
    title="it thinks where the request switches thinking on, in whatever spelling",
    protocols=(CHAT,),
    wrap=lambda app: think_where(app, wants_thinking),
    promises={"reasoning": "callers"},
)
