"""Beyond a horizon nothing of a prompt is found in the cache of prefixes (vLLM with sliding windows)."""

from __future__ import annotations

from typing import Any

from detection.change_answer import change_answers
from detection.switch import CHAT, Defect

_HORIZON = 1_500


def _lose(answer: dict[str, Any]) -> None:
    usage = answer.get("usage")
    if usage and usage["prompt_tokens"] > _HORIZON and usage.get("prompt_tokens_details"):
        usage["prompt_tokens_details"]["cached_tokens"] = 0


DEFECT = Defect(
    title=f"of prompts over {_HORIZON:,} tokens no prefix is cached",
    caught_by="ai-suite/integration/test_prefix_cache.py::test_kept",
    protocols=(CHAT,),
    wrap=lambda app: change_answers(app, _lose),
    promises={"prefix_cache": True},
)
