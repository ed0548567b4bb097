"""A window that is smaller than the prompt: its beginning is left out, with 200 (Ollama's num_ctx)."""

from __future__ import annotations

from detection.change_request import Object, change_requests
from detection.switch import CHAT, Defect

_MOST = 3_000


def _cut_prompt(request: Object) -> None:
    for message in request.get("messages") or ():
        if isinstance(message, dict) and isinstance(message.get("content"), str):
            message["content"] = message["content"][-_MOST:]


DEFECT = Defect(
    title="the beginning of a long prompt does not reach the model, with 200",
    caught_by="ai-suite/integration/test_limits.py::test_prompt_refused",
    protocols=(CHAT,),
    wrap=lambda app: change_requests(app, _cut_prompt),
)
