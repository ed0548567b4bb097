"""The content-length is of the text's characters before they were encoded: smaller than the body that comes."""

from __future__ import annotations

from detection.change_wire import change_length
from detection.switch import Defect

DEFECT = Defect(
    title="the content-length of answers is 3 too small",
    caught_by="ai-suite/smoke/test_answer.py::test_valid",
    wire=change_length(-3),
)
