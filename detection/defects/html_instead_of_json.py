"""A page for people where a program expects JSON, with status 200: what a login portal or a misrouted ingress sends."""

from __future__ import annotations

from starlette.responses import HTMLResponse

from detection.change_answer import replace_answers
from detection.switch import Defect

_PAGE = "<!DOCTYPE html>\n<html><head><title>Welcome</title></head><body><h1>It works!</h1></body></html>\n"


DEFECT = Defect(
    title="every inference answers 200 with an HTML page",
    caught_by="ai-suite/smoke/test_answer.py::test_valid",
    wrap=lambda app: replace_answers(app, lambda path, body: HTMLResponse(_PAGE)),
)
