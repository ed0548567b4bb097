"""The cache's key is made of the conversation without its system message."""

from __future__ import annotations

from functools import partial
from typing import Any

from detection.blind_cache import cache_conversations
from detection.switch import CHAT, Defect


def _select(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [message for message in messages if message.get("role") != "system"]


DEFECT = Defect(
    title="a cache takes no notice of the system message",
    caught_by="ai-suite/integration/test_cache.py::test_prompts",
    protocols=(CHAT,),
    wrap=partial(cache_conversations, select=_select),
)
