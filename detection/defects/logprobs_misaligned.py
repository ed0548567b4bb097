"""Log-probabilities stand one token further than their text (vLLM #31135: text and logprobs part under buffering)."""

from __future__ import annotations

from typing import Any

from detection.change_answer import change_answers
from detection.switch import CHAT, Defect


def _shift(answer: dict[str, Any]) -> None:
    for choice in answer.get("choices", ()):
        tokens = (choice.get("logprobs") or {}).get("content")
        if tokens and len(tokens) > 1:
            tokens.append(tokens.pop(0))


DEFECT = Defect(
    title="log-probabilities belong to the token after their own",
    caught_by="ai-suite/integration/test_parameters.py::test_logprobs",
    protocols=(CHAT,),
    promises={"logprobs": True},
    wrap=lambda app: change_answers(app, _shift),
)
