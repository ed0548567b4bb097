"""Callers switch thinking on and off, in each spelling that services know."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.switch import CHAT, Variant
from detection.thinking import think_where, wants_thinking


def _wrap(app: ASGIApp) -> ASGIApp:
    return think_where(app, wants_thinking)


VARIANT = Variant(
    name="thinks_when_asked",
    title="it thinks where the request switches thinking on, in whatever spelling",
    protocols=(CHAT,),
    wrap=_wrap,
    promises={"reasoning": "callers"},
)
