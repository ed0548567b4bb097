"""A prompt that is to stand before its text does not, and only the text has log-probabilities."""

from __future__ import annotations

from detection.change_request import Object, change_requests
from detection.switch import COMPLETIONS, Defect


def _change(request: Object) -> None:
    request.pop("echo", None)


DEFECT = Defect(
    title="a prompt is not echoed although that is asked for",
    caught_by="ai-suite/integration/test_echo.py::test_prompt_covered",
    protocols=(COMPLETIONS,),
    wrap=lambda app: change_requests(app, _change),
)
