"""`response_format` is passed over in silence, and free text comes (vLLM #53975: an old spelling is dropped)."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.change_request import change_requests
from detection.switch import CHAT, Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    return change_requests(app, lambda request: request.pop("response_format", None))


DEFECT = Defect(
    name="structured_output_ignored",
    title="free text is answered where a schema was asked for",
    caught_by="ai-suite/integration/test_structured.py::test_obeys",
    protocols=(CHAT,),
    promises={"structured_output": True},
    wrap=_wrap,
)
