"""One prefix cache for all callers: how soon an answer comes tells what others have asked."""

from __future__ import annotations

from dataclasses import replace

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Receive, Scope, Send

from detection.change_answer import change_answers
from detection.switch import CHAT, Defect
from detection.variants.prompts_take_time import TOKEN_MS
from harness.reference.settings import ServiceSettings


def _configure(settings: ServiceSettings) -> ServiceSettings:
    return replace(settings, prompt_token_ms=TOKEN_MS)


def _hide_count(answer: dict[str, object]) -> None:
    usage = answer.get("usage")
    if isinstance(usage, dict):
        usage.pop("prompt_tokens_details", None)


def _wrap(app: ASGIApp) -> ASGIApp:
    async def around(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = MutableHeaders(scope=scope)
            if "authorization" in headers:
                headers["authorization"] = "anybody"
        await app(scope, receive, send)

    return change_answers(around, _hide_count)


DEFECT = Defect(
    title="callers share a prefix cache, and its times tell what others asked",
    caught_by="ai-suite/adversarial/test_prefix_timing.py::test_prefix_isolation",
    protocols=(CHAT,),
    needs_key=True,
    configure=_configure,
    wrap=_wrap,
)
