"""Answers carry 256 KiB of padding, as those with images or attention maps do."""

from __future__ import annotations

from typing import Any

from detection.change_answer import change_answers
from detection.switch import Variant

_PADDING = "aiharness " * (256 * 1024 // 10)


def _pad(answer: dict[str, Any]) -> None:
    if answer.get("object") != "chat.completion.chunk":
        answer["padding"] = _PADDING


VARIANT = Variant(title="answers that are no stream are 256 KiB long", wrap=lambda app: change_answers(app, _pad))
