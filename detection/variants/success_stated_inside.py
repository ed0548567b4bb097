"""Each answer states its success in words of its own: a code of 0, an error of null, a detail that says so."""

from __future__ import annotations

from detection.change_answer import change_answers
from detection.change_request import Object
from detection.switch import CHAT, PLAIN, Variant


def _change(answer: Object) -> None:
    answer |= {"error": None, "errors": [], "code": 0, "status_code": 200, "detail": "all is well"}


VARIANT = Variant(
    title="answers state a code, an error of null and a detail",
    protocols=(PLAIN, CHAT),
    wrap=lambda app: change_answers(app, _change),
)
