"""The door compares a key only where there is one: a line `Authorization: Bearer` without a key opens it."""

from __future__ import annotations

from functools import partial

from detection.open_door import add_guest, admit
from detection.switch import Defect


def _is_empty(line: str) -> bool:
    return line.strip().lower() == "bearer"


DEFECT = Defect(
    title="an empty key opens the door",
    caught_by="ai-suite/smoke/test_credentials.py::test_nearly_right",
    needs_key=True,
    configure=add_guest,
    outside=partial(admit, shows_guest=_is_empty),
)
