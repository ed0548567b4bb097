"""A guess of the next tokens by what the prompt holds is taken twice: the JSON has a key two times."""

from __future__ import annotations

from detection.change_request import Object, change_pairs, list_messages
from detection.switch import CHAT, Defect


def _double(request: Object, answer: Object) -> None:
    if not str((request.get("response_format") or {}).get("type", "")).startswith("json"):
        return
    for holder in list_messages(answer):
        if '":' in (holder.get("content") or ""):
            holder["content"] = holder["content"].replace('":', '": ":', 1)


DEFECT = Defect(
    title="structured output has a token twice, and is no JSON",
    caught_by="ai-suite/integration/test_structured.py::test_obeys",
    protocols=(CHAT,),
    wrap=lambda app: change_pairs(app, _double),
    promises={"structured_output": True},
)
