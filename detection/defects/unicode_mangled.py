"""UTF-8 is read as Latin-1 somewhere on the way, so that é becomes Ã©."""

from __future__ import annotations

from detection.change_request import change_answer_texts
from detection.switch import CHAT, Defect

DEFECT = Defect(
    title="text that is not ASCII is read as Latin-1",
    caught_by="ai-suite/integration/test_unicode.py",
    protocols=(CHAT,),
    wrap=lambda app: change_answer_texts(app, lambda text: text.encode("utf-8", "surrogatepass").decode("latin-1")),
)
