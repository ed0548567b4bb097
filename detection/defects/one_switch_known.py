"""One option is validated and obeyed, and every other spelling of it is accepted and passed over."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.switch import CHAT, Defect
from detection.thinking import think_where, wants_thinking

_KNOWN = ("think",)


def _wrap(app: ASGIApp) -> ASGIApp:
    return think_where(app, lambda request: wants_thinking(request, _KNOWN))


DEFECT = Defect(
    name="one_switch_known",
    title="of all switches of thinking it obeys `think`, and accepts the others",
    caught_by="ai-suite/integration/test_written_text.py::test_reasoning_promised",
    protocols=(CHAT,),
    wrap=_wrap,
    promises={"reasoning": "callers"},
)
