"""One option is validated and obeyed, and every other spelling of it is accepted and passed over."""

from __future__ import annotations

from detection.switch import CHAT, Defect
from detection.thinking import think_where, wants_thinking

_KNOWN = ("think",)


DEFECT = Defect(
    title="of all switches of thinking it obeys `think`, and accepts the others",
    caught_by="ai-suite/integration/test_written_text.py::test_reasoning_promised",
    protocols=(CHAT,),
    wrap=lambda app: think_where(app, lambda request: wants_thinking(request, _KNOWN)),
    promises={"reasoning": "callers"},
)
