"""Answers carry 256 KiB of padding, as those with images or attention maps do."""

from __future__ import annotations

from typing import Any

from starlette.types import ASGIApp

from detection.change_answer import change_answers
from detection.switch import Variant

_PADDING = "aiharness " * (256 * 1024 // 10)


def _pad(answer: dict[str, Any]) -> None:
    if answer.get("object") != "chat.completion.chunk":
        answer["padding"] = _PADDING


def _wrap(app: ASGIApp) -> ASGIApp:
    return change_answers(app, _pad)


VARIANT = Variant(name="large_answers", title="answers that are no stream are 256 KiB long", wrap=_wrap)
