"""Every piece of a stream is stripped, so that the words run together (aprender #2367, goclaw #1324)."""

from __future__ import annotations

from typing import Any

from starlette.types import ASGIApp

from harness.reference.defect import Defect
from harness.reference.remake import said
from harness.reference.rewrite import changing
from harness.reference.switch import CHAT


def _strip(answer: dict[str, Any]) -> None:
    if answer.get("object") == "chat.completion.chunk":
        for delta in said(answer):
            if delta.get("content"):
                delta["content"] = delta["content"].strip()


def _wrap(app: ASGIApp) -> ASGIApp:
    return changing(app, _strip)


DEFECT = Defect(
    name="spaces_lost",
    title="streams lose the blanks between words",
    caught_by="ai-suite/smoke/test_stream.py::test_same_text",
    protocols=(CHAT,),
    promises={"deterministic": True},
    wrap=_wrap,
)
