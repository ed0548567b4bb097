"""A service for which reading a prompt takes time, and which remembers to each caller what that caller asked."""

from __future__ import annotations

from dataclasses import replace

from detection.switch import CHAT, Variant
from harness.reference.settings import ServiceSettings

TOKEN_MS = 0.05


def _configure(settings: ServiceSettings) -> ServiceSettings:
    return replace(settings, prompt_token_ms=TOKEN_MS)


VARIANT = Variant(
    title="a long prompt takes time, and less when the same caller asks it again",
    protocols=(CHAT,),
    configure=_configure,
)
