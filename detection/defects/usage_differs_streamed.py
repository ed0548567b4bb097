"""In a stream every event counts for a token, the role and the end too; in a whole answer the tokens count."""

from __future__ import annotations

from typing import Any

from detection.change_answer import change_answers
from detection.switch import CHAT, Defect

_EVENTS_WITHOUT_TOKENS = 2


def _count_events(answer: dict[str, Any]) -> None:
    counts = answer.get("usage")
    if counts and answer.get("object") == "chat.completion.chunk":
        counts["completion_tokens"] += _EVENTS_WITHOUT_TOKENS
        counts["total_tokens"] += _EVENTS_WITHOUT_TOKENS


DEFECT = Defect(
    title="a streamed answer is said to have two tokens more than the same one whole",
    caught_by="ai-suite/integration/test_usage.py::test_streamed_counts",
    protocols=(CHAT,),
    wrap=lambda app: change_answers(app, _count_events),
)
