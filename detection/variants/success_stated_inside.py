"""Each answer states its success in words of its own: a code of 0, an error of null, a detail that says so."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.change_answer import change_answers
from detection.change_request import Object
from detection.switch import CHAT, PLAIN, Variant


def _wrap(app: ASGIApp) -> ASGIApp:
    def change(answer: Object) -> None:
        answer |= {"error": None, "errors": [], "code": 0, "status_code": 200, "detail": "all is well"}

    return change_answers(app, change)


VARIANT = Variant(
    name="success_stated_inside",
    title="answers state a code, an error of null and a detail",
    protocols=(PLAIN, CHAT),
    wrap=_wrap,
)
