"""UTF-8 is read as Latin-1 somewhere on the way, so that é becomes Ã©."""

from __future__ import annotations

from starlette.types import ASGIApp

from detection.change_request import change_texts
from detection.switch import CHAT, Defect


def _wrap(app: ASGIApp) -> ASGIApp:
    return change_texts(app, lambda text: text.encode("utf-8", "surrogatepass").decode("latin-1"))


DEFECT = Defect(
    name="unicode_mangled",
    title="text that is not ASCII is read as Latin-1",
    caught_by="ai-suite/integration/test_unicode.py",
    protocols=(CHAT,),
    wrap=_wrap,
)
