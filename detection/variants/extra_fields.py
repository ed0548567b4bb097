"""Objects hold fields that no protocol knows, at every place where one fits: timings, fingerprints, nulls."""

from __future__ import annotations

from typing import Any

from detection.change_answer import change_answers
from detection.switch import CHAT, EMBEDDINGS, PLAIN, V2, Variant


def _extend(answer: dict[str, Any]) -> None:
    answer["timings"] = {"prompt_ms": 0.25, "predicted_ms": None}
    answer["x_reference"] = [{"nested": True}, None, "text"]
    for name in ("choices", "outputs", "data"):
        for record in answer.get(name, ()):
            record["x_extra"] = {"score": None}
    for choice in answer.get("choices", ()):
        (choice.get("message") or choice["delta"])["reasoning_content"] = None


VARIANT = Variant(
    title="answers hold fields that the protocol does not know",
    protocols=(PLAIN, V2, CHAT, EMBEDDINGS),
    wrap=lambda app: change_answers(app, _extend),
)
