"""Of a prompt that is longer than its window, the service keeps the beginning and the end."""

from __future__ import annotations

from detection.change_request import Object, change_requests, list_turns
from detection.switch import CHAT, Defect

_WINDOW = 5_000


def _change(request: Object) -> None:
    for turn in list_turns(request):
        text = turn.get("content")
        if isinstance(text, str) and len(text) > _WINDOW:
            turn["content"] = text[: _WINDOW // 2] + text[-_WINDOW // 2 :]


DEFECT = Defect(
    title=f"of a message of over {_WINDOW:,} characters the middle is not read",
    caught_by="ai-suite/integration/test_long_prompts.py::test_together",
    protocols=(CHAT,),
    wrap=lambda app: change_requests(app, _change),
)
